import fc from "fast-check";
import {
  type ConfChange,
  type ConfState,
  emptyConfState,
  type Entry,
  type MemberChange,
  type Message,
  newEntry,
  type Snapshot,
} from "@quorate/core";
import {
  type Call,
  type CallResult,
  digestBytesMax,
  encodeMembers,
  type Forward,
  type ForwardResult,
  type Hello,
  type Member,
  type MemberTable,
  type Refusal,
  type SnapshotChunk,
  type SnapshotOffer,
  type SnapshotReceipt,
  type StateDigest,
} from "@quorate/wire";

/** Safe integers of at least 0, as likely short as long. */
export const numbers: fc.Arbitrary<number> = fc.oneof(
  fc.nat({ max: 300 }),
  fc.nat(),
  fc.maxSafeNat(),
  fc.integer({ min: 0, max: 53 }).map((bits) => 2 ** bits - 1),
);

/** Numbers of at least 1. */
export const ids: fc.Arbitrary<number> = numbers.map((number) => Math.max(1, number));

/** Mostly short; now and then long enough to be referenced rather than copied. */
export const payloads: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ minLength: 1000, maxLength: 1100, size: "max" }),
  },
);

const entryIds = fc.record({ term: numbers, index: numbers });

export const entries: fc.Arbitrary<Entry> = fc
  .tuple(entryIds, fc.constantFrom("command", "no-op", "conf-change"), payloads)
  .map(([id, kind, data]) => newEntry(id, kind, kind === "no-op" ? undefined : data));

/** Which part of a configuration an id is in; learners that are outgoing voters still come next. */
type Part = "voter" | "staying" | "leaving" | "demoted" | "learner";

function confStateOfParts(parts: readonly (readonly [number, Part])[]): ConfState {
  const sorted = parts.toSorted(([a], [b]) => a - b);
  const among = (...wanted: readonly Part[]): number[] =>
    sorted.filter(([, part]) => wanted.includes(part)).map(([id]) => id);
  return {
    voters: among("voter", "staying"),
    votersOutgoing: among("staying", "leaving", "demoted"),
    learners: among("learner"),
    learnersNext: among("demoted"),
    autoLeave: false,
  };
}

function partsOf(
  parts: readonly Part[],
  countMin: number,
): fc.Arbitrary<(readonly [number, Part])[]> {
  return fc.uniqueArray(fc.tuple(ids, fc.constantFrom(...parts)), {
    minLength: countMin,
    maxLength: 8,
    selector: ([id]) => id,
  });
}

/** `parts`, in which `id` has the part `part`: no configuration is without a voter. */
function withPart(
  parts: readonly (readonly [number, Part])[],
  id: number,
  part: Part,
): (readonly [number, Part])[] {
  return [[id, part], ...parts.filter(([other]) => other !== id)];
}

/** Configurations of all shapes: of nobody, of one majority, and joint ones. */
export const confStates: fc.Arbitrary<ConfState> = fc.oneof(
  fc.constant(emptyConfState),
  fc
    .tuple(partsOf(["voter", "learner"], 0), ids)
    .map(([parts, id]) => confStateOfParts(withPart(parts, id, "voter"))),
  fc
    .tuple(partsOf(["voter", "staying", "leaving", "demoted", "learner"], 1), ids, fc.boolean())
    .map(([parts, id, autoLeave]) => ({
      ...confStateOfParts(withPart(parts, id, "staying")),
      autoLeave,
    })),
);

export const snapshots: fc.Arbitrary<Snapshot> = fc.oneof(
  fc.record({ index: ids, term: ids, confState: confStates }),
  confStates.map((confState) => ({ index: 0, term: 0, confState })),
);

/** Of an entry that there is. */
const someIds = fc.record({ term: ids, index: ids });

const envelope = { from: numbers, to: numbers, term: numbers };

function kind<K extends Message["kind"]>(name: K): { kind: fc.Arbitrary<K> } & typeof envelope {
  return { kind: fc.constant(name), ...envelope };
}

/** One arbitrary for each kind; a kind that is missing does not compile. */
export const messagesByKind: {
  readonly [K in Message["kind"]]: fc.Arbitrary<Extract<Message, { kind: K }>>;
} = {
  "pre-vote": fc.record({ ...kind("pre-vote"), last: entryIds }),
  "pre-vote-response": fc.oneof(
    fc.record({ ...kind("pre-vote-response"), granted: fc.boolean() }),
    fc.record({ ...kind("pre-vote-response"), granted: fc.boolean(), committed: someIds }),
  ),
  "request-vote": fc.oneof(
    fc.record({ ...kind("request-vote"), last: entryIds }),
    fc.record({ ...kind("request-vote"), last: entryIds, transfer: fc.constant(true) }),
  ),
  "request-vote-response": fc.oneof(
    fc.record({ ...kind("request-vote-response"), granted: fc.boolean() }),
    fc.record({ ...kind("request-vote-response"), granted: fc.boolean(), committed: someIds }),
  ),
  "append-entries": fc.record({
    ...kind("append-entries"),
    prev: entryIds,
    entries: fc.array(entries, { maxLength: 5 }),
    commitIndex: numbers,
  }),
  "append-entries-response": fc.record({
    ...kind("append-entries-response"),
    matchIndex: numbers,
  }),
  "append-entries-rejection": fc.record({
    ...kind("append-entries-rejection"),
    prevIndex: numbers,
    hint: entryIds,
  }),
  "install-snapshot": fc.record({ ...kind("install-snapshot"), snapshot: snapshots }),
  "timeout-now": fc.record(kind("timeout-now")),
  heartbeat: fc.record({ ...kind("heartbeat"), commitIndex: numbers, readRound: numbers }),
  "heartbeat-response": fc.record({ ...kind("heartbeat-response"), readRound: numbers }),
  propose: fc.record({ ...kind("propose"), commands: fc.array(payloads, { maxLength: 5 }) }),
  "read-index": fc.record({ ...kind("read-index"), readId: numbers }),
  "read-index-response": fc.record({
    ...kind("read-index-response"),
    readId: numbers,
    index: numbers,
  }),
};

/** Messages of any kind. */
export const messages: fc.Arbitrary<Message> = fc.oneof(...Object.values(messagesByKind));

const texts = fc.string({ unit: "grapheme", maxLength: 60 });

const sixteenBytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
const addresses = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });

export const hellos: fc.Arbitrary<Hello> = fc.record({
  protocolVersion: numbers,
  clusterId: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
  from: ids,
  to: ids,
  incarnation: sixteenBytes,
  address: fc.option(addresses, { nil: undefined }),
});

export const refusals: fc.Arbitrary<Refusal> = fc.record({
  code: fc.constantFrom("stranger", "wrong_identity", "a_code_of_tomorrow"),
  message: texts,
});

export const forwards: fc.Arbitrary<Forward> = fc.record({
  requestId: numbers,
  command: payloads,
  timeoutMs: fc.integer({ min: 1, max: 0x7fff_ffff }),
});

const errorCodes = fc.constantFrom("not_leader", "busy", "leadership_lost");
const failures = fc.record({
  requestId: numbers,
  ok: fc.constant(false),
  code: errorCodes,
  message: texts,
  leader: numbers,
});

export const forwardResults: fc.Arbitrary<ForwardResult> = fc.oneof(
  fc.record({ requestId: numbers, ok: fc.constant(true), index: ids, result: payloads }),
  failures,
);

export const calls: fc.Arbitrary<Call> = fc.record({
  requestId: numbers,
  method: fc.integer({ min: 1, max: 0xffff }),
  payload: payloads,
  timeoutMs: fc.integer({ min: 1, max: 0x7fff_ffff }),
});

export const callResults: fc.Arbitrary<CallResult> = fc.oneof(
  fc.record({ requestId: numbers, ok: fc.constant(true), result: payloads }),
  failures,
);

/** Digests of some entries, ascending. */
export const stateDigests: fc.Arbitrary<readonly StateDigest[]> = fc
  .uniqueArray(
    fc.record({
      index: ids,
      term: ids,
      digest: fc.uint8Array({ minLength: 1, maxLength: digestBytesMax }),
    }),
    { selector: ({ index }) => index, maxLength: 5 },
  )
  .map((digests) => digests.toSorted((a, b) => a.index - b.index));

const memberDetails = fc.record({
  address: fc.oneof(fc.constant(""), addresses),
  incarnation: fc.option(sixteenBytes, { nil: undefined }),
  priority: fc.integer({ min: 0, max: 1000 }),
});

/** Tables of some members, of whom some were removed, and some of these are leaving. */
export const memberTables: fc.Arbitrary<MemberTable> = fc
  .uniqueArray(fc.tuple(ids, memberDetails, fc.constantFrom("member", "leaving", "gone")), {
    selector: ([id]) => id,
    maxLength: 8,
  })
  .map((nodes) => {
    const members: Member[] = [];
    const removed: number[] = [];
    const leaving: Member[] = [];
    for (const [id, details, state] of nodes.toSorted(([a], [b]) => a - b)) {
      if (state === "member") members.push({ id, ...details });
      else removed.push(id);
      if (state === "leaving") leaving.push({ id, ...details });
    }
    return { members, removed, leaving };
  });

export const snapshotOffers: fc.Arbitrary<SnapshotOffer> = fc
  .record({
    streamId: ids,
    snapshotId: sixteenBytes,
    term: ids.map((term) => Math.min(term, Number.MAX_SAFE_INTEGER - 1)),
    index: ids,
    confState: confStates,
    members: memberTables.map(encodeMembers),
    bytes: numbers,
  })
  .chain(({ index, confState, ...rest }) =>
    fc
      .integer({ min: 1, max: rest.term })
      .map((term) => ({ ...rest, snapshot: { index, term, confState } })),
  );

const offsets = numbers.map((offset) => Math.min(offset, Number.MAX_SAFE_INTEGER - 2000));

export const snapshotChunks: fc.Arbitrary<SnapshotChunk> = fc.oneof(
  fc.record({
    streamId: ids,
    offset: offsets,
    data: payloads.filter((data) => data.length > 0),
    last: fc.constant(false),
  }),
  fc.record({
    streamId: ids,
    offset: offsets,
    data: payloads,
    last: fc.constant(true),
    checksum: fc.nat({ max: 0xffff_ffff }),
  }),
);

export const snapshotReceipts: fc.Arbitrary<SnapshotReceipt> = fc.oneof(
  fc.record({
    streamId: ids,
    received: numbers,
    state: fc.constantFrom("more", "installed"),
  }),
  fc.record({
    streamId: ids,
    received: numbers,
    state: fc.constant("refused"),
    code: errorCodes,
    message: texts,
  }),
);

const changes: fc.Arbitrary<MemberChange> = fc.record({
  kind: fc.constantFrom("add-voter", "add-learner", "remove"),
  id: numbers,
});

/** Changes of all kinds, possible or not, each with a configuration that it says to lead to. */
export const confChanges: fc.Arbitrary<{ change: ConfChange; result: ConfState }> = fc.record({
  change: fc.record({
    transition: fc.constantFrom("auto", "implicit", "explicit"),
    changes: fc.array(changes, { maxLength: 5 }),
    context: payloads,
  }),
  result: confStates,
});

/** What was decoded, without the bytes that it keeps for encoding it again: for comparisons. */
export function withoutEncoded(message: Message): Message {
  if (message.kind !== "append-entries") return message;
  return { ...message, entries: message.entries.map((e) => newEntry(e, e.kind, e.data)) };
}

/** Chunks in one piece. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}
