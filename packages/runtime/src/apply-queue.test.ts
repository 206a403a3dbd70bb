import { expect, test } from "vitest";
import { newBench, newEntries, result } from "../test/apply-bench.ts";

/** A value of a type that only JavaScript would return. */
function untyped<T>(value: unknown): T {
  return value as T;
}

test("ApplyQueue applies commands alone, in one call, and counts every entry", () => {
  const calls: number[][] = [];
  const { queue, told } = newBench({
    apply: (entries) => {
      calls.push(entries.map(({ index }) => index));
      return entries.map(() => result);
    },
  });
  queue.push(newEntries(1, "no-op", "command"));
  queue.push(newEntries(3, "command", "conf-change"));
  queue.run();
  expect(calls).toEqual([[2, 3]]);
  expect(told).toEqual(["entry 1", "entry 2 result", "entry 3 result", "entry 4", "applied 4"]);
});

test("ApplyQueue does not call the state machine for a no-op alone", () => {
  const { queue, told } = newBench({
    apply: () => {
      throw new Error("called");
    },
  });
  queue.push(newEntries(1, "no-op"));
  queue.run();
  expect(told).toEqual(["entry 1", "applied 1"]);
});

test("ApplyQueue asks in any order, each as soon as its index is applied", () => {
  const { queue, told, ask } = newBench({});
  ask("late", 5);
  ask("soon", 2);
  ask("now", 0);
  expect(told).toEqual(["answer NOW at 0"]);
  queue.push(newEntries(1, "no-op", "no-op", "no-op"));
  queue.run();
  expect(told.slice(-1)).toEqual(["answer SOON at 3"]);
  queue.push(newEntries(4, "no-op", "no-op"));
  queue.run();
  expect(told.slice(-1)).toEqual(["answer LATE at 5"]);
});

test("ApplyQueue.forget drops a query that waits", () => {
  const { queue, told, ask } = newBench({});
  queue.forget(ask("gone", 1));
  queue.push(newEntries(1, "no-op"));
  queue.run();
  expect(told).toEqual(["entry 1", "applied 1"]);
});

test.each([
  [
    "throws",
    () => {
      throw new RangeError("no");
    },
    "RangeError: no",
  ],
  ["rejects", () => Promise.reject(new RangeError("no")), "RangeError: no"],
  ["returns too few results", () => [], "TypeError: apply must return 1 results, one per entry"],
  ["resolves to too many", async () => [result, result], "TypeError: apply must return 1"],
  ["returns a hole", () => Array<Uint8Array>(1), "TypeError: apply must return 1"],
  ["returns no bytes", () => untyped<Uint8Array[]>(["9"]), "TypeError: apply must return 1"],
] as const)(
  "ApplyQueue fails, and applies nothing more, if apply %s",
  async (_name, apply, text) => {
    const { queue, told } = newBench({ apply });
    queue.push(newEntries(1, "command"));
    queue.run();
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    queue.push(newEntries(2, "command"));
    queue.run();
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`failed ${text}`);
  },
);

test("ApplyQueue.stop waits for the apply and the queries that run, and is silent on applies", async () => {
  const resumes: (() => void)[] = [];
  const { queue, told, ask } = newBench({
    query: (query) => new Promise((resolve) => resumes.push(() => resolve(query))),
  });
  ask("slow", 0);
  let stopped = false;
  const stopping = queue.stop().then(() => (stopped = true));
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  expect(stopped).toBe(false);
  for (const resume of resumes) resume();
  await stopping;
  expect(told).toEqual(["answer slow at 0"]);
});

test("ApplyQueue asks between slow applies, however many entries wait", async () => {
  const applies: (() => void)[] = [];
  const { queue, told, ask } = newBench({
    apply: (entries) =>
      new Promise((resolve) => applies.push(() => resolve(entries.map(() => result)))),
  });
  queue.push(newEntries(1, "command"));
  queue.run();
  queue.push(newEntries(2, "command"));
  ask("between", 1);
  applies.shift()?.();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  expect(told).toEqual(["entry 1 result", "applied 1", "answer BETWEEN at 1"]);
  expect(applies).toHaveLength(1);
});

test("ApplyQueue lets no query that comes later delay an apply that waits", async () => {
  const queries: (() => void)[] = [];
  const { queue, told, ask } = newBench({
    query: (query) => new Promise((resolve) => queries.push(() => resolve(query))),
  });
  ask("first", 0);
  queue.push(newEntries(1, "command"));
  queue.run();
  ask("second", 0);
  expect(queries).toHaveLength(1);
  queries.shift()?.();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  expect(told).toEqual(["answer first at 0", "entry 1 result", "applied 1"]);
  expect(queries).toHaveLength(1);
});

test.each(["apply", "query"] as const)(
  "ApplyQueue.stop resolves after a thenable of %s threw",
  async (method) => {
    const thenable = {};
    Reflect.set(thenable, "then", () => {
      throw new RangeError("no");
    });
    const { queue, told, ask } = newBench({ [method]: () => thenable });
    queue.push(newEntries(1, "command"));
    queue.run();
    ask("q", 0);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    expect(told.at(-1)).toMatch(/^(failed|error) RangeError: no$/);
    await queue.stop();
  },
);

test("ApplyQueue rests at every index that it is to rest at, for interludes to find that state", () => {
  const calls: number[][] = [];
  const bench = newBench(
    {
      apply: (entries) => {
        calls.push(entries.map(({ index }) => index));
        bench.told.push("apply");
        return entries.map(() => result);
      },
    },
    4,
  );
  const { queue, told } = bench;
  queue.push(newEntries(3, "command", "command", "command"));
  queue.push(newEntries(6, "command", "command", "command", "command"));
  queue.interrupt({ run: () => void told.push("interlude"), onStopped: () => {} });
  queue.run();
  expect(calls).toEqual([[3, 4], [5, 6, 7, 8], [9]]);
  expect(told.filter((text) => !text.startsWith("entry"))).toEqual([
    ...["interlude", "apply", "applied 4", "apply", "applied 8", "apply", "applied 9"],
  ]);
});
