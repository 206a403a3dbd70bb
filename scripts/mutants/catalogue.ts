import { campaignMutants } from "./campaign-mutants.ts";
import { changeMutants } from "./change-mutants.ts";
import { readMutants, writeMutants } from "./client-mutants.ts";
import { compactionMutants } from "./compaction-mutants.ts";
import { digestMutants } from "./digest-mutants.ts";
import { identityMutants } from "./identity-mutants.ts";
import { leaseMutants } from "./lease-mutants.ts";
import { memberMutants } from "./member-mutants.ts";
import { mendMutants } from "./mend-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { progressMutants } from "./progress-mutants.ts";
import { spotMutants, stuckMutants } from "./replica-mutants.ts";
import { commitMutants } from "./replication-mutants.ts";
import { retirementMutants } from "./retirement-mutants.ts";
import { roomMutants } from "./room-mutants.ts";
import { sessionMutants } from "./session-mutants.ts";
import { snapshotMutants } from "./snapshot-mutants.ts";
import { logMutants, restartMutants } from "./storage-mutants.ts";
import { streamMutants } from "./stream-mutants.ts";
import { transferMutants } from "./transfer-mutants.ts";
import { voteMutants } from "./vote-mutants.ts";

/** Every mutant, in the order in which they are run and shown. */
export const catalogue: readonly Mutant[] = [
  ...voteMutants,
  ...campaignMutants,
  ...commitMutants,
  ...progressMutants,
  ...restartMutants,
  ...logMutants,
  ...mendMutants,
  ...snapshotMutants,
  ...compactionMutants,
  ...changeMutants,
  ...memberMutants,
  ...retirementMutants,
  ...readMutants,
  ...writeMutants,
  ...sessionMutants,
  ...transferMutants,
  ...leaseMutants,
  ...streamMutants,
  ...identityMutants,
  ...digestMutants,
  ...stuckMutants,
  ...roomMutants,
  ...spotMutants,
];
