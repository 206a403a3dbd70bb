/** What can go wrong beside what the plan's rates of loss, duplication and delay bring. */
export const faultKinds = [
  "crash-one",
  "crash-leader",
  "crash-some",
  "crash-all",
  "partition-random",
  "partition-leader",
  "partition-one-way",
  "partition-bridge",
  "partition-pair",
  "clog",
  "strand-leader",
  "pause",
  "clock-rate",
  "slow-disk",
  "campaign",
] as const;

/** One kind of fault. */
export type FaultKind = (typeof faultKinds)[number];
