import { SeededRandom } from "@quorate/core";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  checkHistory,
  type CounterInput,
  counterModel,
  type CounterOutput,
  type History,
  HistoryRecorder,
  illegal,
  kvModel,
  type ListInput,
  listModel,
  type ListOutput,
  type Model,
  type RegisterInput,
  registerModel,
  type RegisterOutput,
} from "../src/index.ts";
import { isLinearizable, kvHistories, registerHistories } from "./histories.ts";

/** Compares every verdict with the definition, and counts how often each was seen. */
function agree<State, Input, Output>(
  model: Model<State, Input, Output>,
  histories: fc.Arbitrary<History<Input, Output>>,
  numRuns: number,
): { readonly ok: number; readonly illegal: number } {
  const seen = { ok: 0, illegal: 0 };
  fc.assert(
    fc.property(histories, (history) => {
      const verdict = checkHistory(model, history);
      if (verdict.kind === "unknown") throw new Error("the budget is ample");
      seen[verdict.kind] += 1;
      expect(verdict.kind).toBe(isLinearizable(model, history) ? "ok" : "illegal");
    }),
    { numRuns },
  );
  return seen;
}

test("the verdict on registers is that of the definition", () => {
  const seen = agree(registerModel, registerHistories(16), 6_000);
  expect(Math.min(seen.ok, seen.illegal)).toBeGreaterThan(500);
});

test("the verdict on key-value stores is that of the definition", () => {
  const seen = agree(kvModel(), kvHistories(14), 4_000);
  expect(Math.min(seen.ok, seen.illegal)).toBeGreaterThan(300);
});

test("the verdict is the same without the knowledge of what only reads", () => {
  const { isReadOnly: _, ...blind } = registerModel;
  fc.assert(
    fc.property(registerHistories(30), (history) => {
      expect(checkHistory(blind, history).kind).toBe(checkHistory(registerModel, history).kind);
    }),
    { numRuns: 2_000 },
  );
});

/** What a window claims, checked with the definition. */
function checkWindow<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
): void {
  const verdict = checkHistory(model, history);
  if (verdict.kind !== "illegal") return;
  const { window } = verdict;
  const { end } = window.last;
  const lastOrder = end.kind === "ok" ? end.order : -1;
  const prefix = (most: number): History<Input, Output> =>
    history
      .filter(({ key, order }) => key === window.key && order <= most)
      .map((one) =>
        one.end.kind === "ok" && one.end.order > most ? { ...one, end: { kind: "unknown" } } : one,
      );
  expect(isLinearizable(model, prefix(lastOrder))).toBe(false);
  expect(isLinearizable(model, prefix(lastOrder - 1))).toBe(true);

  /** The prefix, of which only these operations must be as told. */
  const demand = (ids: readonly number[]): History<Input, Output> =>
    prefix(lastOrder).map((one) =>
      one.end.kind === "ok" && !ids.includes(one.id) ? { ...one, end: { kind: "unknown" } } : one,
    );
  const ids = window.operations.map(({ id }) => id);
  expect(window.isSmallest).toBe(true);
  expect(isLinearizable(model, demand(ids))).toBe(false);
  for (const id of ids) {
    expect(isLinearizable(model, demand(ids.filter((other) => other !== id)))).toBe(true);
  }
}

test("the window of a register ends with the shortest illegal prefix, and needs all it shows", () => {
  fc.assert(
    fc.property(registerHistories(14), (history) => checkWindow(registerModel, history)),
    { numRuns: 1_500 },
  );
});

test("the window of a key-value store ends with the shortest illegal prefix, and needs all it shows", () => {
  fc.assert(
    fc.property(kvHistories(13), (history) => checkWindow(kvModel(), history)),
    { numRuns: 1_000 },
  );
});

/** Numbers in `[0, bound)`, the same each time. */
function generator(seed: number): (bound: number) => number {
  const random = new SeededRandom(seed);
  return (bound) => random.below(bound);
}

interface Traffic {
  readonly operations: number;
  readonly clients: number;
  readonly keys: number;
  /** How many values there are, or undefined: every write has its own. */
  readonly values?: number;
  /** How many writes in a thousand are of unknown outcome. */
  readonly unknownPerMille?: number;
}

/** What clients of a true register see: every operation takes effect between its call and its end. */
function trueHistory(
  seed: number,
  { operations, clients, keys, values, unknownPerMille = 0 }: Traffic,
): History<RegisterInput, RegisterOutput> {
  const below = generator(seed);
  const recorder = new HistoryRecorder<RegisterInput, RegisterOutput>();
  const registers = new Map<string, RegisterOutput>();
  const idle = Array.from({ length: clients }, (_, client) => client);
  const open: { client: number; id: number; finish: (() => RegisterOutput) | undefined }[] = [];
  const results = new Map<number, RegisterOutput>();
  let begun = 0;
  while (begun < operations || open.length > 0) {
    if (begun < operations && idle.length > 0 && below(2) === 0) {
      const client = idle.splice(below(idle.length), 1)[0] ?? 0;
      const key = String(below(keys));
      const value = values === undefined ? begun : below(values);
      const input: RegisterInput = below(2) === 0 ? { kind: "read" } : { kind: "write", value };
      const finish = (): RegisterOutput => {
        if (input.kind === "read") return registers.get(key) ?? null;
        registers.set(key, value);
        return null;
      };
      open.push({ client, id: recorder.invoke(client, key, input), finish });
      begun += 1;
    } else if (open.length > 0) {
      const offset = below(open.length);
      const call = open[offset];
      if (call === undefined) continue;
      if (call.finish !== undefined) {
        results.set(call.id, call.finish());
        call.finish = undefined;
        continue;
      }
      open.splice(offset, 1);
      idle.push(call.client);
      if (below(1000) < unknownPerMille) recorder.unknown(call.id);
      else recorder.ok(call.id, results.get(call.id) ?? null);
    }
  }
  return recorder.history();
}

test.each<[string, Traffic, number]>([
  ["20 clients on one key", { operations: 10_000, clients: 20, keys: 1 }, 100_000],
  [
    "20 clients on one key, with unknown outcomes",
    { operations: 10_000, clients: 20, keys: 1, unknownPerMille: 20 },
    100_000,
  ],
  ["100 clients on one key", { operations: 10_000, clients: 100, keys: 1 }, 400_000],
  ["20 clients and few values", { operations: 10_000, clients: 20, keys: 10, values: 4 }, 400_000],
])("what %s see of a true register is linearizable, in few steps", (_, traffic, stepsMax) => {
  for (let seed = 1; seed <= 5; seed++) {
    const verdict = checkHistory(registerModel, trueHistory(seed, traffic), { stepsMax });
    expect([seed, verdict.kind]).toEqual([seed, "ok"]);
  }
});

test("one stale read among 10,000 operations is found, and shown with what contradicts it", () => {
  const history = trueHistory(7, { operations: 10_000, clients: 10, keys: 10 });
  const key = "3";
  const reads = history.filter((one) => one.key === key && one.input.kind === "read");
  const last = reads.at(-1);
  const early = reads.find(({ end }) => end.kind === "ok" && end.output !== null);
  if (last?.end.kind !== "ok" || early?.end.kind !== "ok") throw new Error("both reads ended");
  const { output } = early.end;
  const end = { ...last.end, output };
  const stale = history.map((one) => (one === last ? { ...one, end } : one));
  const verdict = checkHistory(registerModel, stale);
  if (verdict.kind !== "illegal") throw new Error(verdict.kind);
  const { window } = verdict;
  expect([window.key, window.last.id, window.isSmallest]).toEqual([key, last.id, true]);
  expect(window.operations.length).toBeLessThanOrEqual(4);
  expect(window.operations.map(({ id }) => id)).toContain(last.id);
});

/** Adds that overlap, of which the total is none of the sums: every order must be tried. */
function hard(count: number): History<CounterInput, CounterOutput> {
  const recorder = new HistoryRecorder<CounterInput, CounterOutput>();
  const ids = Array.from({ length: count }, (_, client) =>
    recorder.invoke(client, "k", { kind: "add", amount: 2 ** client }),
  );
  for (const id of ids) recorder.ok(id, { total: undefined });
  recorder.ok(recorder.invoke(0, "k", { kind: "total" }), { total: -1 });
  return recorder.history();
}

test("a budget of steps that runs out is no verdict", () => {
  const verdict = checkHistory(counterModel, hard(20), { stepsMax: 1_000 });
  expect(verdict).toEqual({
    kind: "unknown",
    stepCount: verdict.stepCount,
    undecided: [{ key: "k", resource: "steps" }],
  });
  // A configuration that was begun is brought to its end.
  expect(verdict.stepCount).toBeGreaterThanOrEqual(1_000);
  expect(verdict.stepCount).toBeLessThan(1_025);
});

test("a budget of memory that runs out is no verdict, and more memory brings one", () => {
  const verdict = checkHistory(counterModel, hard(14), { cacheBytesMax: 65_536 });
  expect(verdict).toMatchObject({ kind: "unknown", undecided: [{ key: "k", resource: "memory" }] });
  expect(checkHistory(counterModel, hard(14)).kind).toBe("illegal");
});

test("a key that is decided is decided, whatever others cost", () => {
  const recorder = new HistoryRecorder<CounterInput, CounterOutput>();
  recorder.ok(recorder.invoke(1, "wrong", { kind: "total" }), { total: 5 });
  const wrong = recorder.history().map((one) => ({ ...one, order: 1_000, id: 1_000 }));
  const end = { kind: "ok", output: { total: 5 }, order: 1_001 } as const;
  const both = [...hard(20), ...wrong.map((one) => ({ ...one, end }))];
  expect(checkHistory(counterModel, both, { stepsMax: 1_000 })).toMatchObject({
    kind: "illegal",
    window: { key: "wrong" },
  });
});

test.each([0, 1, 2, 3, 4, 5])(
  "where %i others end before what makes the history illegal, the window ends there",
  (before) => {
    // Every total shows the add, which tells a total of its own only when it ends.
    const recorder = new HistoryRecorder<CounterInput, CounterOutput>();
    const add = recorder.invoke(0, "", { kind: "add", amount: 1 });
    for (let client = 1; client <= 6; client++) {
      if (client === before + 1) recorder.ok(add, { total: 100 });
      recorder.ok(recorder.invoke(client, "", { kind: "total" }), { total: 1 });
    }
    const verdict = checkHistory(counterModel, recorder.history());
    if (verdict.kind !== "illegal") throw new Error(verdict.kind);
    expect(verdict.window.last.id).toBe(add);
    expect(verdict.window.operations.map(({ id }) => id)).toEqual([add]);
  },
);

test("a window that the budget does not suffice for is larger, and says so", () => {
  const history = trueHistory(3, { operations: 60, clients: 3, keys: 1 });
  const read = history.findLast(({ input, end }) => input.kind === "read" && end.kind === "ok");
  if (read?.end.kind !== "ok") throw new Error("there is a read");
  const end = { ...read.end, output: -1 };
  const wrong = history.map((one) => (one === read ? { ...one, end } : one));
  const small = checkHistory(registerModel, wrong);
  const large = checkHistory(registerModel, wrong, { windowStepsMax: 0 });
  if (small.kind !== "illegal" || large.kind !== "illegal") throw new Error("both are illegal");
  expect([small.window.isSmallest, small.window.operations.map(({ id }) => id)]).toEqual([
    true,
    [read.id],
  ]);
  expect(large.window.isSmallest).toBe(false);
  expect(large.window.operations.length).toBeGreaterThan(10);
});

test("the same history gives the same verdict, to the last detail", () => {
  fc.assert(
    fc.property(registerHistories(40), (history) => {
      expect(checkHistory(registerModel, history)).toEqual(checkHistory(registerModel, history));
    }),
    { numRuns: 200 },
  );
});

test.each([{ stepsMax: 0 }, { stepsMax: 1.5 }, { windowStepsMax: -1 }, { cacheBytesMax: 1_000 }])(
  "the options %j are refused",
  (options) => {
    expect(() => checkHistory(registerModel, [], options)).toThrow("invalid_options: ");
  },
);

test("nothing at all is linearizable", () => {
  expect(checkHistory(registerModel, [])).toEqual({ kind: "ok", stepCount: 0 });
});

test("a model of one's own needs three methods", () => {
  const stack: Model<readonly string[], string, string> = {
    initial: () => [],
    step(state, input, output) {
      if (input !== "pop") return [...state, input];
      return output === undefined || output === state.at(-1) ? state.slice(0, -1) : illegal;
    },
    nameOf: (state) => JSON.stringify(state),
  };
  const run = (popped: string): string => {
    const recorder = new HistoryRecorder<string, string>();
    for (const item of ["a", "b"]) recorder.ok(recorder.invoke(1, "", item), "done");
    recorder.ok(recorder.invoke(1, "", "pop"), popped);
    return checkHistory(stack, recorder.history()).kind;
  };
  expect([run("b"), run("a")]).toEqual(["ok", "illegal"]);
});

test("counters count what took effect once, and lists keep the order", () => {
  const counts = new HistoryRecorder<CounterInput, CounterOutput>();
  counts.invoke(1, "", { kind: "add", amount: 2 });
  counts.ok(counts.invoke(2, "", { kind: "add", amount: 1 }), { total: 3 });
  counts.ok(counts.invoke(2, "", { kind: "total" }), { total: 3 });
  expect(checkHistory(counterModel, counts.history()).kind).toBe("ok");
  counts.ok(counts.invoke(2, "", { kind: "total" }), { total: 5 });
  expect(checkHistory(counterModel, counts.history()).kind).toBe("illegal");

  const lists = new HistoryRecorder<ListInput, ListOutput>();
  lists.invoke(1, "", { kind: "push", value: "x" });
  lists.ok(lists.invoke(2, "", { kind: "push", value: 1 }), []);
  lists.ok(lists.invoke(2, "", { kind: "items" }), ["x", 1]);
  expect(checkHistory(listModel, lists.history()).kind).toBe("ok");
  lists.ok(lists.invoke(2, "", { kind: "items" }), [1, "x"]);
  expect(checkHistory(listModel, lists.history()).kind).toBe("illegal");
});
