import { expect } from "vitest";
import {
  type AppendEntries,
  type EntryId,
  type HardState,
  type Message,
  type MessageKind,
  newEntry,
  RaftNode,
  type RaftOptions,
  type Ready,
  type RequestVote,
} from "../src/index.ts";

/** What the tests of the paper's claims share: a node 1, messages to it, and what comes out. */

export const x: Uint8Array = Uint8Array.of(0x78);

/** The election timeout by default, in ticks. */
export const t = 10;

/** Node 1 of three, which starts with this log, `1/1 1/2`, and in this hard state. */
export function start(
  log: string,
  hardState: Partial<HardState> = {},
  options: RaftOptions = {},
): RaftNode {
  const entries = ids(log).map((id) => newEntry(id, "command", x));
  const term = entries.at(-1)?.term ?? 0;
  const storage = {
    hardState: { term, vote: 0, commitIndex: 0, ...hardState },
    base: { term: 0, index: 0 },
    entries,
  };
  return new RaftNode(1, [2, 3], { preVote: false, ...options, storage });
}

/** Entry ids written `1/1 1/2`. */
export function ids(log: string): EntryId[] {
  return log.split(" ").filter(Boolean).map(id);
}

/** The id written `2/7`. */
export function id(text: string): EntryId {
  const [term, index] = text.split("/");
  return { term: Number(term), index: Number(index) };
}

/** The log of `node`, as `1/1 1/2`. */
export function logOf(node: RaftNode): string {
  return node
    .entries(1, node.lastIndex)
    .map(({ term, index }) => `${term}/${index}`)
    .join(" ");
}

/** Performs all Readys and returns them. */
export function settle(node: RaftNode): Ready[] {
  const done: Ready[] = [];
  while (node.hasReady) {
    expect(done.length, "how many Readys it takes").toBeLessThan(100);
    const ready = node.ready();
    node.advance(ready);
    done.push(ready);
  }
  return done;
}

/** Performs all Readys and returns what was sent of one kind. */
export function sent<Kind extends MessageKind>(
  node: RaftNode,
  kind: Kind,
): Extract<Message, { kind: Kind }>[] {
  const is = (message: Message): message is Extract<Message, { kind: Kind }> =>
    message.kind === kind;
  const all = settle(node).flatMap((ready) => [...ready.messages, ...ready.messagesAfterPersist]);
  return all.filter(is);
}

/** A vote of `from` for node 1. */
export function grant(from: number, term: number): Message {
  return { kind: "request-vote-response", from, to: 1, term, granted: true };
}

/** An acknowledgement of `from` to node 1. */
export function ack(from: number, term: number, matchIndex: number): Message {
  return { kind: "append-entries-response", from, to: 1, term, matchIndex };
}

/** A request of `from` for the vote of node 1. */
export function requestVote(from: number, term: number, last: string): RequestVote {
  return { kind: "request-vote", from, to: 1, term, last: id(last) };
}

/** An append of `from` to node 1: what follows `prev`. */
export function append(
  from: number,
  term: number,
  prev: string,
  log: string,
  commitIndex = 0,
): AppendEntries {
  const entries = ids(log).map((entry) => newEntry(entry, "command", x));
  return { kind: "append-entries", from, to: 1, term, prev: id(prev), entries, commitIndex };
}

/** A heartbeat of `from` to node 1. */
export function heartbeat(from: number, term: number, commitIndex = 0, readRound = 0): Message {
  return { kind: "heartbeat", from, to: 1, term, commitIndex, readRound };
}

/** Makes `node` the leader of the next term, by the vote of node 2. */
export function elect(node: RaftNode): RaftNode {
  node.campaign();
  settle(node);
  node.step(grant(2, node.term));
  expect(node.role).toBe("leader");
  return node;
}
