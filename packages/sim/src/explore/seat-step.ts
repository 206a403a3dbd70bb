import {
  at,
  checkStep,
  type Entry,
  fingerprintMessage,
  type Message,
  type NodeId,
  none,
  origin,
  type Ready,
  type Status,
  type Term,
} from "@quorate/core";
import { Violation } from "../judge.ts";
import type { Fact } from "./fact.ts";
import type { CreateNode, ModelNode } from "./model-node.ts";
import { type Disk, logOf, type Promised, type Seat, type Write, written } from "./seat.ts";

/** What can happen to one seat. */
export type SeatInput =
  | { readonly kind: "deliver"; readonly message: Message }
  | { readonly kind: "campaign" | "propose" | "heartbeat" | "persist" }
  /** The host asks its node what to do, before as much has gathered as may. */
  | { readonly kind: "turn" }
  /** The power fails and comes back; the first `keep` of the uncertain writes are left. */
  | { readonly kind: "crash"; readonly keep: number };

/**
 * A deliberate defect of every host, to show that the invariants can fail.
 *
 * - `forgets-vote`: a crash loses the vote.
 * - `sends-early`: promises leave before the disk holds what they promise.
 * - `lying-disk`: writes are reported done and not certain to survive.
 * - `acknowledges-early`: a client is told that its command is committed when it is proposed.
 */
export type HostFlaw = "forgets-vote" | "sends-early" | "lying-disk" | "acknowledges-early";

/** How hosts work, the same for all seats. */
export interface HostRules {
  readonly voters: readonly NodeId[];
  readonly create: CreateNode;
  /** How many inputs may gather before the host asks its node what to do. At least 1. */
  readonly gatherMax: number;
  /** How many writes may be under way; with more, the oldest are done at once. At least 0. */
  readonly writesMax: number;
  readonly flaw: HostFlaw | undefined;
  /** Whether every message may come many times, so that sending it twice is sending it once. */
  readonly isSet: boolean;
}

/** What came of a step. */
export interface SeatOutcome {
  readonly seat: Seat;
  readonly sent: readonly Message[];
  readonly facts: readonly Fact[];
}

/** The one command that clients propose: what a command says decides nothing in the protocol. */
const command = new Uint8Array([0x78]);

/** Does `input` at `seat`, which stays as it is. Throws a `Violation` if an invariant breaks there. */
export function stepSeat(seat: Seat, input: SeatInput, rules: HostRules): SeatOutcome {
  const desk = new Desk(seat, rules);
  try {
    desk.take(input);
  } catch (error) {
    if (error instanceof Violation) throw error;
    // Whatever else a node throws, it broke its word: an assertion first of all.
    throw new Violation("contract", `node ${seat.raft.id}: ${String(error)}`);
  }
  return desk.outcome;
}

/** A seat while something happens to it. */
class Desk {
  readonly #rules: HostRules;
  #raft: ModelNode;
  #log: readonly Entry[];
  #disk: Disk;
  #writes: readonly Write[];
  #reportedCount: number;
  #promised: Promised;
  #gatheredCount: number;
  readonly #sent: Message[] = [];
  readonly #facts: Fact[] = [];

  constructor(seat: Seat, rules: HostRules) {
    this.#rules = rules;
    this.#raft = seat.raft.copy();
    this.#log = seat.log;
    this.#disk = seat.disk;
    this.#writes = seat.writes;
    this.#reportedCount = seat.reportedCount;
    this.#promised = seat.promised;
    this.#gatheredCount = seat.gatheredCount;
  }

  get outcome(): SeatOutcome {
    const seat: Seat = {
      raft: this.#raft,
      log: this.#log,
      disk: this.#disk,
      writes: this.#writes,
      reportedCount: this.#reportedCount,
      promised: this.#promised,
      gatheredCount: this.#gatheredCount,
    };
    return { seat, sent: this.#sent, facts: this.#facts };
  }

  take(input: SeatInput): void {
    if (input.kind === "crash") this.#crash(input.keep);
    else if (input.kind !== "turn") this.#watch(() => this.#do(input));
    this.#gatheredCount += 1;
    const { gatherMax, writesMax } = this.#rules;
    const hasTurn = input.kind === "turn" || this.#gatheredCount >= gatherMax;
    while (hasTurn && this.#raft.hasReady) {
      this.#watch(() => this.#turn());
      while (this.#writes.length - this.#reportedCount > writesMax) {
        this.#watch(() => this.#persist());
      }
    }
    if (!this.#raft.hasReady) this.#gatheredCount = 0;
  }

  #do(input: Exclude<SeatInput, { readonly kind: "crash" | "turn" }>): void {
    const raft = this.#raft;
    switch (input.kind) {
      case "deliver":
        this.#deliver(input.message);
        break;
      case "campaign":
        raft.campaign();
        break;
      case "heartbeat":
        raft.tick();
        break;
      case "propose": {
        const index = raft.propose(command);
        if (this.#rules.flaw !== "acknowledges-early") break;
        this.#facts.push({ kind: "acknowledged", id: { term: raft.term, index } });
        break;
      }
      case "persist":
        this.#persist();
        break;
    }
  }

  #deliver(message: Message): void {
    try {
      this.#raft.step(message);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "RaftError") throw error;
      const { id } = this.#raft;
      throw new Violation("contract", `node ${id} refuses a correct message: ${error.message}`);
    }
  }

  /** The host asks what to do, and does all of it but for writing. */
  #turn(): void {
    const ready = this.#raft.ready();
    this.#raft.accept(ready);
    this.#send(ready.messages);
    const { number, hardState, entries, mustSync } = ready;
    let promises = ready.messagesAfterPersist;
    if (this.#rules.flaw === "sends-early") {
      this.#send(promises);
      promises = [];
    }
    this.#submit({ number, hardState, entries, mustSync, promises });
    this.#reportLazy();
    this.#apply(ready);
  }

  /**
   * Hands a write to the disk. One of nothing is done as soon as the one before it, which it joins; what
   * is said over and over meanwhile is then said once.
   */
  #submit(write: Write): void {
    const last = this.#writes.at(-1);
    const isEmpty = write.hardState === undefined && write.entries.length === 0;
    if (!isEmpty || last === undefined || this.#writes.length === this.#reportedCount) {
      this.#writes = [...this.#writes, write];
      return;
    }
    const isNew = (promise: Message): boolean => {
      return this.#rules.isSet ? !last.promises.some((known) => isSame(known, promise)) : true;
    };
    const promises = [...last.promises, ...write.promises.filter(isNew)];
    this.#writes = [...this.#writes.slice(0, -1), { ...last, number: write.number, promises }];
  }

  /** Reports writes that need no sync, unless one that does is before them. */
  #reportLazy(): void {
    let write = this.#writes[this.#reportedCount];
    while (write !== undefined && !write.mustSync) {
      const isEmpty = write.hardState === undefined;
      // What was said once is not said again, and a write of nothing leaves nothing to lose.
      const left = isEmpty ? [] : [{ ...write, promises: [] }];
      this.#writes = this.#writes.toSpliced(this.#reportedCount, 1, ...left);
      if (!isEmpty) this.#reportedCount += 1;
      this.#raft.persisted(write.number);
      this.#send(write.promises);
      write = this.#writes[this.#reportedCount];
    }
  }

  #apply({ committed }: Ready): void {
    const last = committed.at(-1);
    if (last === undefined) return;
    this.#facts.push({ kind: "applied", entries: committed });
    this.#raft.applied(last.index);
    if (this.#raft.role !== "leader") return;
    for (const { kind, term, index } of committed) {
      if (kind !== "command" || term !== this.#raft.term) continue;
      this.#facts.push({ kind: "acknowledged", id: { term, index } });
    }
  }

  /** The disk reports the oldest write that it was asked to sync, and so all before it. */
  #persist(): void {
    const write = at(this.#writes, this.#reportedCount);
    const count = this.#reportedCount + 1;
    if (this.#rules.flaw !== "lying-disk") this.#disk = written(this.#disk, this.#writes, count);
    this.#writes = this.#writes.slice(count);
    this.#reportedCount = 0;
    this.#raft.persisted(write.number);
    this.#send(write.promises);
    this.#reportLazy();
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) {
      this.#sent.push(message);
      this.#promise(message);
    }
  }

  #promise(message: Message): void {
    const { kind, from, to, term } = message;
    switch (kind) {
      case "append-entries":
      case "heartbeat":
        this.#speakAsLeader(term);
        this.#promiseVote(term, none);
        break;
      case "append-entries-response":
        this.#promiseVote(term, none);
        break;
      case "request-vote":
        this.#promiseVote(term, from);
        break;
      case "request-vote-response":
        if (message.granted) this.#promiseVote(term, to);
        break;
      default:
        break;
    }
  }

  #speakAsLeader(term: Term): void {
    const last = this.#facts.at(-1);
    if (last?.kind !== "leads" || last.term !== term) this.#facts.push({ kind: "leads", term });
  }

  /** I7: within the newest term that it spoke in, a node votes once; a request is a vote for itself. */
  #promiseVote(term: number, vote: NodeId): void {
    const known = this.#promised;
    if (term > known.term) this.#promised = { term, vote };
    else if (term === known.term && vote !== none && vote !== known.vote) {
      if (known.vote !== none) {
        const { id } = this.#raft;
        throw new Violation(
          "I7",
          `node ${id} voted for ${known.vote} and for ${vote} in term ${term}`,
        );
      }
      this.#promised = { term, vote };
    }
  }

  #crash(keep: number): void {
    const { create, voters, flaw } = this.#rules;
    this.#disk = written(this.#disk, this.#writes, keep);
    if (flaw === "forgets-vote") {
      const { hardState, entries } = this.#disk;
      this.#disk = { hardState: { ...hardState, vote: none }, entries };
    }
    this.#writes = [];
    this.#reportedCount = 0;
    this.#gatheredCount = 0;
    const { id } = this.#raft;
    this.#raft = create(id, voters, { ...this.#disk, base: origin });
    this.#log = logOf(this.#raft);
    this.#checkStart(this.#raft.status());
    this.#facts.push({ kind: "appended", log: this.#log });
  }

  /** I6 and I7 across a crash. */
  #checkStart({ id, term, vote }: Status): void {
    const promised = this.#promised;
    if (term < promised.term) {
      throw new Violation(
        "I6",
        `node ${id} starts in term ${term} after promises in ${promised.term}`,
      );
    }
    if (term === promised.term && promised.vote !== none && vote !== promised.vote) {
      throw new Violation(
        "I7",
        `node ${id} starts with vote ${vote} after it voted for ${promised.vote} in term ${term}`,
      );
    }
  }

  /** Does `act` and notes what it changed. */
  #watch(act: () => void): void {
    const before = this.#raft.status();
    act();
    this.#raft.check();
    const after = this.#raft.status();
    if (after.term < before.term) {
      throw new Violation("I6", `node ${after.id} went from term ${before.term} to ${after.term}`);
    }
    if (after.commitIndex < before.commitIndex) {
      throw new Violation(
        "I8",
        `node ${after.id} went from commit ${before.commitIndex} back to ${after.commitIndex}`,
      );
    }
    this.#noteLog(before, after);
    checkStep(before, after);
    if (after.role === "leader" && (before.role !== "leader" || before.term !== after.term)) {
      this.#facts.push({ kind: "elected", term: after.term, log: this.#log });
    }
    if (after.commitIndex > before.commitIndex) this.#noteCommit(before, after);
  }

  #noteLog(before: Status, after: Status): void {
    const old = this.#log;
    const log = logOf(this.#raft);
    let kept = Math.min(old.length, log.length);
    while (kept > 0 && old[kept - 1] !== log[kept - 1]) kept -= 1;
    this.#log = log;
    const { id, term } = after;
    if (kept < old.length) {
      const entries = old.slice(kept);
      if (before.role === "leader" && after.role === "leader" && before.term === term) {
        throw new Violation("I2", `node ${id} leads term ${term} and removed entry ${kept + 1}`);
      }
      if (kept < before.commitIndex) {
        throw new Violation("I8", `node ${id} removed entry ${kept + 1}: it is committed`);
      }
      this.#facts.push({ kind: "removed", term, entries });
    }
    if (kept < log.length) this.#facts.push({ kind: "appended", log });
  }

  #noteCommit(before: Status, after: Status): void {
    const { id, term, commitIndex, role } = after;
    const log = this.#log.slice(0, commitIndex);
    const last = at(log, commitIndex - 1);
    if (role === "leader" && last.term !== term) {
      throw new Violation(
        "I4",
        `node ${id} leads term ${term} and commits ${last.term}/${last.index} by counting (§5.4.2)`,
      );
    }
    this.#facts.push({ kind: "committed", term, after: before.commitIndex, log });
  }
}

function isSame(a: Message, b: Message): boolean {
  return fingerprintMessage(a) === fingerprintMessage(b);
}
