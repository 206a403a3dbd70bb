import { decodeConfChange } from "./conf-codec.ts";
import type { Entry, EntryId } from "./entry.ts";
import { RaftError } from "./errors.ts";
import { isSafe, none, type Term, termMax } from "./ids.ts";
import type {
  AppendEntries,
  AppendEntriesRejection,
  InstallSnapshot,
  Message,
  ReadIndexResponse,
} from "./message.ts";
import { snapshotFlaw } from "./snapshot.ts";
import type { RaftState } from "./state.ts";

/**
 * Refuses a message that is malformed, misdirected, or that no correct sender could have sent to this
 * node, before it can change anything. What passes is trusted by all that follows.
 *
 * Throws `invalid_message`, `unknown_message`, `wrong_recipient`, `stranger` or `log_lost`.
 */
export function validateMessage(state: RaftState, message: Message): void {
  if (typeof message !== "object" || message === null) throw invalid("a message is an object");
  const { from, to, term } = message;
  if (!isSafe(from) || !isSafe(to) || !isSafe(term)) {
    throw invalid("from, to and term must be safe integers of at least 0");
  }
  if (to !== state.id) {
    throw new RaftError("wrong_recipient", `a message for node ${to} reached node ${state.id}`);
  }
  // A sender outside of the configuration may know a newer one: who may talk is the driver's to decide.
  if (from === state.id || from === none) {
    throw new RaftError("stranger", `node ${from} is not another node than node ${state.id}`);
  }
  validateKind(message);
  if (term === state.term) validateInTerm(state, message);
  validateHeld(state, message);
}

/** What each kind needs, whatever the state of the receiver. */
function validateKind(message: Message): void {
  switch (message.kind) {
    case "pre-vote":
    case "request-vote":
      checkTerm(message.term);
      checkId("last", message.last);
      // A candidate's term is newer than all it has, for nobody could lead that term before.
      if (message.last.term >= message.term) throw invalid("last is not older than the campaign");
      return;
    case "pre-vote-response":
    case "request-vote-response":
      checkTerm(message.term);
      if (message.committed !== undefined) checkId("committed", message.committed);
      if (typeof message.granted !== "boolean") throw invalid("granted must be true or false");
      return;
    case "append-entries":
      return validateAppend(message);
    case "append-entries-response":
      checkTerm(message.term);
      checkNumber("matchIndex", message.matchIndex);
      return;
    case "append-entries-rejection":
      return validateRejection(message);
    case "install-snapshot":
      return validateInstall(message);
    case "timeout-now":
      checkTerm(message.term);
      return;
    case "heartbeat":
      checkTerm(message.term);
      checkNumber("commitIndex", message.commitIndex);
      checkNumber("readRound", message.readRound);
      return;
    case "heartbeat-response":
      checkTerm(message.term);
      checkNumber("readRound", message.readRound);
      return;
    case "propose":
      checkNoTerm(message.term);
      checkArray("commands", message.commands);
      if (message.commands.length === 0) throw invalid("commands must not be empty");
      for (const command of message.commands) checkBytes("a command", command);
      return;
    case "read-index":
      checkNoTerm(message.term);
      checkReadId(message.readId);
      return;
    case "read-index-response":
      return validateReadResponse(message);
    default:
      return unknownKind(message);
  }
}

function validateAppend(message: AppendEntries): void {
  checkTerm(message.term);
  checkId("prev", message.prev);
  checkNumber("commitIndex", message.commitIndex);
  if (message.prev.term > message.term) throw invalid("prev is newer than the message");
  checkArray("entries", message.entries);
  let last = message.prev;
  for (const entry of message.entries) {
    checkEntry(entry);
    if (entry.index !== last.index + 1) {
      throw invalid(`entry ${entry.index} follows ${last.index}: the entries have a hole`);
    }
    if (entry.term < last.term || entry.term > message.term) {
      throw invalid(`the term of entry ${entry.index} is out of order: ${entry.term}`);
    }
    last = entry;
  }
}

function validateInstall({ term, snapshot }: InstallSnapshot): void {
  checkTerm(term);
  if (typeof snapshot !== "object" || snapshot === null) throw invalid("a snapshot is an object");
  const flaw = snapshotFlaw(snapshot);
  if (flaw !== undefined) throw invalid(`the snapshot is impossible: ${flaw}`);
  if (snapshot.index === none) throw invalid("a snapshot of nothing is not sent");
  if (snapshot.term > term) throw invalid("the snapshot is newer than the message");
  if (snapshot.confState.voters.length === 0) throw invalid("the snapshot has no voters");
}

function validateRejection(message: AppendEntriesRejection): void {
  checkTerm(message.term);
  checkNumber("prevIndex", message.prevIndex);
  checkId("hint", message.hint);
  if (message.hint.index > message.prevIndex) {
    throw invalid("the hint lies behind what is rejected");
  }
}

function validateReadResponse(message: ReadIndexResponse): void {
  // A node that never heard of a term refuses with its own, which is none.
  if (message.index !== none || message.term !== none) checkTerm(message.term);
  checkReadId(message.readId);
  checkNumber("index", message.index);
}

/** What no correct sender says in a term that this node is in. */
function validateInTerm(state: RaftState, message: Message): void {
  const { role } = state;
  switch (message.kind) {
    case "append-entries":
    case "install-snapshot":
    case "timeout-now":
    case "heartbeat": {
      const other =
        role.kind === "follower" && role.leader !== none && role.leader !== message.from;
      if (role.kind === "leader" || other) {
        throw invalid(`node ${message.from} claims to lead term ${state.term}, which has a leader`);
      }
      break;
    }
    case "append-entries-response":
      if (role.kind === "leader" && message.matchIndex > state.log.lastIndex) {
        throw invalid(`node ${message.from} acknowledges entry ${message.matchIndex}, never sent`);
      }
      break;
    case "heartbeat-response":
      if (role.kind === "leader" && message.readRound > role.offeredRound) {
        throw invalid(`node ${message.from} confirms round ${message.readRound}, never sent`);
      }
      break;
    default:
      break;
  }
}

/** A leader that counts on entries which this node does not have counts on a disk that was lost. */
function validateHeld(state: RaftState, message: Message): void {
  if (message.kind !== "heartbeat" || message.term < state.term) return;
  const { lastIndex } = state.log;
  if (message.commitIndex > lastIndex) {
    throw new RaftError(
      "log_lost",
      `node ${message.from} leads and has acknowledgements from this node up to entry ` +
        `${message.commitIndex}, but its log ends at ${lastIndex}`,
    );
  }
}

function unknownKind(message: never): never {
  const { kind } = message as { readonly kind: unknown };
  throw new RaftError("unknown_message", `a message has the unknown kind ${nameOf(kind)}`);
}

function checkEntry(entry: Entry): void {
  if (typeof entry !== "object" || entry === null) throw invalid("an entry is an object");
  checkId("an entry", entry);
  checkBytes("the data of an entry", entry.data);
  switch (entry.kind) {
    case "command":
      return;
    case "conf-change":
      return checkConfChange(entry.data);
    case "no-op":
      if (entry.data.length > 0) throw invalid(`no-op ${entry.index} carries data`);
      return;
    default:
      unknownEntryKind(entry.kind);
  }
}

function checkConfChange(data: Uint8Array): void {
  try {
    decodeConfChange(data);
  } catch (cause) {
    if (!(cause instanceof RaftError)) throw cause;
    throw new RaftError("invalid_message", cause.message, { cause });
  }
}

function unknownEntryKind(kind: never): never {
  throw invalid(`an entry has the unknown kind ${nameOf(kind)}`);
}

/** A kind for a message to people: it may be anything, even what has no text. */
function nameOf(kind: unknown): string {
  return typeof kind === "string" ? kind : `of type ${typeof kind}`;
}

function checkId(name: string, id: EntryId): void {
  if (typeof id !== "object" || id === null || !isSafe(id.term) || !isSafe(id.index)) {
    throw invalid(`${name} must have a term and an index that are safe integers of at least 0`);
  }
  if ((id.index === none) !== (id.term === none)) {
    throw invalid(`${name} has term ${id.term} and index ${id.index}: both are 0, or neither`);
  }
}

function checkTerm(term: Term): void {
  if (term === none || term > termMax) {
    throw invalid(`a term must be from 1 to ${termMax}: got ${term}`);
  }
}

function checkNoTerm(term: Term): void {
  if (term !== none) throw invalid(`a forwarded request has the term 0: got ${term}`);
}

function checkReadId(readId: number): void {
  checkNumber("readId", readId);
  if (readId === none) throw invalid("readId must be at least 1");
}

function checkNumber(name: string, value: number): void {
  if (!isSafe(value)) throw invalid(`${name} must be a safe integer of at least 0`);
}

function checkArray(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw invalid(`${name} must be an array`);
}

function checkBytes(name: string, value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) throw invalid(`${name} must be a Uint8Array`);
}

function invalid(message: string): RaftError {
  return new RaftError("invalid_message", message);
}
