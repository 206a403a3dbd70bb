import {
  type LogIndex,
  type NodeId,
  none,
  RaftError,
  type RaftNode,
  type Term,
  type Ticks,
} from "@quorate/core";
import { DiskWatch } from "./disk-watch.ts";
import { LeadershipPriority, type Preferences } from "./leadership-priority.ts";
import { LoopWatch } from "./loop-watch.ts";
import type { Clock } from "./ports.ts";
import type { LeadershipEnd } from "./replica.ts";

/** What leadership works with. */
export interface LeadershipHost extends Preferences {
  readonly node: RaftNode;
  readonly clock: Clock;
  /** The core has new work. */
  wake(): void;
  /** Runs `work`, which a timer delayed, as an event of its own. */
  resume(work: () => void): void;
}

/** How time is counted. */
export interface LeadershipTiming {
  readonly tickMs: number;
  readonly electionTimeoutTicks: Ticks;
}

/** How many election timeouts a write may take before the disk counts as stuck. */
const stuckTimeouts = 4;

/** Within how many election timeouts the event loop may not be late three times. */
const lagTimeouts = 30;

/** Learns who took over, or why nobody did. Called once. */
export type TransferReply = (result: NodeId | RaftError) => void;

/** A hand-over under way. */
interface Transfer {
  readonly term: Term;
  readonly target: NodeId;
  readonly replies: Set<TransferReply>;
  /** Whether to stop being leader even if nobody takes over. */
  stepsDown: boolean;
}

/**
 * Gives leadership up, for whatever reason: because somebody asks for it, because a member of higher
 * priority is there, because the replica is being closed, or because it serves nobody well.
 *
 *     leads ──transfer──► transferring ──another leads a newer term──► done
 *       ▲ └── nobody can take over ─────────────┐      │
 *       │                                       ▼      ▼ the core gives up after an election timeout
 *       └──────────────── if it may lead on ── given up ── if it should not ──► steps down
 *
 * It is the only door to the core's `transferLeadership` and `stepDown`. A transfer is of one term: once
 * that is over it changes nothing any more, whoever leads.
 */
export class Leadership {
  readonly #host: LeadershipHost;
  readonly #priority: LeadershipPriority;
  readonly #diskWatch: DiskWatch;
  readonly #loopWatch: LoopWatch;
  #transfer: Transfer | undefined;
  /** The newest term in which a transfer was begun. */
  #transferTerm: Term = none;
  /** The newest term that this node was seen to lead. */
  #ledTerm: Term = none;
  /** Why it gives up the leadership of a term. */
  #reason: { readonly term: Term; readonly end: LeadershipEnd } | undefined;
  #lastEnd: LeadershipEnd | undefined;

  constructor({ tickMs, electionTimeoutTicks }: LeadershipTiming, host: LeadershipHost) {
    const timeoutMs = electionTimeoutTicks * tickMs;
    this.#host = host;
    this.#priority = new LeadershipPriority(electionTimeoutTicks, host);
    this.#diskWatch = new DiskWatch(stuckTimeouts * electionTimeoutTicks);
    // Followers do not wait longer for the heartbeat that follows the last one in time.
    this.#loopWatch = new LoopWatch(host.clock, timeoutMs - tickMs, lagTimeouts * timeoutMs);
  }

  /**
   * Whether the core's time must stand still: a node whose disk is stuck could win no election, and would
   * only disturb.
   */
  get isFrozen(): boolean {
    return this.#diskWatch.isStuck && this.#host.node.role !== "leader";
  }

  /** How the disk does. */
  get disk(): Pick<DiskWatch, "writingTicks" | "isStuck"> {
    return this.#diskWatch;
  }

  /**
   * Whether this leader began to hand over in its term, with whatever success: the request to campaign
   * may still be on its way.
   */
  get hasTransferred(): boolean {
    return this.#transferTerm === this.#host.node.term;
  }

  /** Watches a write to the log; gives what it gives. */
  duringWrite<T>(write: Promise<T>): Promise<T> {
    return this.#diskWatch.during(write);
  }

  /**
   * Hands leadership over to `to`, or to whoever is furthest for `none`. Replies with the id of the new
   * leader once it is known, or with `transfer_failed` once the core has given up. Throws `not_leader`,
   * `transferring` if a hand-over is under way, `invalid_argument` for whoever cannot lead.
   *
   * Returns what makes it forget `reply`; the transfer goes on.
   */
  transfer(to: NodeId, reply: TransferReply): () => void {
    const { node } = this.#host;
    if (node.role === "leader" && to === node.id) {
      reply(to);
      return () => {};
    }
    const { replies } = this.#begin(to, "transferred");
    replies.add(reply);
    return () => replies.delete(reply);
  }

  /**
   * Lets another take over before this replica closes. Undefined if it does not lead, or nobody can take
   * over, or `timeoutMs` is 0; else it resolves in any case: when another leads, when nobody will, or
   * after `timeoutMs` milliseconds. Nothing may be closed before.
   */
  handOver(timeoutMs: number): Promise<void> | undefined {
    const { node, clock } = this.#host;
    if (timeoutMs === 0 || node.role !== "leader") return undefined;
    const transfer = this.#beginFor("shutting-down", none);
    if (transfer === undefined) return undefined;
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        transfer.replies.delete(done);
        resolve();
      };
      const timer = clock.setTimer(timeoutMs, () => this.#host.resume(done));
      transfer.replies.add(done);
    });
  }

  /**
   * Ticks passed: `count` of them, late by `lateMs`. Called whether `isFrozen` or not, but not while the
   * disk is full: a leader whose disk is full falls silent instead.
   */
  onTicks(count: Ticks, lateMs: number): void {
    const { node } = this.#host;
    const isLeader = node.role === "leader";
    this.#diskWatch.onTicks(count);
    this.#loopWatch.onTicks(lateMs);
    this.#priority.onTicks(count, isLeader);
    if (!isLeader) return;
    if (this.#diskWatch.isStuck) this.#onStuck();
    else if (this.#loopWatch.takeLag()) this.#giveUp("event-loop-lag", none);
    else if (this.#priority.isDue && this.#transfer === undefined) this.#prefer();
  }

  /** The core may have changed: to be called before anybody is told of a new role. */
  observe(): void {
    const { node } = this.#host;
    if (node.role === "leader") this.#ledTerm = node.term;
    const transfer = this.#transfer;
    if (transfer === undefined) return;
    if (node.term > transfer.term) {
      if (node.leader !== none) this.#finish(transfer, node.leader);
      return;
    }
    if (node.role === "leader" && node.status().transferTarget === none) this.#onGivenUp(transfer);
  }

  /** The connection to `peer` was lost. */
  onDisconnected(peer: NodeId): void {
    // Whoever closes need not wait for it. For anybody else it may come back in time.
    if (this.#reason?.end !== "shutting-down" || this.#transfer?.target !== peer) return;
    this.#finish(this.#transfer, failed(`the connection to node ${peer} was lost`));
  }

  /** Why this node last stopped being leader; undefined if it never did. */
  get lastEnd(): LeadershipEnd | undefined {
    return this.#lastEnd;
  }

  /** This node has stopped being leader. Says why, as `lastEnd` does from now on. `isFull`: its disk is. */
  onEnded(isFull: boolean): LeadershipEnd | undefined {
    this.#lastEnd = this.#endOf(isFull);
    return this.#lastEnd;
  }

  /** Stops being leader, if it is: the group has removed this node. */
  retire(): void {
    const { node } = this.#host;
    if (node.role !== "leader") return;
    this.#reason = { term: node.term, end: "removed" };
    node.stepDown();
    this.#host.wake();
  }

  /** Tells everyone who waits that it is over. */
  stop(error: RaftError): void {
    if (this.#transfer !== undefined) this.#finish(this.#transfer, error);
  }

  #endOf(isFull: boolean): LeadershipEnd | undefined {
    const end = this.#host.node.status().stepDownReason;
    if (end === "no-quorum" || end === "removed") return end;
    if (this.#reason?.term === this.#ledTerm) return this.#reason.end;
    return end === "newer-term" && isFull ? "disk-full" : end;
  }

  /**
   * The disk of this leader is stuck. It is in nobody's way unless the disks of a majority go on without
   * it: if they do not, no other could be elected, and this one still serves reads.
   */
  #onStuck(): void {
    const { commitIndex, persistedIndex } = this.#host.node.status();
    if (commitIndex > persistedIndex) this.#giveUp("disk-stuck", commitIndex);
  }

  /** Hands over to somebody who has the log up to `leastIndex`, and then leads no more in any case. */
  #giveUp(end: LeadershipEnd, leastIndex: LogIndex): void {
    const transfer = this.#beginFor(end, leastIndex);
    if (transfer !== undefined) transfer.stepsDown = true;
  }

  /** Hands over to a member of higher priority, if there is one that can take over. */
  #prefer(): void {
    const to = this.#priority.choose(this.#host.node.status());
    if (to === none) return;
    this.#priority.onAttempt();
    this.#tryBegin(to, "transferred");
  }

  /**
   * Begins a transfer for `end` to somebody who has the log up to `leastIndex`, or makes the one that is
   * under way one for it. Undefined if nobody can take over.
   */
  #beginFor(end: LeadershipEnd, leastIndex: LogIndex): Transfer | undefined {
    const { node } = this.#host;
    const transfer = this.#transfer;
    if (transfer?.term === node.term) {
      this.#reason = { term: node.term, end };
      return transfer;
    }
    const to = this.#successor(leastIndex);
    return to === none ? undefined : this.#tryBegin(to, end);
  }

  #tryBegin(to: NodeId, end: LeadershipEnd): Transfer | undefined {
    try {
      return this.#begin(to, end);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      return undefined;
    }
  }

  #begin(to: NodeId, end: LeadershipEnd): Transfer {
    const { node } = this.#host;
    const target = node.transferLeadership(to);
    const { term } = node;
    const transfer: Transfer = { term, target, replies: new Set(), stepsDown: false };
    if (this.#transfer !== undefined) {
      this.#finish(this.#transfer, failed("another transfer was begun in a newer term"));
    }
    this.#transfer = transfer;
    this.#transferTerm = term;
    this.#reason = { term, end };
    this.#host.wake();
    return transfer;
  }

  /**
   * The connected voter that is furthest, and of those the most active and preferred; `none` if none has
   * the log up to `leastIndex`.
   */
  #successor(leastIndex: LogIndex): NodeId {
    const host = this.#host;
    const [best] = host.node
      .status()
      .progress.filter(
        ({ id, isVoter, kind, matchIndex }) =>
          isVoter && kind === "replicate" && matchIndex >= leastIndex && host.isConnected(id),
      )
      .toSorted(
        (a, b) =>
          b.matchIndex - a.matchIndex ||
          Number(b.recentlyActive) - Number(a.recentlyActive) ||
          host.priorityOf(b.id) - host.priorityOf(a.id),
      );
    return best?.id ?? none;
  }

  #onGivenUp(transfer: Transfer): void {
    const { target, stepsDown } = transfer;
    if (stepsDown) {
      this.#host.node.stepDown();
      this.#host.wake();
    } else {
      this.#reason = undefined;
    }
    this.#finish(transfer, failed(`node ${target} did not take over`));
  }

  #finish(transfer: Transfer, result: NodeId | RaftError): void {
    if (this.#transfer === transfer) this.#transfer = undefined;
    const { id } = this.#host.node;
    const told = result === id ? failed("this node was elected again") : result;
    for (const reply of transfer.replies) reply(told);
  }
}

function failed(message: string): RaftError {
  return new RaftError("transfer_failed", message);
}
