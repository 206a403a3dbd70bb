import { expect, test } from "vitest";
import { kvApp, type KvQuery } from "./kv-app.ts";
import { shrinkWhole } from "./simulate-whole.ts";
import { drawMischief, drawWholePlan } from "./whole-plan.ts";
import { runWhole, type WholeRunOptions } from "./whole-run.ts";
import { parseWholeScenario, printWholeScenario } from "./whole-scenario.ts";

type Trouble = WholeRunOptions<KvQuery, number>["trouble"];

/** Runs a seed, and tells every line of what happened beside what the run came to. */
async function runOf(seed: number, trouble: Trouble) {
  const lines: string[] = [];
  const writer = (line: string): unknown => lines.push(line);
  const run = await runWhole({ plan: drawWholePlan(seed), app: kvApp, trouble, writer });
  return { run, lines };
}

test("a run comes again from its decisions alone, as they are written down", async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const plan = drawWholePlan(seed);
    const recorded = await runOf(seed, { kind: "draw", mischief: drawMischief(plan) });
    const { decisions } = recorded.run;
    const text = printWholeScenario({ comments: [], plan, expect: "holds", decisions });
    const replayed = await runOf(seed, {
      kind: "replay",
      decisions: parseWholeScenario(text).decisions,
    });
    expect(decisions.length).toBeGreaterThan(10);
    expect(replayed.run.decisions).toEqual(decisions);
    // Nothing tells the two apart, to the last promise job.
    expect(replayed.lines).toEqual(recorded.lines);
    expect(replayed.run.hash).toBe(recorded.run.hash);
  }
});

test("what a judge throws is the failure of a run, and a run without one is not shrunk", async () => {
  const plan = drawWholePlan(1);
  const { failure } = await runWhole({
    plan,
    app: kvApp,
    trouble: { kind: "draw", mischief: drawMischief(plan) },
    judge: () => {
      throw new RangeError("too good");
    },
  });
  expect(failure).toBeInstanceOf(RangeError);
  expect(await shrinkWhole(1)).toBeUndefined();
});
