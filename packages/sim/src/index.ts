export { simulate, SimFailure, type SimOptions, type SimReport } from "./simulate.ts";
export { demandLiveness, drawHealing, LivenessFailure, type Stall } from "./liveness.ts";
export { Coverage, coverageKinds, type CoverageKind } from "./coverage.ts";
export { cluster, Cluster, type ClusterOptions, type Selector } from "./cluster.ts";
export { World, type WorldOptions } from "./world.ts";
export type { Host } from "./host.ts";
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
export { type Delivery, type Line, printScenario, type Scenario } from "./scenario.ts";
export { parseScenario } from "./parse-scenario.ts";
export { ScenarioError } from "./words.ts";
export { play, type Played } from "./script.ts";
export { nameFailure, shrink, type ShrinkOptions, type Shrunk } from "./shrink.ts";
export { minimize, type MinimizeOptions } from "./minimize.ts";
export type { Cast } from "./cast.ts";
export { type Audience, Stage } from "./stage.ts";
export { describeStep, type Step } from "./step.ts";
export { JsonTrace } from "./json-trace.ts";
export { TlaTrace, type TlaTraceOptions } from "./tla/tla-trace.ts";
export type { FaultKind } from "./fault-kind.ts";
export type { Flaw } from "./flaw.ts";
export type { Verdict } from "./sim-network.ts";
export { Violation, type Disks, type InvariantNumber, type Judge, type Observer } from "./judge.ts";
export { type CallEnd, type History, HistoryRecorder, type Operation } from "./history/history.ts";
export { illegal, type Model } from "./history/model.ts";
export { checkHistory, type CheckOptions, type HistoryVerdict } from "./history/check-history.ts";
export type { OffendingWindow } from "./history/window.ts";
export {
  registerModel,
  registerVocabulary,
  type RegisterInput,
  type RegisterOutput,
} from "./history/register.ts";
export { kvModel, kvVocabulary, type KvInput, type KvOutput, type KvState } from "./history/kv.ts";
export {
  counterModel,
  counterVocabulary,
  type CounterInput,
  type CounterOutput,
} from "./history/counter.ts";
export { listModel, listVocabulary, type ListInput, type ListOutput } from "./history/list.ts";
export {
  playWhole,
  shrinkWhole,
  simulateWhole,
  type SimulateWholeOptions,
  type WholeReport,
} from "./whole/simulate-whole.ts";
export { parseWholeScenario } from "./whole/whole-scenario.ts";
export { wholeCoverageKinds, type WholeCoverageKind } from "./whole/whole-coverage.ts";
export {
  checkHistoryText,
  type CheckTextOptions,
  type HistoryFormat,
  historyFormats,
  type ModelName,
  modelNames,
} from "./history/check-text.ts";
export { describeReport, type HistoryReport } from "./history/history-report.ts";
export { HistoryError, type HistoryProblem } from "./history/history-error.ts";
export { historyTextMax } from "./history/history-event.ts";
export { formatJsonLines } from "./history/json-lines.ts";
export type { Vocabulary } from "./history/vocabulary.ts";
export { KvOracle, type OracleCall, type OracleOutcome } from "./history/kv-oracle.ts";
export {
  AppFailure,
  simulateApp,
  type AppReport,
  type AppRun,
  type FinishedRun,
  type SimulateAppOptions,
} from "./whole/simulate-app.ts";
export type { App, AppCall } from "./whole/app.ts";
export { AppDefect, type Committed } from "./whole/one-log.ts";
export type { CallEnding, CallRecord } from "./whole/call.ts";
export type { Draw } from "./draw.ts";
export { describeBound, type Bound } from "./explore/bound.ts";
export { Counterexample } from "./explore/counterexample.ts";
export {
  explore,
  modelOptions,
  type ExploreOptions,
  type ExploreReport,
} from "./explore/explore.ts";
export type { CreateNode, ModelNode } from "./explore/model-node.ts";
export type { HostFlaw } from "./explore/seat-step.ts";
export {
  exploreStandard,
  standardExplorations,
  type StandardExploration,
} from "./explore/standard.ts";
