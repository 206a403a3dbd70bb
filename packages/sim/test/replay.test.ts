import { expect, test } from "vitest";
import { parseScenario } from "../src/parse-scenario.ts";
import { drawPlan } from "../src/plan.ts";
import { type Line, lineOf, printScenario, type Scenario } from "../src/scenario.ts";
import { play } from "../src/script.ts";
import { World } from "../src/world.ts";

/** The phase with faults of the run that `seed` draws, as a scenario. */
function record(seed: number): { readonly world: World; readonly scenario: Scenario } {
  const plan = drawPlan(seed);
  const lines: Line[] = [];
  const world = new World(plan, { recorder: (step) => lines.push(lineOf(step)) });
  while (world.eventCount < plan.stepCount) world.advance();
  const { cast } = world.stage;
  return { world, scenario: { comments: [], cast, auto: false, expect: "holds", lines } };
}

test("the steps of a run, written down and read again, are the same run", { timeout: 0 }, () => {
  for (let seed = 1; seed <= 50; seed++) {
    const { world, scenario } = record(seed);
    const read = parseScenario(printScenario(scenario));
    expect(read).toEqual(scenario);

    const { error, lines, stage } = play(read);
    expect(error).toBeUndefined();
    expect(lines).toEqual(scenario.lines);
    expect(stage.trace.hash).toBe(world.stage.trace.hash);
    for (const node of world.nodes) {
      expect(stage.node(node.id).status).toEqual(node.status);
      expect(stage.jury.logOf(node.id)).toEqual(world.jury.logOf(node.id));
    }
  }
});
