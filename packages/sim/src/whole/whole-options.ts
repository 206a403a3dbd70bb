import type { NodeId, RaftOptions } from "@quorate/core";
import type { ReplicaOptions, SnapshotOptions } from "@quorate/runtime";
import type { WholePlan } from "./whole-plan.ts";
import { addressOf } from "./wish-text.ts";

/** What the plan of a world says of each replica: what it is made of comes from its host. */
type Planned = Omit<
  ReplicaOptions<unknown, unknown>,
  "stateMachine" | "disk" | "network" | "clock" | "random"
>;

/** As in production, but of a size that a run fills many times. */
const flightRecorderBytes = 65_536;

/** The options of replica `id` that a plan asks for. Who is no founder joins. */
export function replicaOptionsOf(
  plan: WholePlan,
  id: NodeId,
  founders: readonly NodeId[],
): Planned {
  const join = !founders.includes(id);
  return {
    id,
    join,
    voters: join ? [] : founders,
    ...(join ? {} : { addresses: new Map(founders.map((each) => [each, addressOf(each)])) }),
    address: addressOf(id),
    clusterId: "simulated",
    tickMs: plan.tickMs,
    callTimeoutMs: plan.callTimeoutMs,
    memberTimeoutMs: plan.memberTimeoutMs,
    handOverTimeoutMs: plan.handOverTimeoutMs,
    retryMs: plan.retryMs,
    diskFullRetryMs: plan.diskFullRetryMs,
    repairTimeoutMs: plan.repairTimeoutMs,
    segmentBytes: plan.segmentBytes,
    reserveBytes: plan.reserveBytes,
    proposalCountMax: plan.proposalCountMax,
    readCountMax: plan.readCountMax,
    unpersistedBytesMax: plan.unpersistedBytesMax,
    digestEveryCount: plan.digestEveryCount,
    clockDriftMax: plan.clockDriftPerMille / 1000,
    flightRecorderBytes,
    ...snapshotOptionsOf(plan),
    raft: raftOptionsOf(plan),
  };
}

/** The options about snapshots that a plan asks for. */
function snapshotOptionsOf(plan: WholePlan): SnapshotOptions {
  const { snapshotBytesPerSecond } = plan;
  return {
    snapshotEveryCount: plan.snapshotEveryCount,
    snapshotEveryBytes: plan.snapshotEveryBytes,
    snapshotTailCount: plan.snapshotTailCount,
    snapshotTailBytes: plan.snapshotTailBytes,
    snapshotKeepBytesMax: plan.snapshotKeepBytesMax,
    snapshotChunkBytes: plan.snapshotChunkBytes,
    snapshotWindowBytes: plan.snapshotWindowBytes,
    snapshotBytesPerSecond: snapshotBytesPerSecond === 0 ? Infinity : snapshotBytesPerSecond,
    snapshotStallMs: plan.snapshotStallMs,
    snapshotRetryMs: plan.snapshotRetryMs,
  };
}

/** The options of the core that a plan asks for. */
function raftOptionsOf(plan: WholePlan): RaftOptions {
  return {
    electionTimeoutTicks: plan.electionTimeoutTicks,
    heartbeatTicks: plan.heartbeatTicks,
    preVote: plan.preVote === 1,
    checkQuorum: plan.checkQuorum === 1,
    leaseReads: plan.leaseReads === 1,
    messageBytesMax: plan.messageBytesMax,
    applyBytesMax: plan.applyBytesMax,
    uncommittedBytesMax: plan.uncommittedBytesMax,
    inflightCountMax: plan.inflightCountMax,
  };
}
