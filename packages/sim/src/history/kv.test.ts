import { expect, test } from "vitest";
import { type KvInput, kvModel, type KvOutput, type KvState } from "./kv.ts";
import { illegal } from "./model.ts";

const model = kvModel();
const get: KvInput = { kind: "get" };
const put: KvInput = { kind: "put", value: "b" };
const append: KvInput = { kind: "append", value: "c" };
const remove: KvInput = { kind: "delete" };

const found = (value: string | null, modifiedIndex?: number): KvOutput => {
  return { kind: "found", value, modifiedIndex };
};
const written = (index?: number, previousIndex?: number): KvOutput => {
  return { kind: "written", index, previousIndex };
};

const known: KvState = { value: "a", index: 5 };
const somewhere: KvState = { value: "a", index: undefined };
const nothing: KvState = { value: null, index: 0 };

test.each<[KvState, KvInput, KvOutput | undefined, KvState | undefined]>([
  [known, get, found("a"), known],
  [known, get, found("a", 5), known],
  [known, get, found("a", 6), undefined],
  [known, get, found("b"), undefined],
  [known, get, found(null), undefined],
  [known, get, undefined, known],
  [somewhere, get, found("a", 9), somewhere],
  [nothing, get, found(null, 0), nothing],
  [nothing, get, found(null, 3), undefined],
  [nothing, get, found(""), undefined],
  [known, put, written(), { value: "b", index: undefined }],
  [known, put, undefined, { value: "b", index: undefined }],
  [known, put, written(6), { value: "b", index: 6 }],
  [known, put, written(6, 5), { value: "b", index: 6 }],
  [known, put, written(6, 4), undefined],
  [known, put, written(6, 0), undefined],
  [known, put, written(5), undefined],
  [known, put, written(4), undefined],
  [somewhere, put, written(4, 3), { value: "b", index: 4 }],
  [nothing, put, written(1, 0), { value: "b", index: 1 }],
  [nothing, put, written(2, 1), undefined],
  [known, append, written(7, 5), { value: "ac", index: 7 }],
  [known, append, written(7, 6), undefined],
  [nothing, append, written(7), { value: "c", index: 7 }],
  [known, remove, written(7, 5), nothing],
  [known, remove, written(7, 4), undefined],
  [known, remove, undefined, nothing],
  [nothing, remove, written(undefined, 0), nothing],
])("from %j, %j that gives %j leads to %j", (from, input, output, to) => {
  expect(model.step(from, input, output)).toEqual(to ?? illegal);
});

test("where there is no value, a store may have the empty one", () => {
  const other = kvModel("");
  expect(other.step(other.initial(), get, found(""))).toEqual(other.initial());
  expect(other.step(other.initial(), get, found(null))).toBe(illegal);
  expect(other.step(known, remove, undefined)).toEqual(other.initial());
});

test("states have the same name only if they are the same", () => {
  const states: KvState[] = [
    known,
    somewhere,
    nothing,
    { ...known, index: 6 },
    { ...known, value: "" },
  ];
  expect(new Set(states.map((state) => model.nameOf(state))).size).toBe(states.length);
});

test("operations and states are described in a few words", () => {
  expect(
    [
      model.describe?.(get, found("a", 5)),
      model.describe?.(get, found(null, 0)),
      model.describe?.(put, written(7, 0)),
      model.describe?.(append, written(8)),
      model.describe?.(remove, undefined),
    ].join("; "),
  ).toBe(
    'get → "a" at 5; get → null nowhere; put "b" at 7, before nowhere; append "c" at 8; delete → ?',
  );
  expect([known, somewhere, nothing].map((state) => model.describeState?.(state))).toEqual([
    '"a" put at 5',
    '"a"',
    "null",
  ]);
});
