import { copyState } from "./copy-state.ts";
import { dispatch } from "./dispatch.ts";
import { campaign, countOwnVote, tickCheckQuorum, tickElection } from "./election.ts";
import { type Entry, entryBytes } from "./entry.ts";
import { RaftError } from "./errors.ts";
import { type FingerprintOptions, fingerprintOf } from "./fingerprint.ts";
import { mustSync, sameHardState } from "./hard-state.ts";
import { sendHeartbeats, tickHeartbeat } from "./heartbeat.ts";
import { isSafe, type LogIndex, type NodeId, none, type ReadId, type Term } from "./ids.ts";
import { checkState } from "./invariants.ts";
import type { Message } from "./message.ts";
import { newState } from "./new-state.ts";
import type { RaftOptions } from "./options.ts";
import type { Offer, Pending } from "./outbox.ts";
import { startRead, tickReads } from "./reads.ts";
import type { Ready } from "./ready.ts";
import {
  advanceCommit,
  appendCommands,
  dueAppends,
  hasDueAppends,
  onAppendHandedOver,
  onUnreachable,
} from "./replication.ts";
import { hardStateOf, leaderOf, type RaftState } from "./state.ts";
import { type RoleKind, type Status, statusOf } from "./status.ts";
import { validateMessage } from "./validate-message.ts";

/** A state to go on from, given in the place of options: how a copy passes the door of new nodes. */
class Continuation implements RaftOptions {
  readonly seed: number;
  readonly state: RaftState;

  constructor(state: RaftState) {
    this.seed = state.options.seed;
    this.state = state;
  }
}

/**
 * One member of a Raft group, as a state machine without I/O, clock or randomness: `tick`, `propose`,
 * `step` and `readIndex` go in, a `Ready` comes out, and the notices `advance` (or `accept`,
 * `persisted`, `applied`) say what became of it. Two nodes given the same calls are equal, bit for bit.
 *
 * Whoever drives it calls `ready()` after other calls and does what it says, in the order it says.
 * No method may be called from within another.
 */
export class RaftNode {
  readonly #state: RaftState;
  /** The Ready that was handed out last and not accepted yet. */
  #offer: Offer | undefined;
  /** Whether nothing changed since `#offer` was made. */
  #offerIsCurrent = false;
  /** The number of the newest Ready that was made. */
  #madeNumber = 0;
  /** The accepted Readys that are not reported durable, oldest first. */
  #pending: Pending[] = [];

  /**
   * Starts node `id` of the group that it forms with `peers`: the other voters (naming `id` among them
   * is harmless). A group of one elects itself. A node that ran before is given what it stored in
   * `options.storage`. Throws `invalid_options`.
   */
  constructor(id: NodeId, peers: readonly NodeId[], options: RaftOptions = {}) {
    const isCopy = options instanceof Continuation;
    this.#state = isCopy ? options.state : newState(id, peers, options);
  }

  get id(): NodeId {
    return this.#state.id;
  }

  get term(): Term {
    return this.#state.term;
  }

  get role(): RoleKind {
    return this.#state.role.kind;
  }

  /** The leader of the current term as far as this node knows, or `none`. */
  get leader(): NodeId {
    return leaderOf(this.#state);
  }

  get commitIndex(): LogIndex {
    return this.#state.commitIndex;
  }

  get appliedIndex(): LogIndex {
    return this.#state.appliedIndex;
  }

  get lastIndex(): LogIndex {
    return this.#state.log.lastIndex;
  }

  /** Lets one unit of time pass: for elections, heartbeats, the quorum check and waiting reads. */
  tick(): void {
    this.#changed();
    const state = this.#state;
    state.ticks += 1;
    if (state.role.kind === "leader") {
      tickCheckQuorum(state);
      tickHeartbeat(state);
    } else {
      tickReads(state);
      tickElection(state);
    }
  }

  /**
   * Appends `data` to the leader's log and returns its index. The entry is committed once a Ready hands
   * it out with the current term at that index; if another term stands there, it never will be. The
   * bytes are taken over: never change them.
   *
   * On a follower with `forwardProposals`, sends it to the leader and returns `none`.
   * Throws `not_leader`, `busy`, `too_large` or `invalid_argument`, and then nothing happened.
   */
  propose(data: Uint8Array): LogIndex {
    if (!(data instanceof Uint8Array)) {
      throw new RaftError("invalid_argument", "a command must be a Uint8Array");
    }
    const state = this.#state;
    const { role, options, id: from } = state;
    const leader = leaderOf(state);
    if (role.kind === "leader" || !options.forwardProposals || leader === none) {
      const index = appendCommands(state, [data]);
      this.#changed();
      return index;
    }
    if (data.length > options.commandBytesMax) {
      const most = options.commandBytesMax;
      throw new RaftError("too_large", `a command of ${data.length} bytes exceeds ${most}`);
    }
    this.#changed();
    state.outbox.messages.push({ kind: "propose", from, to: leader, term: 0, commands: [data] });
    return none;
  }

  /**
   * Handles a message from another node. Messages may be lost, repeated, late and out of order.
   *
   * Throws `invalid_message`, `unknown_message`, `wrong_recipient`, `stranger` or `log_lost` for one
   * that no correct peer can have sent, and `not_leader`, `busy` or `too_large` for forwarded commands
   * that cannot be taken. Whatever it throws, nothing has changed.
   */
  step(message: Message): void {
    validateMessage(this.#state, message);
    dispatch(this.#state, message);
    this.#changed();
  }

  /**
   * Starts a linearizable read (thesis §6.4) and returns its name. A later Ready says how it ended:
   * with an index, and once that is applied the state may be read; or with `none`, and it may be tried
   * again. Works on followers too, which ask the leader; there it ends after at most
   * `electionTimeoutTicks`.
   *
   * Throws `not_leader` if no leader is known, `leader_not_ready` before the leader has committed in its
   * term, `busy` beyond `pendingReadCountMax`.
   */
  readIndex(): ReadId {
    const { readId, newRound } = startRead(this.#state);
    this.#changed();
    const { role } = this.#state;
    if (newRound && role.kind === "leader") sendHeartbeats(this.#state, role);
    return readId;
  }

  /** Campaigns now, as if the election timer had fired. A leader stays what it is. */
  campaign(): void {
    if (this.#state.role.kind === "leader") return;
    this.#changed();
    campaign(this.#state);
  }

  /** Says that the connection to `peer` was lost, and with it perhaps what was on the way. */
  reportUnreachable(peer: NodeId): void {
    this.#changed();
    onUnreachable(this.#state, peer);
  }

  /** Whether `ready()` would have anything to do. Cheaper than asking for it. */
  get hasReady(): boolean {
    const state = this.#state;
    return (
      !state.outbox.isEmpty ||
      state.log.handedIndex < state.log.lastIndex ||
      !sameHardState(state.handedHardState, hardStateOf(state)) ||
      (committable(state) > state.applyingIndex && hasApplyRoom(state)) ||
      hasDueAppends(state)
    );
  }

  /**
   * What must be done now: see `Ready` for the order. Pure: it gives the same answer until something
   * changes, and nothing is lost if the answer is thrown away.
   */
  ready(): Ready {
    if (this.#offer !== undefined && this.#offerIsCurrent) return this.#offer.ready;
    const state = this.#state;
    const { outbox, role } = state;
    // Reads that come from now on must not count on heartbeats that may already be on their way.
    if (role.kind === "leader") role.readRoundOpen = false;
    const current = hardStateOf(state);
    const hardState = sameHardState(current, state.handedHardState) ? undefined : current;
    const entries = state.log.unhanded();
    this.#madeNumber += 1;
    const ready: Ready = {
      number: this.#madeNumber,
      messages: [...outbox.messages, ...dueAppends(state)],
      hardState,
      entries,
      mustSync: entries.length > 0 || mustSync(state.handedHardState, current),
      messagesAfterPersist: [...outbox.messagesAfterPersist],
      committed: nextCommitted(state),
      reads: [...outbox.reads],
    };
    this.#offer = { ready, outboxCount: outbox.messages.length };
    this.#offerIsCurrent = true;
    return ready;
  }

  /**
   * Says that all of `ready` was done: sent, persisted, applied. The same as `accept`, `persisted` and
   * `applied` at once. Throws `stale_ready` unless it is the newest Ready, and not advanced before.
   */
  advance(ready: Ready): void {
    this.accept(ready);
    this.persisted(ready.number);
    const last = ready.committed.at(-1);
    if (last !== undefined) this.applied(last.index);
  }

  /**
   * Takes the newest Ready as handed over: the next holds only newer work. `persisted` and `applied`
   * must follow. Throws `stale_ready` unless it is the newest Ready, and not accepted before.
   */
  accept(ready: Ready): void {
    const offer = this.#offer;
    if (offer === undefined || offer.ready !== ready) {
      throw stale(`Ready ${ready.number} is not the newest, or was accepted before`);
    }
    this.#changed();
    this.#offer = undefined;
    const state = this.#state;
    state.outbox.drop({
      messages: offer.outboxCount,
      messagesAfterPersist: ready.messagesAfterPersist.length,
      reads: ready.reads.length,
    });
    for (const message of ready.messages.slice(offer.outboxCount)) {
      if (message.kind === "append-entries") onAppendHandedOver(state, message);
    }
    state.log.handedOver(ready.number, ready.entries);
    if (ready.hardState !== undefined) state.handedHardState = ready.hardState;
    for (const entry of ready.committed) state.applyingBytes += entryBytes(entry);
    state.applyingIndex = ready.committed.at(-1)?.index ?? state.applyingIndex;
    this.#await(ready);
  }

  /** Remembers what is to be reported durable. A Ready with nothing to write joins the one before. */
  #await({ number, entries, hardState }: Ready): void {
    const newest = this.#pending.at(-1);
    if (newest === undefined || entries.length > 0 || hardState !== undefined) {
      this.#pending.push({ number, lastNumber: number, hardState });
    } else {
      this.#pending[this.#pending.length - 1] = { ...newest, lastNumber: number };
    }
  }

  /**
   * Says that the hard states and entries of all accepted Readys up to `number` are durable. Throws
   * `stale_ready` for a number that was reported before, or that no accepted Ready waits under. Readys
   * with nothing to write wait together: any number among theirs stands for those up to it.
   */
  persisted(number: number): void {
    const isPending = this.#pending.some(
      (pending) => pending.number <= number && number <= pending.lastNumber,
    );
    if (!isPending || !isSafe(number)) {
      throw stale(`Ready ${number} was not accepted, or was reported durable before`);
    }
    this.#changed();
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

  /**
   * Says that the state machine has everything up to `index`, which an accepted Ready handed out. Throws
   * `stale_ready` for an index that was not, or that is older than one reported before.
   */
  applied(index: LogIndex): void {
    const state = this.#state;
    if (!isSafe(index) || index < state.appliedIndex || index > state.applyingIndex) {
      const range = `${state.appliedIndex} to ${state.applyingIndex}`;
      throw stale(`entry ${index} was not handed out for applying: those are ${range}`);
    }
    this.#changed();
    state.applyingBytes -= state.log.bytesBetween(state.appliedIndex, index);
    state.appliedIndex = index;
  }

  /** A look at this node, now. */
  status(): Status {
    return statusOf(this.#state);
  }

  /** The entries from `from` up to and including `to`, for tools and tests. Throws `invalid_argument`. */
  entries(from: LogIndex, to: LogIndex): readonly Entry[] {
    const { firstIndex, lastIndex } = this.#state.log;
    if (!isSafe(from) || !isSafe(to) || from < firstIndex || to > lastIndex) {
      throw new RaftError(
        "invalid_argument",
        `the log holds entries ${firstIndex} to ${lastIndex}`,
      );
    }
    return this.#state.log.slice(from, to);
  }

  /**
   * A node that behaves exactly as this one from here on, and that shares nothing with it which
   * changes: calls on one never show on the other. Cheap: entries and messages are shared, and only
   * lists are copied. A Ready that this node handed out may be accepted by both.
   *
   * For model checkers, and to find out what would happen. Never run a copy beside the original in a
   * real group: two nodes of one id break every promise.
   */
  copy(): RaftNode {
    const copy = new RaftNode(this.id, [], new Continuation(copyState(this.#state)));
    copy.#offer = this.#offer;
    copy.#offerIsCurrent = this.#offerIsCurrent;
    copy.#madeNumber = this.#madeNumber;
    copy.#pending = this.#pending.slice();
    return copy;
  }

  /**
   * All that decides what this node does from here on, as one line of text: two nodes with the same
   * options and equal fingerprints answer the same calls alike, for ever. The numbers of their Readys
   * may differ, and how many of those under way have nothing to write. The text itself is no format:
   * compare it, and keep it no longer than the process lives.
   */
  fingerprint(options: FingerprintOptions = {}): string {
    const ready = this.#offer?.ready;
    const offer = ready && { ready, isCurrent: this.#offerIsCurrent };
    return fingerprintOf(this.#state, { pending: this.#pending, offer }, options);
  }

  /** Checks the invariants of this node's state, and throws an `AssertionError` if one is broken. */
  check(): void {
    checkState(this.#state);
  }

  #changed(): void {
    this.#offerIsCurrent = false;
  }
}

/** How far entries may be applied: committed, and durable on this node. */
function committable(state: RaftState): LogIndex {
  return Math.min(state.commitIndex, state.log.persistedIndex);
}

function hasApplyRoom(state: RaftState): boolean {
  return state.applyingBytes < state.options.applyBytesMax;
}

/** The next entries to apply, within what may be handed out and not yet applied. */
function nextCommitted(state: RaftState): readonly Entry[] {
  const end = committable(state);
  if (end <= state.applyingIndex || !hasApplyRoom(state)) return [];
  const room = state.options.applyBytesMax - state.applyingBytes;
  return state.log.slice(state.applyingIndex + 1, end, room);
}

function stale(message: string): RaftError {
  return new RaftError("stale_ready", message);
}
