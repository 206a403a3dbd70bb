import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ConfChange,
  type ConfState,
  decodeConfChange,
  decodeConfState,
  encodeConfChange,
  encodeConfState,
  type Entry,
  type EntryId,
  type Message,
  newEntry,
  type Snapshot,
} from "@quorate/core";
import {
  decodeBatch,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeSnapshot,
  encodeBatch,
  encodeEntry,
  encodeHardState,
  encodeMessage,
  encodeSnapshot,
} from "@quorate/wire";
import {
  confChanges,
  confStates,
  entries,
  joined,
  messages,
  messagesByKind,
  numbers,
  snapshots,
  withoutEncoded,
} from "./arbitraries.ts";
import { schemaOf, type SchemaName } from "./raftpb-schema.ts";

// The library knows nothing of our mapping: what it is given here is written out a second time.

function eightBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

interface LibraryEntry {
  readonly type: bigint;
  readonly term: bigint;
  readonly index: bigint;
  readonly data?: Uint8Array;
}

function libraryEntry(entry: Entry): LibraryEntry {
  const type = entry.kind === "conf-change" ? 2n : 0n;
  const id = { type, term: BigInt(entry.term), index: BigInt(entry.index) };
  return entry.kind === "no-op" ? id : { ...id, data: entry.data };
}

function bare(data: Uint8Array): LibraryEntry {
  return { type: 0n, term: 0n, index: 0n, data };
}

/** The fields that a message sets beside its envelope and the scalars that are always written. */
function libraryBody(message: Message): Record<string, unknown> & { type: bigint } {
  switch (message.kind) {
    case "propose":
      return { type: 2n, entries: message.commands.map(bare) };
    case "append-entries":
      return {
        type: 3n,
        logTerm: BigInt(message.prev.term),
        index: BigInt(message.prev.index),
        entries: message.entries.map(libraryEntry),
        commit: BigInt(message.commitIndex),
      };
    case "append-entries-response":
      return { type: 4n, index: BigInt(message.matchIndex) };
    case "append-entries-rejection":
      return {
        type: 4n,
        reject: true,
        index: BigInt(message.prevIndex),
        rejectHint: BigInt(message.hint.index),
        logTerm: BigInt(message.hint.term),
      };
    case "install-snapshot":
      return { type: 7n, snapshot: librarySnapshot(message.snapshot) };
    case "timeout-now":
      return { type: 14n };
    case "request-vote":
    case "pre-vote":
      return {
        type: message.kind === "pre-vote" ? 17n : 5n,
        ...(message.kind === "request-vote" && message.transfer === true
          ? { context: Uint8Array.from(Buffer.from("CampaignTransfer")) }
          : {}),
        logTerm: BigInt(message.last.term),
        index: BigInt(message.last.index),
      };
    case "request-vote-response":
      return { type: 6n, reject: !message.granted, ...libraryCommitted(message.committed) };
    case "pre-vote-response":
      return { type: 18n, reject: !message.granted, ...libraryCommitted(message.committed) };
    case "heartbeat":
      return {
        type: 8n,
        commit: BigInt(message.commitIndex),
        ...libraryContext(message.readRound),
      };
    case "heartbeat-response":
      return { type: 9n, ...libraryContext(message.readRound) };
    case "read-index":
      return { type: 15n, entries: [bare(eightBytes(message.readId))] };
    case "read-index-response":
      return {
        type: 16n,
        index: BigInt(message.index),
        reject: message.index === 0,
        entries: [bare(eightBytes(message.readId))],
      };
  }
}

function libraryConfState(confState: ConfState): Record<string, unknown> {
  return {
    voters: confState.voters.map(BigInt),
    learners: confState.learners.map(BigInt),
    votersOutgoing: confState.votersOutgoing.map(BigInt),
    learnersNext: confState.learnersNext.map(BigInt),
    ...(confState.autoLeave ? { autoLeave: true } : {}),
  };
}

function librarySnapshot({ index, term, confState }: Snapshot): Record<string, unknown> {
  const metadata = {
    confState: libraryConfState(confState),
    index: BigInt(index),
    term: BigInt(term),
  };
  return { metadata };
}

const libraryTransitions = { auto: {}, implicit: { transition: 1n }, explicit: { transition: 2n } };
const libraryChangeTypes = { "add-voter": 0n, remove: 1n, "add-learner": 3n };

function libraryConfChange(
  { transition, changes, context }: ConfChange,
  result: ConfState,
): Record<string, unknown> {
  return {
    ...libraryTransitions[transition],
    changes: changes.map(({ kind, id }) => ({
      type: libraryChangeTypes[kind],
      nodeId: BigInt(id),
    })),
    ...(context.length > 0 ? { context } : {}),
    result: libraryConfState(result),
  };
}

function libraryCommitted(committed: EntryId | undefined): { logTerm?: bigint; index?: bigint } {
  if (committed === undefined) return {};
  return { logTerm: BigInt(committed.term), index: BigInt(committed.index) };
}

function libraryContext(readRound: number): { context?: Uint8Array } {
  return readRound === 0 ? {} : { context: eightBytes(readRound) };
}

const alwaysWritten = {
  logTerm: 0n,
  index: 0n,
  commit: 0n,
  reject: false,
  rejectHint: 0n,
  vote: 0n,
};

function libraryMessage(message: Message): Record<string, unknown> {
  const envelope = {
    to: BigInt(message.to),
    from: BigInt(message.from),
    term: BigInt(message.term),
  };
  return { ...alwaysWritten, ...envelope, ...libraryBody(message) };
}

function libraryBytes(name: SchemaName, fields: Record<string, unknown>): Uint8Array {
  const schema = schemaOf(name);
  return toBinary(schema, create(schema, fields));
}

for (const [kind, arbitrary] of Object.entries(messagesByKind)) {
  test(`encodeMessage and decodeMessage agree with a protobuf library on ${kind}`, () => {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<Message>, (message) => {
        const theirs = libraryBytes("Message", libraryMessage(message));
        expect(encodeMessage(message)).toEqual(theirs);
        expect(withoutEncoded(decodeMessage(theirs))).toEqual(withoutEncoded(message));
      }),
    );
  });
}

test("decodeMessage reads what a writer leaves out because it is 0", () => {
  fc.assert(
    fc.property(messages, (message) => {
      const sparse = Object.fromEntries(
        Object.entries(libraryMessage(message)).filter(
          ([, value]) => value !== 0n && value !== false,
        ),
      );
      const decoded = decodeMessage(libraryBytes("Message", sparse));
      expect(withoutEncoded(decoded)).toEqual(withoutEncoded(message));
    }),
  );
});

test("a protobuf library reads from a message the fields that were written", () => {
  fc.assert(
    fc.property(messages, (message) => {
      const schema = schemaOf("Message");
      const read = fromBinary(schema, encodeMessage(message));
      expect(read).toEqual(create(schema, libraryMessage(message)));
    }),
  );
});

test("encodeEntry and decodeEntry agree with a protobuf library", () => {
  fc.assert(
    fc.property(entries, (entry) => {
      const theirs = libraryBytes("Entry", { ...libraryEntry(entry) });
      expect(encodeEntry(entry)).toEqual(theirs);
      expect(decodeEntry(theirs)).toEqual(newEntry(entry, entry.kind, entry.data));
    }),
  );
});

test("encodeHardState and decodeHardState agree with a protobuf library", () => {
  fc.assert(
    fc.property(numbers, numbers, numbers, (term, vote, commitIndex) => {
      const theirs = libraryBytes("HardState", {
        term: BigInt(term),
        vote: BigInt(vote),
        commit: BigInt(commitIndex),
      });
      expect(encodeHardState({ term, vote, commitIndex })).toEqual(theirs);
      expect(decodeHardState(theirs)).toEqual({ term, vote, commitIndex });
    }),
  );
});

test("encodeSnapshot and decodeSnapshot agree with a protobuf library", () => {
  fc.assert(
    fc.property(snapshots, (snapshot) => {
      const theirs = libraryBytes("Snapshot", librarySnapshot(snapshot));
      expect(encodeSnapshot(snapshot)).toEqual(theirs);
      expect(decodeSnapshot(theirs)).toEqual(snapshot);
    }),
  );
});

test("encodeConfState and decodeConfState agree with a protobuf library", () => {
  fc.assert(
    fc.property(confStates, (confState) => {
      const theirs = libraryBytes("ConfState", libraryConfState(confState));
      expect(encodeConfState(confState)).toEqual(theirs);
      expect(decodeConfState(theirs)).toEqual(confState);
    }),
  );
});

test("encodeConfChange and decodeConfChange agree with a protobuf library", () => {
  fc.assert(
    fc.property(confChanges, ({ change, result }) => {
      const theirs = libraryBytes("ConfChangeV2", libraryConfChange(change, result));
      expect(encodeConfChange(change, result)).toEqual(theirs);
      expect(decodeConfChange(theirs)).toEqual({ change, result });
    }),
  );
});

test("encodeBatch and decodeBatch agree with a protobuf library", () => {
  fc.assert(
    fc.property(fc.array(messages, { maxLength: 6 }), (batch) => {
      const schema = schemaOf("MessageBatch");
      const theirs = toBinary(schema, create(schema, { messages: batch.map(libraryMessage) }));
      expect(joined(encodeBatch(batch))).toEqual(theirs);
      expect(decodeBatch(theirs).map(withoutEncoded)).toEqual(batch.map(withoutEncoded));
    }),
  );
});

test("decodeMessage skips the fields of etcd that no message here has", () => {
  const message: Message = {
    kind: "heartbeat",
    from: 1,
    to: 2,
    term: 3,
    commitIndex: 4,
    readRound: 5,
  };
  const extended = libraryBytes("Message", {
    ...libraryMessage(message),
    snapshot: { data: Uint8Array.of(7) },
    vote: 9n,
    responses: [{ type: 99n }],
  });
  expect(decodeMessage(extended)).toEqual(message);
});
