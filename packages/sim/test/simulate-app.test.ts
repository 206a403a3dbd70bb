import { type AppDefect, AppFailure, simulateApp, type SimulateAppOptions } from "@quorate/sim";
import { expect, test } from "vitest";
import { BoxOffice, HastyBoxOffice } from "./box-office.ts";

const boxOffice: SimulateAppOptions<number, number> = {
  stateMachine: () => new BoxOffice(),
  workload(draw) {
    const show = draw.below(2);
    return draw.chance(700)
      ? { kind: "write", command: Uint8Array.of(show), label: `buy ${show}` }
      : { kind: "read", query: show };
  },
  seeds: 8,
};

const hasty = { ...boxOffice, stateMachine: () => new HastyBoxOffice() };

/** The failure of a simulation that must have one. */
async function failureOf(options: SimulateAppOptions<number, number>): Promise<AppFailure> {
  try {
    await simulateApp(options);
  } catch (error) {
    if (error instanceof AppFailure) return error;
    throw error;
  }
  throw new Error("nothing was found");
}

test("a state machine that is right goes through, and every run is told", async () => {
  const hashes: string[] = [];
  const report = await simulateApp({
    ...boxOffice,
    check: ({ commands, calls }) => {
      expect(calls.length).toBeGreaterThan(0);
      expect(commands.every(({ result }) => result.length === 1)).toBe(true);
    },
    onRun: ({ hash }) => void hashes.push(hash),
  });
  expect(report.runCount).toBe(8);
  expect(report.eventCount).toBeGreaterThan(8000);
  expect(report.coverage.get("write-applied")).toBeGreaterThan(100);
  expect(new Set(hashes).size).toBe(8);
});

test("what depends on how commands are batched is found, and shrinks to a few steps", async () => {
  const failure = await failureOf({ ...hasty, seeds: 100 });
  expect(failure.cause).toSatisfy((cause: AppDefect) => cause.name === "AppDefect");
  const steps = failure.scenario.split("\n").filter((line) => /^(@|frame)/.test(line));
  expect(steps.length).toBeGreaterThan(0);
  expect(steps.length).toBeLessThanOrEqual(12);
  expect(failure.scenario).toContain("# buy");

  // The scenario fails again, and holds once the defect is mended.
  const again = await failureOf({ ...hasty, seeds: [], scenarios: [failure.scenario] });
  expect(again.scenario).toBe(failure.scenario);
  const mended = await simulateApp({ ...boxOffice, seeds: [], scenarios: [failure.scenario] });
  expect(mended.runCount).toBe(1);
});

test("what differs from the model is found", async () => {
  const model = (): BoxOffice => {
    const office = new BoxOffice();
    office.apply([{ term: 1, index: 1, kind: "command", data: Uint8Array.of(0) }]);
    return office;
  };
  const failure = await failureOf({ ...boxOffice, model, shrinkRunsMax: 200 });
  expect(failure.message).toContain("should have been");
});

test("what a check throws is a failure", async () => {
  const check = (): never => {
    throw new TypeError("too many seats");
  };
  const failure = await failureOf({ ...boxOffice, check, shrinkRunsMax: 50 });
  expect(failure.message).toContain("too many seats");
  expect(failure.seed).toBe(1);
});

test("a state machine that throws, and a query that does, are found", async () => {
  const throwing = (what: "apply" | "query"): SimulateAppOptions<number, number> => ({
    ...boxOffice,
    shrinkRunsMax: 50,
    stateMachine: () => {
      const office = new BoxOffice();
      const oops = (): never => {
        throw new RangeError("oops");
      };
      return {
        apply: (entries) => (what === "apply" ? oops() : office.apply(entries)),
        query: (show) => (what === "query" ? oops() : office.query(show)),
      };
    },
  });
  expect((await failureOf(throwing("apply"))).message).toContain("apply throws RangeError: oops");
  expect((await failureOf(throwing("query"))).message).toContain("rejected with RangeError: oops");
});

test("a state machine may be asynchronous", async () => {
  const asynchronous = {
    ...boxOffice,
    stateMachine: () => {
      const office = new BoxOffice();
      return {
        apply: async (entries: Parameters<BoxOffice["apply"]>[0]) => {
          for (let round = 0; round < 50; round++) await Promise.resolve();
          return office.apply(entries);
        },
        query: async (show: number) => office.query(show),
      };
    },
    seeds: 4,
  };
  expect((await simulateApp(asynchronous)).runCount).toBe(4);
});

test("a state machine that waits for the world outside is told so", async () => {
  const waiting = {
    ...boxOffice,
    shrinkRunsMax: 1,
    seeds: [1],
    stateMachine: () => ({
      apply: () => new Promise<readonly Uint8Array[]>(() => {}),
      query: () => 0,
    }),
  };
  expect((await failureOf(waiting)).message).toContain("liveness");
});
