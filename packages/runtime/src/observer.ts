import {
  type Message,
  type NodeId,
  none,
  type RaftNode,
  type Status,
  type Ticks,
} from "@quorate/core";
import { Contacts } from "./contacts.ts";
import { ElectionWatch } from "./election-watch.ts";
import type { Leadership } from "./leadership.ts";
import type { Members } from "./members.ts";
import type { Observations, Strain } from "./observations.ts";
import type { Clock } from "./ports.ts";
import { Stall } from "./stall.ts";

/** What an observer looks at. */
export interface ObserverHost {
  readonly node: RaftNode;
  readonly clock: Clock;
  /** The parts of the replica that it asks when it reports. */
  readonly parts: ObservedParts;
}

/** Parts of a replica, as far as an observer looks at them. */
export interface ObservedParts {
  readonly leadership: Pick<Leadership, "disk">;
  readonly reads: { readonly oldest: unknown };
  readonly members: Pick<Members, "change">;
}

/** The options that an observer goes by. */
export interface ObserverOptions {
  readonly tickMs: number;
  readonly electionTimeoutTicks: Ticks;
  readonly proposalCountMax: number;
  readonly unpersistedBytesMax: number;
  readonly raft: { readonly uncommittedBytesMax?: number };
}

/** How long the worst lateness of the event loop is remembered at least, in milliseconds. */
const lateMemoryMs = 5000;

/** What the core takes for `uncommittedBytesMax` unless it is told, in bytes. */
const uncommittedBytesDefault = 64 * 1024 * 1024;

/** Watches a replica, so that it can be explained why it does what it does. It changes nothing. */
export class Observer {
  readonly contacts: Contacts;
  readonly #host: ObserverHost;
  readonly #options: ObserverOptions;
  readonly #elections: ElectionWatch;
  readonly #leaderless = new Stall();
  readonly #commit = new Stall();
  readonly #apply = new Stall();
  readonly #read = new Stall();
  readonly #full = new Stall();
  /** Of each follower, as this leader sees it. */
  readonly #peers = new Map<NodeId, Stall>();
  #leaderHeard: { readonly leader: NodeId; readonly atMs: number } | undefined;
  #sampledMs = Number.NEGATIVE_INFINITY;
  /** The worst lateness since `sinceMs`, and in the time before that. */
  #late = { sinceMs: 0, worstMs: 0, beforeMs: 0 };

  constructor(options: ObserverOptions, host: ObserverHost) {
    this.#options = options;
    this.#host = host;
    this.contacts = new Contacts(host.clock);
    this.#elections = new ElectionWatch(host.clock);
  }

  /** A frame of `from` was taken in. */
  onFrame(from: NodeId): void {
    const { node, clock } = this.#host;
    this.contacts.onHeard(from, node.confState);
    if (node.leader === from) this.#leaderHeard = { leader: from, atMs: clock.now() };
  }

  onDisconnected(peer: NodeId, reason: string): void {
    this.contacts.onDisconnected(peer, reason, this.#host.node.confState);
  }

  onConnectFailed(peer: NodeId, reason: string): void {
    this.contacts.onConnectFailed(peer, reason, this.#host.node.confState);
  }

  /** This node was told `message`, and has taken it in. */
  onMessage(message: Message): void {
    this.#elections.onHeard(message);
  }

  /** This node says `messages`. */
  onSent(messages: readonly Message[]): void {
    for (const message of messages) this.#elections.onSent(message);
  }

  /** Ticks came, late by `lateMs`; `isFull`: the disk has no room. */
  onTicks(lateMs: number, isFull: boolean): void {
    const now = this.#host.clock.now();
    this.#noteLate(lateMs, now);
    this.#full.look(isFull ? true : undefined, now);
    if (this.#host.node.leader !== none) this.#elections.onLed();
    const { tickMs, electionTimeoutTicks } = this.#options;
    if (now - this.#sampledMs < (tickMs * electionTimeoutTicks) / 4) return;
    this.#sampledMs = now;
    this.#sample(this.#host.node.status(), now);
  }

  /** What was seen, up to now. */
  report(status: Status): Observations {
    const { tickMs, electionTimeoutTicks, proposalCountMax, unpersistedBytesMax } = this.#options;
    const { clock } = this.#host;
    const now = clock.now();
    // What has moved since the last look does not stand still.
    this.#sample(status, now);
    const heard = this.#leaderHeard;
    return {
      runningMs: this.contacts.runningMs,
      electionTimeoutMs: tickMs * electionTimeoutTicks,
      peers: this.contacts.report(
        status.confState,
        status.id,
        (peer) => this.#peers.get(peer)?.lastedMs(now) ?? 0,
      ),
      leaderHeard: heard && { leader: heard.leader, agoMs: now - heard.atMs },
      election: this.#elections.report(),
      strain: this.#strain(now),
      limits: {
        proposalCountMax,
        unpersistedBytesMax,
        uncommittedBytesMax: this.#options.raft.uncommittedBytesMax ?? uncommittedBytesDefault,
      },
      memberChange: this.#host.parts.members.change,
    };
  }

  #strain(now: number): Strain {
    const { writingTicks, isStuck } = this.#host.parts.leadership.disk;
    return {
      leaderlessMs: this.#leaderless.lastedMs(now),
      commitStalledMs: this.#commit.lastedMs(now),
      applyStalledMs: this.#apply.lastedMs(now),
      readStalledMs: this.#read.lastedMs(now),
      writingMs: writingTicks * this.#options.tickMs,
      diskIsStuck: isStuck,
      diskFullMs: this.#full.lastedMs(now),
      loopLateMs: Math.max(this.#late.worstMs, this.#late.beforeMs),
    };
  }

  #sample(status: Status, now: number): void {
    const { role, leader, last, commitIndex, appliedIndex, persistedIndex, progress } = status;
    this.#leaderless.look(leader === none ? true : undefined, now);
    const hasUncommitted = role === "leader" && last.index > commitIndex;
    this.#commit.look(hasUncommitted ? commitIndex : undefined, now);
    const isApplyDue = Math.min(commitIndex, persistedIndex) > appliedIndex;
    this.#apply.look(isApplyDue ? appliedIndex : undefined, now);
    this.#read.look(this.#host.parts.reads.oldest, now);
    for (const id of this.#peers.keys()) {
      if (!progress.some((peer) => peer.id === id)) this.#peers.delete(id);
    }
    for (const { id, matchIndex } of progress) {
      const stall = this.#peers.get(id) ?? new Stall();
      this.#peers.set(id, stall);
      stall.look(matchIndex < last.index ? matchIndex : undefined, now);
    }
  }

  #noteLate(lateMs: number, now: number): void {
    const { sinceMs, worstMs } = this.#late;
    if (now - sinceMs < lateMemoryMs) {
      this.#late.worstMs = Math.max(worstMs, lateMs);
      return;
    }
    const beforeMs = now - sinceMs < 2 * lateMemoryMs ? worstMs : 0;
    this.#late = { sinceMs: now, worstMs: lateMs, beforeMs };
  }
}
