import { type Entry, type Message, newEntry, RaftNode, type Status } from "@quorate/core";
import type { Disks } from "../src/judge.ts";

/** The status of a node of three, in some respects its own. */
export function status(id: number, own: Partial<Status> = {}): Status {
  return { ...new RaftNode(id, [1, 2, 3]).status(), ...own };
}

/** A log of one command per term given; `byte` tells the commands of two logs apart. */
export function log(terms: readonly number[], byte = 0): Entry[] {
  const id = (term: number, offset: number) => ({ term, index: offset + 1 });
  return terms.map((term, offset) => newEntry(id(term, offset), "command", Uint8Array.of(byte)));
}

/** A command; `byte` tells it from another at its place. */
export const entry = (term: number, index: number, byte = 0): Entry =>
  newEntry({ term, index }, "command", Uint8Array.of(byte));

/** Disks of which those of `holders` hold everything, and all know `term`. */
export const disks = (holders: readonly number[], term = 0): Disks => ({
  holds: (node) => holders.includes(node),
  termOf: () => term,
  commitOf: () => 0,
});

/** A vote for `to`. */
export const grant = (from: number, to: number, term: number): Message => ({
  kind: "request-vote-response",
  from,
  to,
  term,
  granted: true,
});
