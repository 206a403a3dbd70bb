import fc from "fast-check";
import { RaftError, type Entry } from "quorate";
import { expect, test } from "vitest";
import { encodeCommand } from "./command.ts";
import { decodeResult } from "./command-result.ts";
import { KvStore } from "./kv-store.ts";

const key = (text: string): Uint8Array => Buffer.from(text);
const entry = (index: number, data: Uint8Array): Entry => ({
  term: 1,
  index,
  kind: "command",
  data,
});
const put = (index: number, name: string, value: string): Entry =>
  entry(index, encodeCommand({ kind: "put", key: key(name), value: Buffer.from(value) }));
const remove = (index: number, name: string): Entry =>
  entry(index, encodeCommand({ kind: "delete", key: key(name) }));
const text = (store: KvStore, name: string): string | undefined => {
  const answer = store.query({ key: key(name) });
  return answer === undefined ? undefined : Buffer.from(answer.value).toString();
};

test("KvStore tells for each command where the key was put before", () => {
  const store = new KvStore();
  const results = store.apply([
    put(3, "a", "1"),
    put(5, "a", "2"),
    put(6, "b", ""),
    remove(9, "a"),
    remove(10, "a"),
    put(11, "a", "3"),
  ]);
  const previous = (previousIndex: number): object => ({ kind: "applied", previousIndex });
  expect(results.map(decodeResult)).toEqual([0, 3, 0, 5, 0, 0].map(previous));
  expect(store.query({ key: key("a") })?.modifiedIndex).toBe(11);
  expect(text(store, "b")).toBe("");
  expect(text(store, "c")).toBeUndefined();
});

test("KvStore keeps keys apart that differ in bytes that are no text", () => {
  const store = new KvStore();
  const keys = [[0xff], [0xfe], [0xc3, 0xbf], [0], [0, 0]].map((bytes) => new Uint8Array(bytes));
  store.apply(
    keys.map((bytes, at) =>
      entry(at + 1, encodeCommand({ kind: "put", key: bytes, value: bytes })),
    ),
  );
  expect(store.keyCount).toBe(keys.length);
  for (const bytes of keys) {
    expect([...(store.query({ key: bytes })?.value ?? [])]).toEqual([...bytes]);
  }
});

test("KvStore answers a malformed command with a result and changes nothing", () => {
  const store = new KvStore();
  store.apply([put(1, "a", "1")]);
  const results = store.apply([entry(2, new Uint8Array([1, 7])), put(3, "b", "2")]);
  expect(results.map((result) => decodeResult(result)?.kind)).toEqual(["malformed", "applied"]);
  expect(text(store, "a")).toBe("1");
  expect(text(store, "b")).toBe("2");
});

test("KvStore stops at a command of a later version, which others may carry out", () => {
  expect(() => new KvStore().apply([entry(4, new Uint8Array([2, 1]))])).toThrow(
    "unsupported_version",
  );
});

test("KvStore hands out a value that no later command changes, and without copying it", () => {
  const store = new KvStore();
  store.apply([put(1, "a", "old")]);
  const before = store.query({ key: key("a") });
  expect(store.query({ key: key("a") })?.value).toBe(before?.value);
  store.apply([put(2, "a", "new"), remove(3, "a")]);
  expect(Buffer.from(before?.value ?? []).toString()).toBe("old");
});

test("KvStore does not hold on to the bytes that the command arrived in", () => {
  const store = new KvStore();
  const arrived = put(1, "a", "kept");
  store.apply([arrived]);
  arrived.data.fill(0);
  expect(text(store, "a")).toBe("kept");
});

test("KvStore agrees with a plain map, whatever the commands", () => {
  const name = fc.constantFrom("a", "b", "c", "ab");
  const step = fc.oneof(
    fc.record({ kind: fc.constant("put" as const), name, value: fc.string({ maxLength: 5 }) }),
    fc.record({ kind: fc.constant("delete" as const), name }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const store = new KvStore();
      const model = new Map<string, string>();
      steps.forEach((s, at) => {
        const [result] = store.apply([
          s.kind === "put" ? put(at + 1, s.name, s.value) : remove(at + 1, s.name),
        ]);
        const decoded = decodeResult(result ?? new Uint8Array(0));
        expect(decoded?.kind === "applied" && decoded.previousIndex > 0).toBe(model.has(s.name));
        if (s.kind === "put") model.set(s.name, s.value);
        else model.delete(s.name);
      });
      expect(store.keyCount).toBe(model.size);
      for (const n of ["a", "b", "c", "ab"]) expect(text(store, n)).toBe(model.get(n));
    }),
  );
});

async function* chunksOf(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function saved(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

test("KvStore saves the state of the moment, and restores it elsewhere, whatever comes after", async () => {
  const store = new KvStore();
  store.apply([put(1, "a", "1"), put(2, "b", "2"), put(3, "c", "3")]);
  const chunks = store.snapshots.save();
  store.apply([put(4, "a", "later"), remove(5, "b"), put(6, "d", "4")]);

  const other = new KvStore();
  other.apply([put(1, "z", "gone")]);
  await other.snapshots.restore(chunksOf(await saved(chunks), 3));
  expect(other.keyCount).toBe(3);
  expect(["a", "b", "c", "d", "z"].map((name) => text(other, name))).toEqual([
    "1",
    "2",
    "3",
    undefined,
    undefined,
  ]);
  expect(other.query({ key: key("c") })?.modifiedIndex).toBe(3);
  const [result] = other.apply([put(7, "b", "new")]);
  expect(decodeResult(result ?? new Uint8Array(0))).toEqual({ kind: "applied", previousIndex: 2 });
  expect(text(store, "a")).toBe("later");
});

test("KvStore goes on saving the old state while a new one takes its place", async () => {
  const store = new KvStore();
  store.apply([put(1, "a", "old")]);
  const chunks = store.snapshots.save();
  await store.snapshots.restore(chunksOf(await saved(new KvStore().snapshots.save()), 100));
  store.apply([put(2, "a", "new")]);
  const other = new KvStore();
  await other.snapshots.restore(chunksOf(await saved(chunks), 100));
  expect(text(other, "a")).toBe("old");
});

test("KvStore refuses a snapshot with a key twice, or one that is damaged", async () => {
  const store = new KvStore();
  store.apply([put(1, "a", "1")]);
  const bytes = await saved(store.snapshots.save());
  const record = bytes.subarray(1, -10);
  const twice = Buffer.concat([bytes.subarray(0, 1), record, record, bytes.subarray(-10)]);
  twice[twice.length - 1] = 2;
  for (const damaged of [twice, bytes.subarray(0, -1), Buffer.from([9])]) {
    const restored = store.snapshots.restore(chunksOf(damaged, 7));
    await expect(restored).rejects.toBeInstanceOf(RaftError);
  }
});

test("KvStore restores what any commands led to", async () => {
  const name = fc.constantFrom("a", "b", "c", "ab", "\u00ff");
  const step = fc.record({ name, value: fc.option(fc.string({ maxLength: 5 })) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.integer({ min: 1, max: 50 }),
      async (steps, cut) => {
        const store = new KvStore();
        store.apply(
          steps.map((s, at) =>
            s.value === null ? remove(at + 1, s.name) : put(at + 1, s.name, s.value),
          ),
        );
        const other = new KvStore();
        await other.snapshots.restore(chunksOf(await saved(store.snapshots.save()), cut));
        expect(other.keyCount).toBe(store.keyCount);
        for (const n of ["a", "b", "c", "ab", "\u00ff"]) {
          expect(other.query({ key: key(n) })).toEqual(store.query({ key: key(n) }));
        }
      },
    ),
  );
});

test("KvStore has one digest for one state, by commands or by a restore", async () => {
  const [store, other, restored] = [new KvStore(), new KvStore(), new KvStore()];
  store.apply([put(1, "a", "1"), put(2, "b", "2"), put(3, "a", "3"), remove(4, "c")]);
  other.apply([put(2, "b", "2"), put(3, "a", "3"), put(4, "c", "4"), remove(5, "c")]);
  expect(store.digest()).toEqual(other.digest());
  const chunks = [...(store.snapshots.save() as Iterable<Uint8Array>)];
  restored.apply([put(1, "z", "26")]);
  await restored.snapshots.restore(
    (async function* () {
      yield* chunks;
    })(),
  );
  expect(restored.digest()).toEqual(store.digest());
  for (const each of [store, restored]) each.apply([remove(6, "a"), put(7, "d", "4")]);
  expect(restored.digest()).toEqual(store.digest());
  other.apply([remove(6, "a"), put(7, "d", "5")]);
  expect(other.digest()).not.toEqual(store.digest());
});
