import { expect, test } from "vitest";
import type { App } from "./app.ts";
import type { CallEnding, CallRecord } from "./call.ts";
import { judgeKvHistory } from "./kv-app.ts";
import type { Committed } from "./one-log.ts";
import { usPerMs } from "./timeline.ts";
import { judgeCalls } from "./verdict.ts";

/** Adds its commands up; each gives the sum. */
const sums: App<"sum", number> = {
  stateMachine() {
    let sum = 0;
    return {
      apply: (entries) => entries.map(({ data: [step = 0] }) => Uint8Array.of((sum += step))),
      query: () => sum,
    };
  },
  workload: () => ({ kind: "read", query: "sum" }),
};

/** The log of these commands from index 2 on, with the results of `sums`. */
function logOf(...steps: readonly number[]): Committed[] {
  let sum = 0;
  return steps.map((step, offset) => {
    sum += step;
    const [command, result] = [Uint8Array.of(step), Uint8Array.of(sum)];
    return { index: offset + 2, term: 1, command, result };
  });
}

let made = 0;

function add(
  step: number,
  [order, endOrder]: readonly [number, number?],
  ending: CallEnding<number>,
): CallRecord<"sum", number> {
  const call = { kind: "write", command: Uint8Array.of(step) } as const;
  const [at, endAt] = [order * usPerMs, endOrder === undefined ? undefined : endOrder * usPerMs];
  const times = { order, endOrder, at, endAt, atLeast: 0 };
  return { client: 1, node: 1, number: ++made, call, ...times, ending };
}

function read(
  [order, endOrder]: readonly [number, number],
  index: number,
  answer: number,
  consistency: "linearizable" | "lease" | "local" = "linearizable",
  { stalenessMsMax, atLeast = 0 }: { stalenessMsMax?: number; atLeast?: number } = {},
): CallRecord<"sum", number> {
  const ending = { kind: "answered", index, answer } as const;
  const bound = stalenessMsMax === undefined ? {} : { stalenessMsMax };
  const call = { kind: "read", query: "sum", consistency, ...bound } as const;
  const times = { order, endOrder, at: order * usPerMs, endAt: endOrder * usPerMs, atLeast };
  return { client: 2, node: 1, number: ++made, call, ...times, ending };
}

const applied = (index: number, result: number): CallEnding<number> => {
  return { kind: "applied", index, result: Uint8Array.of(result) };
};
const failed: CallEnding<number> = { kind: "failed", code: "busy" };
const unknown: CallEnding<number> = { kind: "unknown", code: "stopped" };

test("calls that the log explains are as they should be", async () => {
  await judgeCalls(sums, logOf(3, 4), [
    add(3, [0, 1], applied(2, 3)),
    read([2, 3], 2, 3),
    add(4, [4, 9], unknown),
    read([5, 6], 3, 7),
    read([7, 8], 2, 3, "local"),
    read([7, 8], 3, 7, "lease", { atLeast: 3 }),
    add(9, [10, 11], failed),
    add(9, [12], { kind: "pending" }),
  ]);
});

test.each([
  ["an acknowledged write that is not there", logOf(3), [add(4, [0, 1], applied(3, 7))], "I12"],
  ["another write in its place", logOf(3), [add(4, [0, 1], applied(2, 4))], "I12"],
  [
    "one place for two writes",
    logOf(3),
    [add(3, [0, 1], applied(2, 3)), add(3, [2, 3], applied(2, 3))],
    "I12",
  ],
  ["a command out of nowhere", logOf(3), [], "I12"],
  ["a command whose client was told that it failed", logOf(3), [add(3, [0, 1], failed)], "I12"],
  ["a command that was applied twice", logOf(3, 3), [add(3, [0, 1], applied(2, 3))], "I12"],
  [
    "a read that misses a write which had ended",
    logOf(3, 4),
    [add(3, [0, 1], unknown), add(4, [2, 3], applied(3, 7)), read([4, 5], 2, 3)],
    "I11",
  ],
  [
    "a lease read that misses a write which had ended",
    logOf(3, 4),
    [add(3, [0, 1], unknown), add(4, [2, 3], applied(3, 7)), read([4, 5], 2, 3, "lease")],
    "I11",
  ],
  [
    "a read that is older than its token",
    logOf(3, 4),
    [add(3, [0, 1], unknown), add(4, [2, 9], unknown), read([4, 5], 2, 3, "local", { atLeast: 3 })],
    "was to see 3",
  ],
  [
    "a read that is staler than it may be",
    logOf(3, 4),
    [
      add(3, [0, 1], unknown),
      add(4, [2, 3], applied(3, 7)),
      read([9, 10], 2, 3, "local", { stalenessMsMax: 5 }),
    ],
    "no older than 5 ms",
  ],
  [
    "a write before one that had ended when it began",
    logOf(3, 4),
    [add(4, [0, 1], applied(3, 7)), add(3, [2, 3], applied(2, 3))],
    "I11",
  ],
  [
    "a read that is older than one before it",
    logOf(3, 4),
    [add(3, [0, 1], unknown), add(4, [2, 3], unknown), read([4, 5], 3, 7), read([6, 7], 2, 3)],
    "I11",
  ],
  ["a wrong result", logOf(3), [add(3, [0, 1], applied(2, 4))], "should have been 03"],
  [
    "a wrong answer",
    logOf(3),
    [add(3, [0, 1], applied(2, 3)), read([2, 3], 2, 4)],
    "should have been 3",
  ],
  [
    "a wrong answer to a local read",
    logOf(3),
    [add(3, [0, 1], applied(2, 3)), read([2, 3], 2, 4, "local")],
    "should have been 3",
  ],
])("judgeCalls finds %s", async (_, log, records, what) => {
  await expect(judgeCalls(sums, log, records)).rejects.toThrow(what);
});

test("a read may be as stale as it says", async () => {
  await judgeCalls(sums, logOf(3, 4), [
    add(3, [0, 1], unknown),
    add(4, [2, 3], applied(3, 7)),
    read([9, 10], 2, 3, "local", { stalenessMsMax: 6 }),
  ]);
});

test("judgeCalls finds a replica that gave what nobody was told", async () => {
  const [first] = logOf(3);
  const log = first === undefined ? [] : [{ ...first, result: Uint8Array.of(9) }];
  const judged = judgeCalls(sums, log, [add(3, [0, 1], unknown)]);
  await expect(judged).rejects.toThrow("gave 09, and should have given 03");
});

test("judgeCalls judges by the model, if there is one", async () => {
  const model = (): ReturnType<typeof sums.stateMachine> => ({
    apply: (entries) => entries.map(() => Uint8Array.of(0)),
    query: () => 0,
  });
  const judged = judgeCalls({ ...sums, model }, logOf(3), [add(3, [0, 1], applied(2, 3))]);
  await expect(judged).rejects.toThrow("should have been 00");
});

test("judgeKvHistory needs no log to find a stale read", () => {
  const bytes = (text: string): Uint8Array => Uint8Array.from(text.split(" ").map(Number));
  const put = {
    client: 1,
    node: 1,
    number: 1,
    call: { kind: "write", command: bytes("1 0 0 0 0 0 0 0 0 7") },
    order: 0,
    endOrder: 1,
    at: 0,
    endAt: 1,
    atLeast: 0,
    ending: { kind: "applied", index: 2, result: bytes("0 0 0 0") },
  } as const;
  const get = (answer: number): CallRecord<{ readonly key: number }, number> => ({
    client: 2,
    node: 1,
    number: 2,
    call: { kind: "read", query: { key: 0 } },
    order: 2,
    endOrder: 3,
    at: 0,
    endAt: 1,
    atLeast: 0,
    ending: { kind: "answered", index: 2, answer },
  });
  judgeKvHistory([put, get(7)]);
  expect(() => judgeKvHistory([put, get(0)])).toThrow("I11");
});
