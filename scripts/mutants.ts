import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isUnmutatedClean, tryMutants, tryUnmutated } from "./mutants/campaign.ts";
import { catalogue } from "./mutants/catalogue.ts";
import { parseOptions, usage } from "./mutants/options.ts";
import { Build } from "./mutants/packages.ts";
import { pageOf, pagePath } from "./mutants/page.ts";
import { isAlarming, jsonOf, lineOf, lineOfUnmutated, summaryOf } from "./mutants/result.ts";
import { rows } from "./mutants/rows.ts";
import { root } from "./tree.ts";

/**
 * `npm run mutants`: puts each bug of the catalogue into a copy of the code, and has the simulator, or
 * the tests, find it. Exit status 1 if one that can harm a user survives, or if the code as it is fails.
 */
async function main(args: readonly string[]): Promise<number> {
  const { isChosen, jobCount, range, json, write } = parseOptions(args);
  const mutants = catalogue.filter(isChosen);
  if (mutants.length === 0) throw new TypeError("no mutant is of that name");
  const print = json ? () => undefined : (line: string) => console.log(line);

  const build = new Build();
  const unmutated = await tryUnmutated(build, mutants, range, jobCount);
  for (const result of unmutated) print(lineOfUnmutated(result));
  const results = await tryMutants(build, mutants, range, jobCount, (result) =>
    print(lineOf(result)),
  );
  print(summaryOf(results));
  if (json) process.stdout.write(jsonOf(unmutated, results));
  if (write) writeFileSync(join(root, pagePath), pageOf(results, rows, range));
  return isUnmutatedClean(unmutated) && !results.some(isAlarming) ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(`${error.message}\n${usage}`);
  process.exitCode = 2;
}
