import { chosenStages, runStages, summary } from "./stage.ts";
import { checks } from "./stages.ts";

// `npm run check`: what can be told without running the code. Rewrites nothing; `npm run fix` does.
const tally = await runStages(chosenStages(checks, process.argv.slice(2)), console.log);
console.log(summary(tally));
process.exitCode = tally.failures.length === 0 ? 0 : 1;
