import fc from "fast-check";
import { expect, test } from "vitest";
import {
  applyConfChange,
  type ConfChange,
  leaveJoint,
  type MemberChange,
  newConfChange,
} from "./conf-change.ts";
import {
  confStateAfter,
  decodeConfChange,
  decodeConfState,
  encodeConfChange,
  encodeConfState,
} from "./conf-codec.ts";
import { type ConfState, confStateFlaw, confStateOf, emptyConfState } from "./conf-state.ts";

const malformed: unknown = expect.objectContaining({ code: "malformed" });
const invalidChange: unknown = expect.objectContaining({ code: "invalid_change" });

const ids = fc.oneof(
  fc.integer({ min: 1, max: 8 }),
  fc.maxSafeNat().map((id) => Math.max(1, id)),
);
const changes: fc.Arbitrary<MemberChange> = fc.record({
  kind: fc.constantFrom("add-voter", "add-learner", "remove"),
  id: ids,
});
const confChanges: fc.Arbitrary<ConfChange> = fc.record({
  transition: fc.constantFrom("auto", "implicit", "explicit"),
  changes: fc.array(changes, { maxLength: 6 }),
  context: fc.uint8Array({ maxLength: 200 }),
});

/** Configurations that are reached from some voters by some changes. */
const confStates: fc.Arbitrary<ConfState> = fc
  .tuple(
    fc.uniqueArray(ids, { minLength: 1, maxLength: 6 }),
    fc.array(confChanges, { maxLength: 4 }),
  )
  .map(([voters, steps]) => steps.reduce(applyIfPossible, confStateOf(voters)));

function applyIfPossible(before: ConfState, change: ConfChange): ConfState {
  try {
    return applyConfChange(before, change);
  } catch {
    return before;
  }
}

test("decodeConfChange reads what encodeConfChange made", () => {
  fc.assert(
    fc.property(confChanges, confStates, (change, result) => {
      expect(decodeConfChange(encodeConfChange(change, result))).toEqual({ change, result });
    }),
  );
});

test("decodeConfState reads what encodeConfState made, and it is one", () => {
  fc.assert(
    fc.property(confStates, (confState) => {
      expect(confStateFlaw(confState)).toBeUndefined();
      expect(decodeConfState(encodeConfState(confState))).toEqual(confState);
    }),
  );
  expect(decodeConfState(encodeConfState(emptyConfState))).toEqual(emptyConfState);
});

// What follows was put together by hand from etcd's raft.proto.

const confStateExamples: Record<string, [readonly number[], ConfState]> = {
  "of nobody": [[], emptyConfState],
  "of three voters": [[0x08, 1, 0x08, 2, 0x08, 3], confStateOf([1, 2, 3])],
  "with what etcd writes though it is false": [[0x08, 1, 0x28, 0], confStateOf([1])],
  "in another order": [
    [0x10, 5, 0x08, 2, 0x10, 4, 0x08, 1],
    { ...confStateOf([1, 2]), learners: [4, 5] },
  ],
  "that is joint": [
    [0x08, 1, 0x08, 0xac, 2, 0x10, 4, 0x18, 1, 0x18, 2, 0x18, 3, 0x20, 3, 0x28, 1],
    {
      voters: [1, 300],
      votersOutgoing: [1, 2, 3],
      learners: [4],
      learnersNext: [3],
      autoLeave: true,
    },
  ],
};

for (const [name, [bytes, confState]] of Object.entries(confStateExamples)) {
  test(`decodeConfState reads one of etcd ${name}`, () => {
    expect(decodeConfState(Uint8Array.from(bytes))).toEqual(confState);
  });
}

const change = newConfChange([{ kind: "add-learner", id: 4 }]);
const several: readonly MemberChange[] = [
  { kind: "add-voter", id: 4 },
  { kind: "remove", id: 300 },
];
const severalBytes = [0x12, 4, 0x08, 0, 0x10, 4, 0x12, 5, 0x08, 1, 0x10, 0xac, 2];

const changeExamples: Record<string, [readonly number[], ConfChange]> = {
  "that leaves a joint configuration": [[], leaveJoint],
  "that leaves one, with fields that are 0": [[0x08, 0, 0x1a, 0], leaveJoint],
  "of a learner": [[0x12, 4, 0x08, 3, 0x10, 4], change],
  "of a learner, with fields in another order": [[0x12, 4, 0x10, 4, 0x08, 3, 0x08, 0], change],
  "of a voter whose type is absent, being 0": [
    [0x12, 2, 0x10, 4],
    newConfChange([{ kind: "add-voter", id: 4 }]),
  ],
  "of several": [[0x08, 0, ...severalBytes], newConfChange(several)],
  "of several, joint and left by itself": [
    [0x08, 1, ...severalBytes],
    newConfChange(several, "implicit"),
  ],
  "of several, joint until it is left": [
    [0x08, 2, ...severalBytes, 0x1a, 2, 7, 8],
    newConfChange(several, "explicit", Uint8Array.of(7, 8)),
  ],
};

for (const [name, [bytes, expected]] of Object.entries(changeExamples)) {
  test(`decodeConfChange reads one of etcd ${name}`, () => {
    const decoded = decodeConfChange(Uint8Array.from(bytes));
    expect(decoded).toEqual({ change: expected, result: undefined });
  });
}

test("encodeConfChange writes what etcd reads, and the result behind it", () => {
  expect([...encodeConfChange(newConfChange(several, "explicit"), confStateOf([1]))]).toEqual([
    ...[0x08, 2, ...severalBytes],
    ...[0x7a, 2, 0x08, 1],
  ]);
});

test("decodeConfChange keeps nothing of the data", () => {
  const data = encodeConfChange(
    newConfChange([{ kind: "remove", id: 1 }], "auto", Uint8Array.of(7)),
    confStateOf([2]),
  );
  const decoded = decodeConfChange(data);
  data.fill(0);
  expect(decoded.change.context).toEqual(Uint8Array.of(7));
});

/** Where the fields of a message begin, and where the last one ends. All tags are of one byte. */
function fieldOffsets(bytes: Uint8Array): Set<number> {
  const offsets = new Set([0]);
  let offset = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[offset++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (offset < bytes.length) {
    const isBytes = ((bytes[offset++] ?? 0) & 7) === 2;
    const value = varint();
    if (isBytes) offset += value;
    offsets.add(offset);
  }
  return offsets;
}

test("a change that is cut within a field is malformed", () => {
  fc.assert(
    fc.property(confChanges, confStates, (value, result) => {
      const bytes = encodeConfChange(value, result);
      const whole = fieldOffsets(bytes);
      for (let length = 0; length < bytes.length; length++) {
        const cut = bytes.subarray(0, length);
        if (whole.has(length)) expect(decodeConfChange(cut).result).toBeUndefined();
        else expect(() => decodeConfChange(cut)).toThrow(malformed);
      }
    }),
    { numRuns: 30 },
  );
});

test("a configuration that is cut within a field is malformed", () => {
  fc.assert(
    fc.property(confStates, (confState) => {
      const bytes = encodeConfState(confState);
      const whole = fieldOffsets(bytes);
      for (let length = 0; length < bytes.length; length++) {
        if (whole.has(length)) continue;
        expect(() => decodeConfState(bytes.subarray(0, length))).toThrow(malformed);
      }
    }),
    { numRuns: 30 },
  );
});

/** Fields that neither message has, one of each wire type that may stand alone. */
const unknownFields: readonly (readonly number[])[] = [
  [0x70, ...new Uint8Array(9).fill(0xff), 1],
  [0x71, 1, 2, 3, 4, 5, 6, 7, 8],
  [0x72, 2, 0x08, 0],
  [0x75, 1, 2, 3, 4],
  [0xf8, 0xff, 0xff, 0xff, 0x0f, 1],
];

test("unknown fields change nothing, wherever they stand", () => {
  const field = fc.constantFrom(...unknownFields);
  fc.assert(
    fc.property(confChanges, confStates, field, (value, result, unknown) => {
      const extend = (bytes: Uint8Array, offset: number): Uint8Array =>
        Uint8Array.of(...bytes.subarray(0, offset), ...unknown, ...bytes.subarray(offset));
      const entry = encodeConfChange(value, result);
      for (const offset of fieldOffsets(entry)) {
        expect(decodeConfChange(extend(entry, offset))).toEqual({ change: value, result });
      }
      const confState = encodeConfState(result);
      for (const offset of fieldOffsets(confState)) {
        expect(decodeConfState(extend(confState, offset))).toEqual(result);
      }
    }),
  );
});

test("unknown fields of one of the changes are passed over", () => {
  const bytes = Uint8Array.of(0x12, 6, 0x08, 3, 0x1a, 0, 0x10, 4);
  expect(decodeConfChange(bytes)).toEqual({ change, result: undefined });
});

/** The varint of 2^53, one more than a number may be. */
const tooHigh = [...new Uint8Array(7).fill(0x80), 0x10];

const refusedStates: Record<string, readonly number[]> = {
  "a node 0": [0x08, 0],
  "a node beyond 2^53 - 1": [0x08, ...tooHigh],
  "a node of eleven bytes": [0x08, ...new Uint8Array(10).fill(0x80), 0],
  "a node that is no number": [0x0a, 1, 1],
  "a node of eight bytes": [0x09, 1, 0, 0, 0, 0, 0, 0, 0],
  "a voter that learns": [0x08, 1, 0x10, 1],
  "learners of nobody": [0x10, 1],
  "outgoing voters and no others": [0x18, 1],
  "a next learner that is no outgoing voter": [0x08, 1, 0x18, 2, 0x20, 3],
  "a next learner that stays a voter": [0x08, 1, 0x08, 2, 0x18, 2, 0x20, 2],
  "a configuration that is not joint and left by itself": [0x08, 1, 0x28, 1],
  "a tag without a value": [0x08],
  "a field with the number 0": [0x00, 1],
  "a field whose number is too high": [0x80, 0x80, 0x80, 0x80, 0x10, 1],
  "a field of more bytes than there are": [0x72, 2, 0],
  "a field of 2^53 bytes": [0x72, ...tooHigh, 0],
  "a field of an unknown wire type": [0x76, 1],
  "a group": [0x73, 0x74],
};

for (const [name, bytes] of Object.entries(refusedStates)) {
  test(`decodeConfState refuses ${name}`, () => {
    expect(() => decodeConfState(Uint8Array.from(bytes))).toThrow(malformed);
  });
}

const refusedChanges: Record<string, readonly number[]> = {
  "an unknown transition": [0x08, 3],
  "a transition that is no number": [0x0a, 0],
  "an update of a node, which etcd knows": [0x12, 4, 0x08, 2, 0x10, 4],
  "an unknown type": [0x12, 4, 0x08, 4, 0x10, 4],
  "a type beyond 2^53 - 1": [0x12, 9, 0x08, ...tooHigh],
  "a change that is a number": [0x10, 4],
  "a change longer than the data": [0x12, 4, 0x08, 3, 0x10],
  "a field longer than its change": [0x12, 2, 0x10, 0x84, 0x12, 2, 0x10, 4],
  "a context that is a number": [0x18, 1],
  "an impossible result": [0x7a, 2, 0x08, 0],
  "a result that is a number": [0x78, 1],
};

for (const [name, bytes] of Object.entries(refusedChanges)) {
  test(`decodeConfChange refuses ${name}`, () => {
    expect(() => decodeConfChange(Uint8Array.from(bytes))).toThrow(malformed);
  });
}

test("decoders give a value or are malformed, on any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      for (const decode of [decodeConfChange, decodeConfState]) {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toEqual(malformed);
        }
      }
    }),
    { numRuns: 2000 },
  );
});

const before = confStateOf([1, 2, 3]);

test("confStateAfter is what the change leads to, with the result or without", () => {
  const after = { ...before, learners: [4] };
  expect(confStateAfter(before, encodeConfChange(change, after))).toEqual(after);
  expect(confStateAfter(before, Uint8Array.of(0x12, 4, 0x08, 3, 0x10, 4))).toEqual(after);
});

test("confStateAfter refuses an entry that says otherwise than follows", () => {
  for (const other of [before, { ...before, learners: [5] }, confStateOf([1, 2, 3, 4])]) {
    const data = encodeConfChange(change, other);
    expect(() => confStateAfter(before, data)).toThrow(invalidChange);
  }
});

test("confStateAfter refuses a change that cannot follow, whatever its result", () => {
  const remove = newConfChange([{ kind: "remove", id: 9 }]);
  expect(() => confStateAfter(before, encodeConfChange(remove, before))).toThrow(invalidChange);
  expect(() => confStateAfter(before, new Uint8Array(0))).toThrow(invalidChange);
});

test("confStateAfter gives a node without a configuration the one that the entry says", () => {
  const after = { ...before, learners: [4] };
  expect(confStateAfter(emptyConfState, encodeConfChange(change, after))).toEqual(after);
});

test("confStateAfter never makes a node without a configuration the only member", () => {
  const addVoter = Uint8Array.of(0x12, 4, 0x08, 0, 0x10, 4);
  expect(confStateAfter(before, addVoter)).toEqual(confStateOf([1, 2, 3, 4]));
  expect(() => confStateAfter(emptyConfState, addVoter)).toThrow(invalidChange);
});

test("confStateAfter folds changes as applyConfChange does", () => {
  fc.assert(
    fc.property(confStates, fc.array(confChanges, { maxLength: 5 }), (start, steps) => {
      let confState = start;
      for (const step of steps) {
        const next = applyIfPossible(confState, step);
        if (next === confState) continue;
        expect(confStateAfter(confState, encodeConfChange(step, next))).toEqual(next);
        confState = next;
      }
    }),
  );
});
