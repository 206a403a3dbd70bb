import {
  isJoint,
  type LogIndex,
  type NodeId,
  none,
  RaftError,
  type RaftNode,
  type Term,
} from "@quorate/core";
import type { CallEnd, Performance } from "./call.ts";
import { CatchUp, type CatchUpLook } from "./member-catch-up.ts";
import { type ChangeMembers, encodeChanged } from "./member-codec.ts";
import { planMembers, type PlannedStep, retelling } from "./member-plan.ts";
import type { Membership } from "./member-table.ts";
import type { MemberChangeReport, MemberChangeWait } from "./observations.ts";
import type { Clock } from "./ports.ts";

/** What an operation works with. */
export interface MemberOperationHost {
  readonly node: RaftNode;
  readonly clock: Clock;
  /** An election timeout, in milliseconds: a round of catching up must take less. */
  readonly electionTimeoutMs: number;
  /** As of what is applied. */
  membership(): Membership;
  /** The last entry that changed what one sees of the membership; at most the core's `appliedIndex`. */
  changedIndex(): LogIndex;
  /** Why nothing can be appended now, or undefined if something can. */
  refusal(): RaftError | undefined;
  /** The core has new work. */
  wake(): void;
}

/**
 * What the operation waits for.
 *
 *     turn ──► catching-up ──► turn ──► applied ──► turn ──► … ──► over
 *                                                     └──► retired ──►
 *
 * `turn`: the core takes one change at a time, and none before it has committed in its term.
 */
type Waiting =
  | { readonly kind: "turn" }
  | { readonly kind: "catching-up"; readonly catchUp: CatchUp }
  | { readonly kind: "applied"; readonly index: LogIndex }
  /** The leader is excluded: a majority of the others is to know it. Then the change was this. */
  | { readonly kind: "retired"; readonly changed: Uint8Array }
  | { readonly kind: "over" };

/** The codes by which the core says that a change may be proposed later. */
const postponing: ReadonlySet<string> = new Set([
  "leader_not_ready",
  "change_pending",
  "transferring",
  "busy",
]);

/**
 * One change of members, made by the leader: step by step, each once the one before it is applied.
 * After every step it plans anew, from how things are: so it can be begun again by anyone at any point.
 *
 * The last entry is one that changes nothing. Only a leader whose entry is committed can say for sure how
 * things are; and whoever holds an entry that was appended after a change was applied knows that the
 * change is committed. So once it is applied, a majority knows, and whoever was removed may be switched off
 * at once: nobody will ask for its vote. A leader that the change excludes cannot append any more: it leads
 * until a majority knows, and the operation ends with that.
 */
export class MemberOperation implements Performance {
  readonly #asked: ChangeMembers;
  readonly #reply: (result: Uint8Array | RaftError) => void;
  readonly #host: MemberOperationHost;
  readonly #term: Term;
  readonly #beganMs: number;
  #waiting: Waiting = { kind: "turn" };
  /** How many entries were proposed, and whether the last of them changes nothing. */
  #proposedCount = 0;
  #isClosing = false;
  /** The learners that have caught up. */
  #ready: readonly NodeId[] = [];
  /** Why the core postponed the next change. */
  #postponement: RaftError | undefined;

  /** `reply` is called once, unless `end` is called first. */
  constructor(
    asked: ChangeMembers,
    host: MemberOperationHost,
    reply: (result: Uint8Array | RaftError) => void,
  ) {
    this.#asked = asked;
    this.#host = host;
    this.#reply = reply;
    this.#term = host.node.term;
    this.#beganMs = host.clock.now();
  }

  get isOver(): boolean {
    return this.#waiting.kind === "over";
  }

  /** What it is, and what it waits for; undefined once it is over. */
  get report(): MemberChangeReport | undefined {
    const { kind } = this.#asked.wish;
    const waiting = this.#report();
    const forMs = this.#host.clock.now() - this.#beganMs;
    return waiting && { kind, forMs, waiting };
  }

  /** Goes on if it can: something changed, or time has passed. */
  advance(): void {
    const { node } = this.#host;
    if (this.isOver) return;
    if (node.role !== "leader" || node.term !== this.#term) {
      const waiting = this.#waiting;
      const isTold = waiting.kind === "retired" && node.status().stepDownReason === "removed";
      this.#finish(isTold ? waiting.changed : this.#lost());
      return;
    }
    try {
      this.#advance();
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.#finish(error.code === "not_leader" ? this.#lost() : error);
    }
  }

  end(why: CallEnd, cause: unknown = this.#postponement): RaftError | undefined {
    const waiting = this.#waiting;
    this.#waiting = { kind: "over" };
    if (why === "deadline" && waiting.kind === "catching-up") {
      return catchUpFailed(waiting.catchUp, this.#look(), "the time is over");
    }
    if (this.#proposedCount > 0 || why === "stopped") return undefined;
    const reason = why === "aborted" ? "aborted before" : "the time was over before";
    const options = cause === undefined ? {} : { cause };
    return new RaftError("unavailable", `${reason} the change could begin`, options);
  }

  #advance(): void {
    switch (this.#waiting.kind) {
      case "applied":
        if (this.#host.node.appliedIndex < this.#waiting.index) return;
        this.#waiting = { kind: "turn" };
        break;
      case "catching-up": {
        const { catchUp } = this.#waiting;
        const look = this.#look();
        const state = catchUp.look(look);
        if (state === "going-on") return;
        if (state === "failed") throw catchUpFailed(catchUp, look, "the log grows too fast");
        this.#ready = catchUp.ids;
        this.#waiting = { kind: "turn" };
        break;
      }
      case "retired":
      case "over":
        return;
      case "turn":
        break;
    }
    this.#takeTurn();
  }

  #takeTurn(): void {
    const { node } = this.#host;
    const membership = this.#host.membership();
    const { wish, ifIndex } = this.#asked;
    if (this.#proposedCount === 0) {
      // Not whether it is equal: after a snapshot, this index is only known to be no later.
      const changedIndex = this.#host.changedIndex();
      if (ifIndex !== undefined && changedIndex > ifIndex) {
        const changed = `entry ${changedIndex} changed the configuration, after ${ifIndex}`;
        throw new RaftError("configuration_changed", changed);
      }
      const refusal = this.#host.refusal();
      if (refusal !== undefined) throw refusal;
    }
    // The leader leaves it by itself.
    if (isJoint(membership.confState) && membership.confState.autoLeave) return;
    const [step] = planMembers(membership, wish, none).steps;
    if (step !== undefined) {
      this.#isClosing = false;
      const missing = step.catchUp.filter((id) => !this.#ready.includes(id));
      if (missing.length === 0) this.#propose(step.change);
      else this.#catchUp(step);
      return;
    }
    const changed = encodeChanged({ membership, index: node.appliedIndex });
    if (this.#isClosing) {
      this.#finish(changed);
    } else if (membership.confState.voters.includes(node.id)) {
      this.#isClosing = true;
      this.#propose(retelling(membership.confState, membership.table));
    } else {
      this.#waiting = { kind: "retired", changed };
    }
  }

  #catchUp({ catchUp: ids }: PlannedStep): void {
    const look = this.#look();
    const catchUp = new CatchUp(ids, this.#host.electionTimeoutMs, look);
    this.#waiting = { kind: "catching-up", catchUp };
    // Those who have the whole log need not wait for news of it.
    this.#advance();
  }

  #propose(change: PlannedStep["change"]): void {
    let index: LogIndex;
    try {
      index = this.#host.node.proposeChange(change);
    } catch (error) {
      if (!(error instanceof RaftError) || !postponing.has(error.code)) throw error;
      this.#postponement = error;
      this.#isClosing = false;
      return;
    }
    this.#proposedCount += 1;
    this.#waiting = { kind: "applied", index };
    this.#host.wake();
  }

  #report(): MemberChangeWait | undefined {
    const waiting = this.#waiting;
    switch (waiting.kind) {
      case "turn":
        return { kind: "turn", reason: this.#postponement?.message };
      case "catching-up": {
        const { ids } = waiting.catchUp;
        return { kind: "catching-up", ids, reason: waiting.catchUp.describe(this.#look()) };
      }
      case "applied":
        return { kind: "applied", index: waiting.index };
      case "retired":
        return { kind: "retired" };
      case "over":
        return undefined;
    }
  }

  #look(): CatchUpLook {
    const { progress, last } = this.#host.node.status();
    return {
      lastIndex: last.index,
      matchIndexOf: (id) => progress.find((peer) => peer.id === id)?.matchIndex ?? none,
      now: this.#host.clock.now(),
    };
  }

  #lost(): RaftError {
    const { leader, id } = this.#host.node;
    if (this.#proposedCount === 0) {
      return new RaftError("not_leader", `node ${id} leads no more`, { leader });
    }
    return new RaftError(
      "leadership_lost",
      `node ${id} lost leadership in the midst of the change: ask again for what is wanted`,
      { leader },
    );
  }

  #finish(result: Uint8Array | RaftError): void {
    this.#waiting = { kind: "over" };
    this.#reply(result);
  }
}

function catchUpFailed(catchUp: CatchUp, look: CatchUpLook, reason: string): RaftError {
  const what = `${reason}, and ${catchUp.describe(look)}`;
  return new RaftError("catch_up_failed", `${what}; it stays a learner, so ask again later`);
}
