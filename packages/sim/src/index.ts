export { simulate, SimFailure, type SimReport } from "./simulate.ts";
export { demandLiveness, LivenessFailure, type Stall } from "./liveness.ts";
export { Coverage, coverageKinds, type CoverageKind } from "./coverage.ts";
export { cluster, Cluster, type ClusterOptions, type Selector } from "./cluster.ts";
export { World, type WorldOptions } from "./world.ts";
export { SimNode } from "./sim-node.ts";
export type { Answer } from "./answer.ts";
export {
  calmPlan,
  drawPlan,
  unitsPerTick,
  type ClientPlan,
  type Door,
  type FaultPlan,
  type HostPlan,
  type MachineKind,
  type NetworkPlan,
  type Plan,
} from "./plan.ts";
export type { FaultKind } from "./fault-kind.ts";
export type { Flaw } from "./flaw.ts";
export type { Verdict } from "./sim-network.ts";
export { Violation, type Disks, type InvariantNumber, type Judge, type Observer } from "./judge.ts";
