import { expect, test } from "vitest";
import { isUnmutatedClean, tryMutants, tryUnmutated } from "./campaign.ts";
import { catalogue } from "./catalogue.ts";
import { Build } from "./packages.ts";
import { catchersOf, fateOf } from "./result.ts";

// A few mutants of each kind that fall soon, to show that the simulator still sees what it must.
// `npm run mutants` tries all of them.
const quick: ReadonlySet<string> = new Set([
  "E2-term-forgotten",
  "E4-vote-forgotten-on-step-down",
  "E6-votes-for-each-candidate",
  "E10-minority-is-a-quorum",
  "E12-any-log-wins",
  "R1-old-term-committed-by-count",
  "R4-tail-acknowledged",
  "R5-match-starts-at-the-end",
  "R10-quorum-of-unsorted",
  "R11-leader-counts-unsynced",
  "R12-acknowledged-before-durable",
  "D2-applied-is-stored-commit",
  "D12-durable-index-not-rolled-back",
  "S9-compacted-beyond-the-snapshot",
  "M6-committed-by-the-new",
  "M8-learners-commit",
  "L2-read-without-round",
]);
const range = { starts: [1], seedCountMax: 60 };

test(
  "the simulator sees deliberate bugs, and nothing in the code as it is",
  { timeout: 600_000 },
  async () => {
    const build = new Build();
    const mutants = catalogue.filter(({ id }) => quick.has(id));
    expect(mutants.length).toBe(quick.size);
    expect(isUnmutatedClean(await tryUnmutated(build, mutants, range, 1))).toBe(true);
    const results = await tryMutants(build, mutants, range, 1, () => undefined);
    const escaped = results.filter((result) => fateOf(result) !== "caught");
    expect(escaped.map((result) => `${result.mutant.id}: ${catchersOf(result)}`)).toEqual([]);
  },
);
