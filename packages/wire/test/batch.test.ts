import fc from "fast-check";
import { expect, test } from "vitest";
import { type AppendEntries, type Entry, type Message, newEntry } from "@quorate/core";
import { decodeBatch, encodeBatch, encodeMessage, referenceBytesMin } from "@quorate/wire";
import { joined, messages, withoutEncoded } from "./arbitraries.ts";

function command(index: number, dataBytes: number): Entry {
  return newEntry({ term: 1, index }, "command", new Uint8Array(dataBytes).fill(index));
}

function appendOf(to: number, entries: readonly Entry[]): AppendEntries {
  const prev = { term: 1, index: 0 };
  return { kind: "append-entries", from: 1, to, term: 1, prev, entries, commitIndex: 0 };
}

test("decodeBatch reads what encodeBatch made, in order", () => {
  fc.assert(
    fc.property(fc.array(messages, { maxLength: 8 }), (batch) => {
      const decoded = decodeBatch(joined(encodeBatch(batch)));
      expect(decoded.map(withoutEncoded)).toEqual(batch.map(withoutEncoded));
    }),
  );
});

test("a batch holds the bytes of its messages", () => {
  fc.assert(
    fc.property(messages, (message) => {
      const batch = joined(encodeBatch([message]));
      const single = encodeMessage(message);
      expect(batch.subarray(batch.length - single.length)).toEqual(single);
    }),
  );
});

test("no messages make no chunks, and the other way round", () => {
  expect(encodeBatch([])).toEqual([]);
  expect(decodeBatch(new Uint8Array(0))).toEqual([]);
});

test("small entries share one chunk, the data of large ones is that of the log", () => {
  const small = command(1, 10);
  const large = command(2, 5000);
  const toTwo = encodeBatch([appendOf(2, [small, large, small])]);
  const toThree = encodeBatch([appendOf(3, [large, large])]);
  expect(toTwo).toHaveLength(3);
  expect(toTwo[1]).toBe(large.data);
  expect(toTwo[0]?.buffer).toBe(toTwo[2]?.buffer);
  expect(toThree.filter((chunk) => chunk === large.data)).toHaveLength(2);
});

test("the data of an entry is referenced from referenceBytesMin on", () => {
  const below = command(1, referenceBytesMin - 1);
  const exact = command(1, referenceBytesMin);
  expect(encodeBatch([appendOf(2, [below])])).toHaveLength(1);
  expect(encodeBatch([appendOf(2, [exact])])[1]).toBe(exact.data);
});

test("large commands on their way to the leader are not copied", () => {
  const data = new Uint8Array(referenceBytesMin);
  const propose: Message = { kind: "propose", from: 2, to: 1, term: 0, commands: [data, data] };
  expect(encodeBatch([propose]).filter((chunk) => chunk === data)).toHaveLength(2);
});

test("what was decoded is passed on without a copy", () => {
  const large = command(7, 5000);
  const received = decodeBatch(joined(encodeBatch([appendOf(2, [large])])));
  const entries = received.flatMap((message) =>
    message.kind === "append-entries" ? message.entries : [],
  );
  const passedOn = encodeBatch([appendOf(3, entries)]);
  expect(passedOn[1]).toBe(entries[0]?.data);
  expect(passedOn[1]).toEqual(large.data);
});

test("one bad message spoils its batch", () => {
  const good = encodeMessage(appendOf(2, []));
  const bad = Uint8Array.of(0x0a, good.length, ...good, 0x0a, 2, 0x08, 10);
  const unknownMessage: unknown = expect.objectContaining({ code: "unknown_message" });
  expect(() => decodeBatch(bad)).toThrow(unknownMessage);
});

test("a message does not reach beyond its length", () => {
  // The first message claims one byte less than its last field takes.
  const bytes = Uint8Array.of(0x0a, 3, 0x08, 3, 0x20, 5);
  const malformed: unknown = expect.objectContaining({ code: "malformed" });
  expect(() => decodeBatch(bytes)).toThrow(malformed);
});

test("unknown fields of a batch are skipped", () => {
  const good = encodeMessage(appendOf(2, []));
  const bytes = Uint8Array.of(0x10, 1, 0x0a, good.length, ...good, 0x1b, 0x1c);
  expect(decodeBatch(bytes)).toEqual([appendOf(2, [])]);
});
