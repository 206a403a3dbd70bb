import { chosenStages, runStages, summary } from "./stage.ts";
import { checks } from "./stages.ts";
import { runVitest } from "./vitest-run.ts";

// `npm test`: all checks, then all tests. Every check counts as one, and so does every test.
const args = process.argv.slice(2);
const onlyTests = args.join(" ") === "--only tests";
const checked = onlyTests
  ? { passed: 0, failures: [] }
  : await runStages(chosenStages(checks, args), console.log);
const tested = args.length === 0 || onlyTests ? await runVitest() : { passed: 0, failures: [] };

const tally = {
  passed: checked.passed + tested.passed,
  failures: [...checked.failures, ...tested.failures],
};
for (const failure of tally.failures) console.log(`FAIL ${failure}`);
console.log(summary(tally));
process.exitCode = tally.failures.length === 0 ? 0 : 1;
