import {
  assert,
  type Entry,
  isJoint,
  type LogIndex,
  type NodeId,
  RaftError,
  type RaftNode,
  sameConfState,
} from "@quorate/core";
import type { CallReply, Performance } from "./call.ts";
import { decodeChangeMembers } from "./member-codec.ts";
import { MemberOperation, type MemberOperationHost } from "./member-operation.ts";
import { type MemberPlan, planMembers, retelling } from "./member-plan.ts";
import { MemberRecorder } from "./member-recorder.ts";
import { goneOf, type Membership, membershipAfter, peersOf } from "./member-table.ts";
import type { MemberWish } from "./member-wish.ts";
import { looksAlike, type MembersView, viewOf } from "./members-view.ts";
import type { MemberChangeReport } from "./observations.ts";
import type { Clock, Introduction, Peer } from "./ports.ts";

/** What the table of members works with. */
export interface MembersHost {
  readonly node: RaftNode;
  readonly clock: Clock;
  /** An election timeout, in milliseconds. */
  readonly electionTimeoutMs: number;
  /** Why nothing can be appended now, or undefined if something can. */
  refusal(): RaftError | undefined;
  /** The core has new work. */
  wake(): void;
  /** The network is to know these peers, and these as removed, and the loop its members. */
  onChanged(membership: Membership, peers: readonly Peer[], gone: readonly NodeId[]): void;
}

/** Codes by which the core does not take a change at present, which is no reason to complain. */
const declining: ReadonlySet<string> = new Set([
  "not_leader",
  "leader_not_ready",
  "change_pending",
  "transferring",
  "busy",
]);

/**
 * The members of a group, as one of them knows it. On every replica it follows the log; on the leader it
 * makes the changes that are asked for, one at a time, and records what nodes say of themselves.
 */
export class Members {
  readonly #host: MembersHost;
  readonly #recorder = new MemberRecorder();
  #membership: Membership;
  /** The last entry that changed what a look at the members shows: not one that lets somebody go. */
  #changedIndex: LogIndex;
  /** Changes that the state machine has passed, and the core has not been told of. */
  #passed: Entry[] = [];
  #operation: MemberOperation | undefined;

  /**
   * `membership` is as of the core's `appliedIndex`. `self` is what this node says of itself: it is
   * recorded like what others say, when it leads.
   */
  constructor(membership: Membership, self: Introduction, host: MembersHost) {
    assert(
      sameConfState(membership.confState, host.node.confState),
      "the table of members and the core start from one configuration",
    );
    this.#membership = membership;
    this.#changedIndex = host.node.confIndex;
    this.#host = host;
    this.#recorder.onSeen(self);
  }

  /** As of what is applied: what belongs into a snapshot that is taken now. */
  get membership(): Membership {
    return this.#membership;
  }

  /** Tells the network whom there is. Called once, before it is opened. */
  start(): void {
    this.#tell();
  }

  /** A look at the members, as of what is applied here. */
  view(): MembersView {
    return viewOf(this.#membership, this.#host.node.appliedIndex);
  }

  /** The change that is being made; undefined if none is. */
  get change(): MemberChangeReport | undefined {
    return this.#operation?.report;
  }

  /** What would be done for `wish`. Throws `invalid_change` or `invalid_argument`. */
  plan(wish: MemberWish): MemberPlan {
    return planMembers(this.#membership, wish, this.#host.node.leader);
  }

  /** The method by which a leader changes members. Throws `malformed`, or `change_pending`. */
  perform(payload: Uint8Array, _timeoutMs: number, reply: CallReply): Performance {
    const asked = decodeChangeMembers(payload);
    if (this.#operation !== undefined && !this.#operation.isOver) {
      throw new RaftError("change_pending", "another change of members is being made");
    }
    const { node, clock, electionTimeoutMs } = this.#host;
    const host: MemberOperationHost = {
      node,
      clock,
      electionTimeoutMs,
      membership: () => this.#membership,
      changedIndex: () => this.#changedIndex,
      refusal: () => this.#host.refusal(),
      wake: () => this.#host.wake(),
    };
    const operation = new MemberOperation(asked, host, reply);
    this.#operation = operation;
    operation.advance();
    return operation;
  }

  /** A node connected, and said this of itself. */
  onPeerSeen(node: Introduction): void {
    this.#recorder.onSeen(node);
    this.#host.wake();
  }

  /** `entry` was applied to the state machine; the core has not been told. */
  onEntryApplied(entry: Entry): void {
    if (entry.kind === "conf-change") this.#passed.push(entry);
  }

  /** The core was told that all is applied that was passed. */
  onApplied(): void {
    if (this.#passed.length === 0) return;
    const before = this.#membership;
    for (const { data, index } of this.#passed) {
      const after = membershipAfter(this.#membership, data);
      if (!looksAlike(this.#membership, after)) this.#changedIndex = index;
      this.#membership = after;
    }
    this.#passed = [];
    this.#onChanged(before);
  }

  /** A snapshot was restored, and the core was told: this is the membership as of it. */
  onRestored(membership: Membership): void {
    const before = this.#membership;
    this.#membership = membership;
    this.#changedIndex = this.#host.node.confIndex;
    this.#passed = [];
    this.#onChanged(before);
  }

  /** Does what can be done now. Called after the core has changed, at least with every tick. */
  observe(): void {
    if (this.#operation !== undefined) {
      this.#operation.advance();
      if (this.#operation.isOver) this.#operation = undefined;
    }
    // A change that waits for a learner is not to keep those who have left.
    const isUrgent = this.#membership.table.leaving.length > 0;
    if (this.#operation === undefined || isUrgent) this.#record();
  }

  #onChanged(before: Membership): void {
    const { confIndex, appliedIndex } = this.#host.node;
    // The core knows a newer one already, from a snapshot that the state machine is about to get.
    if (confIndex > appliedIndex) return;
    assert(
      sameConfState(this.#membership.confState, this.#host.node.confState),
      "the table of members and the core have one configuration",
    );
    this.#recorder.onChanged(before, this.#membership);
    this.#tell();
    // At once: what is applied is done, even if leadership is lost before the next look.
    this.#operation?.advance();
  }

  #tell(): void {
    const membership = this.#membership;
    const peers = peersOf(membership, this.#host.node.id);
    this.#host.onChanged(membership, peers, goneOf(membership.table));
  }

  /** Records what is new of members, if this node leads and nothing else is to be changed. */
  #record(): void {
    const { node, clock } = this.#host;
    const { confState, table: known } = this.#membership;
    const now = clock.now();
    if (node.role !== "leader" || isJoint(confState) || !this.#recorder.isDue(known, now)) return;
    if (this.#host.refusal() !== undefined) return;
    const table = this.#recorder.take(this.#membership, now);
    if (table === undefined) return;
    try {
      node.proposeChange(retelling(confState, table));
    } catch (error) {
      if (!(error instanceof RaftError) || !declining.has(error.code)) throw error;
      // What a node said of itself can wait, but not those who are to go.
      if (known.leaving.length === 0) this.#recorder.onTried(now);
      return;
    }
    this.#recorder.onTried(now);
    this.#host.wake();
  }
}
