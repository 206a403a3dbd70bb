import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checkHistory, type History, kvModel, type Model, registerModel } from "../src/index.ts";
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
