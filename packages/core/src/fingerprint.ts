import { unreachable } from "./assert.ts";
import type { ConfState } from "./conf-state.ts";
import type { Entry, EntryId, EntryKind } from "./entry.ts";
import type { HardState } from "./hard-state.ts";
import { type NodeId, none } from "./ids.ts";
import type { Message } from "./message.ts";
import type { Progress } from "./progress.ts";
import type { Pending } from "./outbox.ts";
import type { Ready } from "./ready.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Leader, Peer, RaftState, Role } from "./state.ts";

/** How a fingerprint is taken. */
export interface FingerprintOptions {
  /**
   * Whether to leave out all that only the passing of time and chance decide: timers, random numbers,
   * which followers were heard from of late, and the name of the next read. Nodes that are equal but
   * for these do the same on every call but `tick` and `readIndex`.
   *
   * @default false
   */
  readonly timeless?: boolean;

  /**
   * What each node is called in the fingerprint, one to one. Two nodes whose fingerprints are equal
   * after such a renaming are in the same state but for who is who.
   *
   * @default every node keeps its id
   */
  readonly nameOf?: (id: NodeId) => NodeId;

  /**
   * Whether to tell of commands only how long they are, which is all that a node looks at: then the text
   * stays short, however much is in the log.
   *
   * @default false
   */
  readonly commandsByLength?: boolean;
}

/** What a node knows of its host's work, beside its state. */
export interface Handed {
  /** The accepted Readys that are not durable; oldest first. */
  readonly pending: readonly Pending[];
  /** The Ready that was handed out last and not accepted, and whether it is still what `ready()` says. */
  readonly offer: { readonly ready: Ready; readonly isCurrent: boolean } | undefined;
}

/**
 * All that decides what a node does from here on, as one line: equal lines, equal futures, given the
 * same options and calls. Numbers of Readys are left out, since only their order counts, and ticks are
 * counted from now. As long as what it describes: hash it to keep many.
 */
export function fingerprintOf(
  state: RaftState,
  handed: Handed,
  options: FingerprintOptions = {},
): string {
  const name = namer(options);
  const data = options.commandsByLength === true ? lengthOrHex : hex;
  const { id, term, vote, log, outbox } = state;
  return [
    `${name(id)} ${confText(state.confState, name)} ${state.confIndex}`,
    `${snapshotText(state.snapshot, name)} ${snapshotText(state.restoring, name)}`,
    `${term} ${name(vote)} ${roleText(state, state.role, options)}`,
    `${pair(log.base)} ${entriesText(log.slice(log.firstIndex, log.lastIndex), data)}`,
    `${log.handedIndex} ${log.persistedIndex}`,
    `${state.commitIndex} ${state.applyingIndex} ${state.appliedIndex}`,
    `${state.applyingChanges.map(pair).join(",")} ${state.applyingBytes}`,
    `${hardText(state.handedHardState, name)} ${boundText(state, state.persistedHardState, name)}`,
    writesText(state, handed.pending, name),
    handed.offer === undefined ? "" : offerText(handed.offer, name, data),
    messagesText(outbox.messages, name, data),
    messagesText(outbox.messagesAfterPersist, name, data),
    readsText(outbox.reads),
    options.timeless === true ? "" : timeText(state),
  ].join("|");
}

/** One message as a line that says all of it, so that only equal messages have equal lines. */
export function fingerprintMessage(message: Message, nameOf?: (id: NodeId) => NodeId): string {
  return messageText(message, namer(nameOf === undefined ? {} : { nameOf }), hex);
}

type Namer = (id: NodeId) => NodeId;

/** How the data of an entry is told. */
type DataText = (data: Uint8Array, kind: EntryKind) => string;

function namer({ nameOf }: FingerprintOptions): Namer {
  if (nameOf === undefined) return (id) => id;
  return (id) => (id === none ? none : nameOf(id));
}

function roleText(state: RaftState, role: Role, options: FingerprintOptions): string {
  const name = namer(options);
  const timed = options.timeless !== true;
  switch (role.kind) {
    case "follower": {
      const reads = Array.from(role.reads, ([readId, deadline]) =>
        timed ? `${readId}@${deadline - state.ticks}` : `${readId}`,
      );
      return `f${name(role.leader)} ${reads.join(",")}`;
    }
    case "pre-candidate":
    case "candidate": {
      const votes = byName(role.votes, name, (granted) => (granted ? "y" : "n"));
      return `${role.kind === "candidate" ? "c" : "p"}${votes}`;
    }
    case "leader": {
      const rounds = role.readRounds.map(({ round, index, requests }) => {
        const readers = requests.map(({ from, readId }) => `${name(from)}:${readId}`);
        return `${round}@${index}:${readers.join("+")}`;
      });
      const peers = byName(role.peers, name, (peer) => peerText(peer, timed));
      const reads = `${role.readRound}/${role.offeredRound} ${rounds.join(",")}`;
      return `l${peers} ${role.uncommittedBytes} ${reads} ${departureText(role, name, timed)}`;
    }
    default:
      return unreachable(role);
  }
}

function byName<T>(
  values: ReadonlyMap<NodeId, T>,
  name: Namer,
  text: (value: T) => string,
): string {
  const named = Array.from(values, ([id, value]) => [name(id), text(value)] as const);
  return named
    .sort(([a], [b]) => a - b)
    .map(([id, value]) => `${id}${value}`)
    .join(",");
}

function peerText({ progress, recentlyActive, confirmedRound }: Peer, timed: boolean): string {
  const active = timed && recentlyActive ? "a" : "";
  return `${progressText(progress)}${active}:${confirmedRound}`;
}

function progressText(progress: Progress): string {
  const { matchIndex, nextIndex } = progress;
  switch (progress.kind) {
    case "probe":
      return `p${matchIndex}-${nextIndex}${progress.awaiting ? "w" : ""}`;
    case "replicate": {
      const window = progress.inflights.window.map(
        ({ lastIndex, bytes }) => `${lastIndex}:${bytes}`,
      );
      return `r${matchIndex}-${nextIndex}${progress.nudge ? "n" : ""}[${window.join("+")}]`;
    }
    case "snapshot":
      return `s${matchIndex}-${nextIndex}>${progress.pendingIndex}`;
    default:
      return unreachable(progress);
  }
}

/** What a leader does about the configuration and about its own end. */
function departureText(leader: Leader, name: Namer, timed: boolean): string {
  const { pendingConfIndex, transfer, transferBegun, retirement } = leader;
  const elapsed = timed ? `@${transfer?.elapsedTicks ?? 0}` : "";
  const begun = transferBegun ? "t" : "";
  const transferText = transfer === undefined ? "" : `${name(transfer.to)}${elapsed}`;
  const rounds = byName(retirement?.toldRounds ?? new Map(), name, (round) => `:${round}`);
  const retirementText = retirement === undefined ? "" : `${retirement.index}[${rounds}]`;
  return `${pendingConfIndex} ${begun}${transferText} ${retirementText}`;
}

function confText(confState: ConfState, name: Namer): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  const lists = [voters, votersOutgoing, learners, learnersNext].map((ids) =>
    ids.map(name).sort(ascending).join(","),
  );
  return `${lists.join("/")}${autoLeave ? "a" : ""}`;
}

function snapshotText(snapshot: Snapshot | undefined, name: Namer): string {
  return snapshot === undefined ? "" : `${pair(snapshot)}(${confText(snapshot.confState, name)})`;
}

function messagesText(messages: readonly Message[], name: Namer, data: DataText): string {
  return messages.map((message) => messageText(message, name, data)).join(";");
}

function messageText(message: Message, name: Namer, data: DataText): string {
  const { from, to, kind, term } = message;
  return `${name(from)}>${name(to)} ${kind} ${term} ${bodyText(message, name, data)}`;
}

function bodyText(message: Message, name: Namer, data: DataText): string {
  switch (message.kind) {
    case "pre-vote":
      return pair(message.last);
    case "request-vote":
      return `${pair(message.last)}${message.transfer === true ? "t" : ""}`;
    case "pre-vote-response":
    case "request-vote-response": {
      const { granted, committed } = message;
      return `${granted ? "y" : "n"}${committed === undefined ? "" : pair(committed)}`;
    }
    case "append-entries":
      return `${pair(message.prev)} ${entriesText(message.entries, data)} ${message.commitIndex}`;
    case "append-entries-response":
      return `${message.matchIndex}`;
    case "append-entries-rejection":
      return `${message.prevIndex} ${pair(message.hint)}`;
    case "install-snapshot":
      return snapshotText(message.snapshot, name);
    case "timeout-now":
      return "";
    case "heartbeat":
      return `${message.commitIndex} ${message.readRound}`;
    case "heartbeat-response":
      return `${message.readRound}`;
    case "propose":
      return message.commands.map((command) => `${data(command, "command")},`).join("");
    case "read-index":
      return `${message.readId}`;
    case "read-index-response":
      return `${message.readId} ${message.index}`;
    default:
      return unreachable(message);
  }
}

function offerText(
  { ready, isCurrent }: NonNullable<Handed["offer"]>,
  name: Namer,
  data: DataText,
): string {
  // What `ready()` would say again follows from the state.
  if (isCurrent) return "current";
  return [
    messagesText(ready.messages, name, data),
    snapshotText(ready.snapshot, name),
    ready.hardState === undefined ? "" : hardText(ready.hardState, name),
    entriesText(ready.entries, data),
    messagesText(ready.messagesAfterPersist, name, data),
    entriesText(ready.committed, data),
    readsText(ready.reads),
  ].join("!");
}

/** The writes under way: up to where each makes the log durable, and what it stores beside. */
function writesText(state: RaftState, pending: Handed["pending"], name: Namer): string {
  const { log } = state;
  let end = log.persistedIndex;
  let text = "";
  for (const { number, hardState } of pending) {
    const next = Math.max(end, log.writeEnd(number) ?? end);
    if (hardState === undefined && next === end) continue;
    end = next;
    text += `${boundText(state, hardState, name)}@${end},`;
  }
  return text;
}

function readsText(reads: Ready["reads"]): string {
  return reads.map(({ readId, index }) => `${readId}@${index}`).join(",");
}

function timeText(state: RaftState): string {
  const { electionElapsedTicks, electionTimeoutTicks, heartbeatElapsedTicks } = state;
  const timers = `${electionElapsedTicks}/${electionTimeoutTicks} ${heartbeatElapsedTicks}`;
  return `${timers} ${promiseText(state)} ${state.random.state} ${state.nextReadId}`;
}

/** How much of its promise to a leader this node has kept already; all of it is all there is. */
function promiseText({ options, ticks, leaderHeardAt }: RaftState): string {
  if (!options.leaseReads) return "";
  return `${Math.min(ticks - leaderHeardAt, options.electionTimeoutTicks)}`;
}

function hardText({ term, vote, commitIndex }: HardState, name: Namer): string {
  return `${term}.${name(vote)}.${commitIndex}`;
}

/**
 * Of a hard state that goes to the disk a node asks for its own vote again, and, while it has a change of
 * the configuration to apply, how far the disk knows the log to be committed.
 */
function boundText(state: RaftState, hardState: HardState | undefined, name: Namer): string {
  if (hardState === undefined) return "";
  const { term, vote, commitIndex } = hardState;
  const binds = state.log.hasKind("conf-change", state.applyingIndex, state.commitIndex);
  return `${term}.${name(vote)}${binds ? `.${commitIndex}` : ""}`;
}

function entriesText(entries: readonly Entry[], text: DataText): string {
  return entries
    .map((entry) => `${pair(entry)}${entry.kind}:${text(entry.data, entry.kind)}`)
    .join(",");
}

function pair({ term, index }: EntryId): string {
  return `${term}/${index}`;
}

function lengthOrHex(data: Uint8Array, kind: EntryKind): string {
  return kind === "command" ? `${data.length}` : hex(data);
}

function hex(data: Uint8Array): string {
  let text = "";
  for (const byte of data) text += byte.toString(16).padStart(2, "0");
  return text;
}

function ascending(a: number, b: number): number {
  return a - b;
}
