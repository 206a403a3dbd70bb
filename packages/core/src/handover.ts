import { at } from "./assert.ts";
import { countOwnVote } from "./election.ts";
import { type Entry, entryBytes } from "./entry.ts";
import { RaftError } from "./errors.ts";
import type { Handed } from "./fingerprint.ts";
import { type HardState, mustSync, sameHardState } from "./hard-state.ts";
import { announceChange } from "./heartbeat.ts";
import { isSafe, type LogIndex } from "./ids.ts";
import type { Message } from "./message.ts";
import { applyChange, leaveJointIfDue } from "./membership.ts";
import type { Offer, Pending } from "./outbox.ts";
import { releaseReads } from "./reads.ts";
import type { Ready } from "./ready.ts";
import { advanceCommit, dueAppends, hasDueAppends, onAppendHandedOver } from "./replication.ts";
import { hardStateOf, type RaftState } from "./state.ts";

/** A handover as a plain value. */
export interface HandoverImage {
  /** The number of the newest Ready that was made. */
  readonly madeNumber: number;
  /** The accepted Readys that are not reported durable, oldest first. */
  readonly pending: readonly Pending[];
}

/**
 * What passes between a node and its driver: Readys out, and the notices of what became of them. A Ready
 * is derived from the state when it is asked for; the state moves on when it is accepted.
 *
 *     offered ──accept──► pending ──persisted──► done
 *                            └──applied
 */
export class Handover {
  readonly #state: RaftState;
  /** The Ready that was handed out last and not accepted yet. */
  #offer: Offer | undefined;
  /** Whether nothing changed since `#offer` was made. */
  #offerIsCurrent = false;
  /** The number of the newest Ready that was made. */
  #madeNumber = 0;
  /** The accepted Readys that are not reported durable, oldest first. */
  #pending: Pending[] = [];

  constructor(state: RaftState) {
    this.#state = state;
  }

  /** An equal handover of `state`, which equals this one's. */
  copy(state: RaftState): Handover {
    const copy = new Handover(state);
    copy.#offer = this.#offer;
    copy.#offerIsCurrent = this.#offerIsCurrent;
    copy.#madeNumber = this.#madeNumber;
    copy.#pending = this.#pending.slice();
    return copy;
  }

  /** The handover as a plain value, without the Ready that was offered and not accepted, if there is one. */
  get image(): HandoverImage {
    return { madeNumber: this.#madeNumber, pending: this.#pending.slice() };
  }

  /** A handover of `state` that equals what `image` is of. */
  static fromImage(state: RaftState, { madeNumber, pending }: HandoverImage): Handover {
    const handover = new Handover(state);
    handover.#madeNumber = madeNumber;
    handover.#pending = pending.slice();
    return handover;
  }

  /** What the node knows of its driver's work. */
  get handed(): Handed {
    const ready = this.#offer?.ready;
    return {
      pending: this.#pending,
      offer: ready && { ready, isCurrent: this.#offerIsCurrent },
    };
  }

  /** The state changed: the Ready that was offered may not be all that is to be done. */
  changed(): void {
    this.#offerIsCurrent = false;
  }

  /** Whether a Ready would have anything to do. */
  get hasReady(): boolean {
    const state = this.#state;
    return (
      !state.outbox.isEmpty ||
      state.restoring !== undefined ||
      state.log.handedIndex < state.log.lastIndex ||
      !sameHardState(state.handedHardState, state) ||
      hasApplicable(state) ||
      hasDueAppends(state)
    );
  }

  /** What must be done now. */
  ready(): Ready {
    if (this.#offer !== undefined && this.#offerIsCurrent) return this.#offer.ready;
    const state = this.#state;
    const { outbox, role } = state;
    // Reads that come from now on must not count on heartbeats that may already be on their way.
    if (role.kind === "leader") role.offeredRound = role.readRound;
    const current = hardStateOf(state);
    const hardState = sameHardState(current, state.handedHardState) ? undefined : current;
    const entries = state.log.unhanded();
    const snapshot = state.restoring;
    this.#madeNumber += 1;
    const ready: Ready = {
      number: this.#madeNumber,
      messages: withAppends(outbox.messages, dueAppends(state)),
      snapshot,
      hardState,
      entries,
      mustSync: entries.length > 0 || snapshot !== undefined || bindsSoon(state, current),
      messagesAfterPersist: [...outbox.messagesAfterPersist],
      committed: nextCommitted(state),
      reads: [...outbox.reads],
    };
    this.#offer = { ready, outboxCount: outbox.messages.length };
    this.#offerIsCurrent = true;
    return ready;
  }

  /** Takes the newest Ready as handed over. Throws `stale_ready`. */
  accept(ready: Ready): void {
    const offer = this.#offer;
    if (offer === undefined || offer.ready !== ready) {
      throw stale(`Ready ${ready.number} is not the newest, or was accepted before`);
    }
    this.changed();
    this.#offer = undefined;
    const state = this.#state;
    state.outbox.drop({
      messages: offer.outboxCount,
      messagesAfterPersist: ready.messagesAfterPersist.length,
      reads: ready.reads.length,
    });
    for (let offset = offer.outboxCount; offset < ready.messages.length; offset++) {
      const message = at(ready.messages, offset);
      if (message.kind === "append-entries" || message.kind === "install-snapshot") {
        onAppendHandedOver(state, message);
      }
    }
    state.log.handedOver(ready.number, ready.entries);
    if (ready.hardState !== undefined) state.handedHardState = ready.hardState;
    if (ready.snapshot !== undefined) {
      state.applyingIndex = ready.snapshot.index;
      // A newer one may have come meanwhile, which is handed out next.
      if (state.restoring === ready.snapshot) state.restoring = undefined;
    }
    this.#noteApplying(ready.committed);
    this.#await(ready);
  }

  #noteApplying(committed: readonly Entry[]): void {
    const state = this.#state;
    const last = committed.at(-1);
    if (last === undefined) return;
    state.applyingIndex = last.index;
    const baseIndex = state.log.base.index;
    for (const entry of committed) {
      // What a snapshot has replaced since it was offered is applied all the same, and counts no more.
      if (entry.index <= baseIndex) continue;
      state.applyingBytes += entryBytes(entry);
      if (entry.kind === "conf-change") state.applyingChanges = [...state.applyingChanges, entry];
    }
  }

  /** Remembers what is to be reported durable. A Ready with nothing to write joins the one before. */
  #await({ number, snapshot, entries, hardState }: Ready): void {
    const newest = this.#pending.at(-1);
    const writes = entries.length > 0 || hardState !== undefined || snapshot !== undefined;
    if (newest === undefined || writes) {
      this.#pending.push({ number, lastNumber: number, hardState });
    } else {
      const { number: first, hardState: waiting } = newest;
      this.#pending[this.#pending.length - 1] = {
        number: first,
        lastNumber: number,
        hardState: waiting,
      };
    }
  }

  /** All accepted Readys up to `number` are durable. Throws `stale_ready`. */
  persisted(number: number): void {
    const isPending = this.#pending.some(
      (pending) => pending.number <= number && number <= pending.lastNumber,
    );
    if (!isPending || !isSafe(number)) {
      throw stale(`Ready ${number} was not accepted, or was reported durable before`);
    }
    this.changed();
    const state = this.#state;
    let done = 0;
    for (const { number: first, hardState } of this.#pending) {
      if (first > number) break;
      if (hardState !== undefined) state.persistedHardState = hardState;
      done += 1;
    }
    const rest = this.#pending[done - 1]?.lastNumber ?? number;
    this.#pending = this.#pending.slice(done);
    // Readys that joined one which is durable now are reported in their turn.
    if (rest > number) {
      this.#pending.unshift({ number: number + 1, lastNumber: rest, hardState: undefined });
    }
    state.log.persisted(number);
    countOwnVote(state);
    if (state.role.kind === "leader") advanceCommit(state, state.role);
  }

  /** The state machine has everything up to `index`; changes among it take effect. Throws `stale_ready`. */
  applied(index: LogIndex): void {
    const state = this.#state;
    if (!isSafe(index) || index < state.appliedIndex || index > state.applyingIndex) {
      const range = `${state.appliedIndex} to ${state.applyingIndex}`;
      throw stale(`entry ${index} was not handed out for applying: those are ${range}`);
    }
    this.changed();
    state.applyingBytes -= state.log.bytesBetween(state.appliedIndex, index);
    this.#applyChanges(index);
    state.appliedIndex = index;
    leaveJointIfDue(state);
  }

  /** The changes of the configuration up to `index` take effect, one after the other. */
  #applyChanges(index: LogIndex): void {
    const state = this.#state;
    if (state.applyingChanges.length === 0) return;
    const due = state.applyingChanges.filter((entry) => entry.index <= index);
    if (due.length === 0) return;
    state.applyingChanges = state.applyingChanges.slice(due.length);
    const watched = new Map(state.role.kind === "leader" ? state.role.peers : []);
    for (const entry of due) {
      // The configuration is that of what is applied, so the one goes with the other.
      state.appliedIndex = entry.index;
      applyChange(state, entry);
      if (state.role.kind !== "leader") continue;
      // A smaller majority may have what the larger one lacked.
      advanceCommit(state, state.role);
      releaseReads(state, state.role);
    }
    if (state.role.kind === "leader") announceChange(state, state.role, watched);
  }
}

function withAppends(messages: readonly Message[], due: readonly Message[]): readonly Message[] {
  return messages.length === 0 ? due : [...messages, ...due];
}

/** How far entries may be applied: committed, and durable on this node. */
function committable(state: RaftState): LogIndex {
  return Math.min(state.commitIndex, state.log.persistedIndex);
}

/**
 * Whether `entry` may be applied. A change of the configuration may only once this node's disk knows that
 * it is committed: a node that went by a configuration and then forgot that could be stuck, since those
 * who are needed to commit it again may be gone for good.
 */
function isApplicable(entry: Entry, { persistedHardState }: RaftState): boolean {
  return entry.kind !== "conf-change" || entry.index <= persistedHardState.commitIndex;
}

/** Whether `nextCommitted` is not empty, as long as nothing is to be restored first. */
function hasApplicable(state: RaftState): boolean {
  const { log, applyingIndex, applyingBytes, options } = state;
  if (committable(state) <= applyingIndex || applyingBytes >= options.applyBytesMax) return false;
  return isApplicable(log.entryAt(applyingIndex + 1), state);
}

/** The next entries to apply, within what may be handed out and not yet applied. */
function nextCommitted(state: RaftState): readonly Entry[] {
  if (state.restoring !== undefined || !hasApplicable(state)) return [];
  const { log, applyingIndex, applyingBytes, options } = state;
  const room = options.applyBytesMax - applyingBytes;
  const entries = log.slice(applyingIndex + 1, committable(state), room);
  const end = entries.findIndex((entry) => !isApplicable(entry, state));
  return end < 0 ? entries : entries.slice(0, end);
}

/** Whether `current` binds this node to more than what was handed out: a vote, or a configuration. */
function bindsSoon({ log, handedHardState }: RaftState, current: HardState): boolean {
  return (
    mustSync(handedHardState, current) ||
    log.hasKind("conf-change", handedHardState.commitIndex, current.commitIndex)
  );
}

function stale(message: string): RaftError {
  return new RaftError("stale_ready", message);
}
