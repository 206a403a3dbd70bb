import { at, unreachable } from "./assert.ts";
import { decodeConfChange } from "./conf-codec.ts";
import type { ConfState } from "./conf-state.ts";
import type { Entry, EntryId } from "./entry.ts";
import { RaftError } from "./errors.ts";
import type { HardState } from "./hard-state.ts";
import { type NodeId, none } from "./ids.ts";
import type { Message } from "./message.ts";
import type { Ready, ReadState } from "./ready.ts";
import type { Snapshot } from "./snapshot.ts";
import type { PeerStatus, Status } from "./status.ts";

/**
 * Text for people, the same everywhere: scenario tests, logs, the command line, the dashboard.
 * A node is `n1`, an entry id is `term/index`, and nothing is `-`.
 */

/** One message as one line: `n1 -> n2 request-vote term=1 last=1/1`. */
export function describeMessage(message: Message): string {
  const { from, to, kind, term } = message;
  return `${node(from)} -> ${node(to)} ${kind} term=${term} ${describeBody(message)}`.trimEnd();
}

function describeBody(message: Message): string {
  switch (message.kind) {
    case "pre-vote":
      return `last=${id(message.last)}`;
    case "request-vote":
      return `last=${id(message.last)}${message.transfer === true ? " transfer" : ""}`;
    case "pre-vote-response":
    case "request-vote-response": {
      const { granted, committed } = message;
      return `granted=${granted}${committed === undefined ? "" : ` committed=${id(committed)}`}`;
    }
    case "append-entries": {
      const { prev, entries, commitIndex } = message;
      return `prev=${id(prev)} entries=${describeEntries(entries)} commit=${commitIndex}`;
    }
    case "append-entries-response":
      return `match=${message.matchIndex}`;
    case "append-entries-rejection":
      return `prev=${message.prevIndex} hint=${id(message.hint)}`;
    case "install-snapshot":
      return describeSnapshot(message.snapshot);
    case "timeout-now":
      return "";
    case "heartbeat":
      return `commit=${message.commitIndex} round=${message.readRound}`;
    case "heartbeat-response":
      return `round=${message.readRound}`;
    case "propose":
      return `commands=[${message.commands.map(describeData).join(" ")}]`;
    case "read-index":
      return `read=${message.readId}`;
    case "read-index-response":
      return `read=${message.readId} index=${orNone(message.index)}`;
    default:
      return unreachable(message);
  }
}

/** One entry: `2/7 "x=1"`, `2/6 no-op`. */
export function describeEntry(entry: Entry): string {
  switch (entry.kind) {
    case "command":
      return `${id(entry)} ${describeData(entry.data)}`;
    case "no-op":
      return `${id(entry)} no-op`;
    case "conf-change":
      return `${id(entry)} conf-change ${describeChange(entry.data)}`;
    default:
      return unreachable(entry.kind);
  }
}

/** What an entry leads to if it says so, else its bytes. */
function describeChange(data: Uint8Array): string {
  try {
    const { result } = decodeConfChange(data);
    if (result !== undefined) return describeConfState(result);
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
  }
  return describeData(data);
}

/** A configuration: `(1 2 3)`, joint `(1 2 4)&&(1 2 3) auto`, with learners `(1) learn(2) next(3)`. */
export function describeConfState(confState: ConfState): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  const list = (name: string, ids: readonly NodeId[]): string =>
    ids.length === 0 ? "" : `${name}(${ids.join(" ")})`;
  const outgoing = list("&&", votersOutgoing);
  const rest = `${list(" learn", learners)}${list(" next", learnersNext)}`;
  return `(${voters.join(" ")})${outgoing}${rest}${autoLeave ? " auto" : ""}`;
}

/** A snapshot: `snapshot=2/7 (1 2 3)`. */
export function describeSnapshot(snapshot: Snapshot): string {
  return `snapshot=${id(snapshot)} ${describeConfState(snapshot.confState)}`;
}

/** A run of entries: each of them if few, else the first, the last and how many. */
export function describeEntries(entries: readonly Entry[]): string {
  if (entries.length <= 4) return `[${entries.map(describeEntry).join(", ")}]`;
  const first = at(entries, 0);
  const last = at(entries, entries.length - 1);
  return `[${id(first)}..${id(last)} (${entries.length})]`;
}

/** Bytes as text if they are short and printable, else how many they are. */
export function describeData(data: Uint8Array): string {
  const printable = data.every((byte) => byte >= 0x20 && byte < 0x7f && byte !== 0x22);
  if (data.length > 24 || !printable) return `<${data.length} bytes>`;
  return `"${String.fromCharCode(...data)}"`;
}

/** A Ready as lines, in the order in which it is performed; a Ready with nothing to do is none. */
export function describeReady(ready: Ready): string {
  const { hardState, entries, committed } = ready;
  return [
    ...ready.messages.map((message) => `send ${describeMessage(message)}`),
    ...(ready.snapshot === undefined ? [] : [`reset ${describeSnapshot(ready.snapshot)}`]),
    ...(hardState === undefined ? [] : [`persist ${describeHardState(hardState)}`]),
    ...(entries.length === 0 ? [] : [`persist ${describeEntries(entries)}`]),
    ...(ready.mustSync ? ["sync"] : []),
    ...ready.messagesAfterPersist.map((message) => `then send ${describeMessage(message)}`),
    ...(ready.snapshot === undefined ? [] : [`restore ${id(ready.snapshot)}`]),
    ...(committed.length === 0 ? [] : [`apply ${describeEntries(committed)}`]),
    ...ready.reads.map(describeRead),
  ].join("\n");
}

/** A hard state: `term=2 vote=n1 commit=7`. */
export function describeHardState(state: HardState): string {
  return `term=${state.term} vote=${node(state.vote)} commit=${state.commitIndex}`;
}

function describeRead({ readId, index }: ReadState): string {
  return index === none ? `read ${readId} failed` : `read ${readId} at ${index}`;
}

/** A node as one line, and one more for each follower of a leader. */
export function describeStatus(status: Status): string {
  const { role, term, vote, leader, last, persistedIndex, commitIndex, appliedIndex } = status;
  const head =
    `${node(status.id)} ${role} term=${term} vote=${node(vote)} leader=${node(leader)} ` +
    `log=${id(last)} persisted=${persistedIndex} commit=${commitIndex} applied=${appliedIndex}`;
  return [head, ...status.progress.map(describePeer)].join("\n");
}

function describePeer(peer: PeerStatus): string {
  const { kind, matchIndex, nextIndex, inflightCount, paused, recentlyActive } = peer;
  const flags = `${paused ? " paused" : ""}${recentlyActive ? "" : " inactive"}`;
  const inflight = inflightCount === 0 ? "" : ` inflight=${inflightCount}`;
  return `  ${node(peer.id)} ${kind} match=${matchIndex} next=${nextIndex}${inflight}${flags}`;
}

function node(nodeId: NodeId): string {
  return nodeId === none ? "-" : `n${nodeId}`;
}

function id({ term, index }: EntryId): string {
  return `${term}/${index}`;
}

function orNone(value: number): string {
  return value === none ? "-" : String(value);
}
