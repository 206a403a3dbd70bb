import { campaignMutants } from "./campaign-mutants.ts";
import { readMutants, writeMutants } from "./client-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { progressMutants } from "./progress-mutants.ts";
import { commitMutants } from "./replication-mutants.ts";
import { logMutants, restartMutants } from "./storage-mutants.ts";
import { voteMutants } from "./vote-mutants.ts";

/** Every mutant, in the order in which they are run and shown. */
export const catalogue: readonly Mutant[] = [
  ...voteMutants,
  ...campaignMutants,
  ...commitMutants,
  ...progressMutants,
  ...restartMutants,
  ...logMutants,
  ...readMutants,
  ...writeMutants,
];
