import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { nameFailure, parseScenario, play } from "@quorate/sim";

// Each file is a run that once failed, or could, as the simulator wrote it down. With the defect gone,
// its lines go through and the cluster converges.
const folder = new URL("scenarios/", import.meta.url);

for (const name of readdirSync(folder).filter((file) => file.endsWith(".txt"))) {
  test(`${name} ends as it says`, () => {
    const scenario = parseScenario(readFileSync(new URL(name, folder), "utf8"));
    const { error } = play(scenario);
    expect(error === undefined ? "holds" : nameFailure(error)).toBe(scenario.expect);
  });
}
