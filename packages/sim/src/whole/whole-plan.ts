import { type NodeId, quorum } from "@quorate/core";
import { Draw } from "../draw.ts";

/**
 * Everything about one world that is decided before it begins, but for what then goes wrong. All of it is
 * numbers, so that it can be written down; switches are 0 or 1.
 */
export interface WholePlan {
  /** Decides whatever needs no decision of its own. */
  readonly seed: number;
  readonly nodes: number;
  /** How long things go wrong. */
  readonly lengthMs: number;
  /** How many nodes there are that may join: from id 11 on. */
  readonly spares: number;
  /** The nodes that are healed in the end: bit `id - 1` of each. The others stand still then. */
  readonly memberBits: number;
  /** 1: the others do not stand still, but have a full disk. The members must get by with them. */
  readonly othersAreFull: number;

  // Of the replicas: see `ReplicaOptions` and `RaftOptions`.
  readonly tickMs: number;
  readonly electionTimeoutTicks: number;
  readonly heartbeatTicks: number;
  readonly preVote: number;
  readonly checkQuorum: number;
  /** 1: reads may count on leases, and on clocks; so clocks are no further off than they may be. */
  readonly leaseReads: number;
  readonly clockDriftPerMille: number;
  readonly callTimeoutMs: number;
  readonly memberTimeoutMs: number;
  readonly handOverTimeoutMs: number;
  readonly retryMs: number;
  readonly diskFullRetryMs: number;
  readonly repairTimeoutMs: number;
  readonly segmentBytes: number;
  readonly reserveBytes: number;
  readonly proposalCountMax: number;
  readonly readCountMax: number;
  readonly unpersistedBytesMax: number;
  readonly messageBytesMax: number;
  readonly applyBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly inflightCountMax: number;
  readonly snapshotEveryCount: number;
  readonly snapshotEveryBytes: number;
  readonly snapshotTailCount: number;
  readonly snapshotTailBytes: number;
  readonly snapshotKeepBytesMax: number;
  readonly snapshotChunkBytes: number;
  readonly snapshotWindowBytes: number;
  /** 0: no limit. */
  readonly snapshotBytesPerSecond: number;
  readonly snapshotStallMs: number;
  readonly snapshotRetryMs: number;
  /** 1: the state machine is durable by itself, if it can be saved at all. */
  readonly durableMachine: number;
  readonly digestEveryCount: number;

  // Of the world, while all is well.
  /** The longest that a frame travels. */
  readonly frameUsMax: number;
  /** The longest that a write or a sync takes. */
  readonly diskUsMax: number;
  /** The longest that a state machine takes to apply or to answer; 0 if it is done at once. */
  readonly applyUsMax: number;
  /** How much each disk can hold, also when all is healed: enough for a compacted log. 0: no limit. */
  readonly diskBytes: number;
  /** How long deferred work waits. */
  readonly deferUs: number;
  readonly connectMs: number;
  /** How long it takes to notice that a peer fell silent. */
  readonly deadConnectionMs: number;
}

/** What a disk can hold, in bytes, while nothing befalls it. */
export function capacityOf({ diskBytes }: WholePlan): number {
  return diskBytes === 0 ? Number.POSITIVE_INFINITY : diskBytes;
}

/** The election timeout, in milliseconds. */
export function electionMsOf({
  tickMs,
  electionTimeoutTicks,
}: Pick<WholePlan, "tickMs" | "electionTimeoutTicks">): number {
  return tickMs * electionTimeoutTicks;
}

/** The ids of those who may join come after this one, so that they stay what they are in any plan. */
export const spareIdBase = 10;

/** Whether node `id` is one that may join, and no founder. */
export function isSpare(id: NodeId): boolean {
  return id > spareIdBase;
}

/** Which damage a world does to disks, beyond what disks promise. */
export type Profile =
  /** None. */
  | "honest"
  /** Durable bytes change. They must be mended, refused, or harmless. */
  | "bit-rot"
  /** One node loses its disk and comes back with an empty one. It must be refused by its peers. */
  | "wiped-disk"
  /** The state of one node becomes another. It must stop, and stay down. */
  | "stray";

/** What goes wrong in a recorded run, and how often. A replayed run needs none of it. */
export interface Mischief {
  readonly profile: Profile;
  /** The kinds of faults that happen, each as often as it is listed. */
  readonly faults: readonly FaultName[];
  /** The longest time between two faults, and how long they last at most. */
  readonly faultGapMs: number;
  readonly faultMs: number;
  readonly lossPerMille: number;
  readonly duplicatePerMille: number;
  readonly latePerMille: number;
  readonly lateMs: number;
  readonly clients: number;
  /** The longest time between two calls of a client. */
  readonly callGapMs: number;
  /** How many calls that failed without effect are made again. */
  readonly retryPerMille: number;
  /** What operators do, each as often as it is listed, and the longest time between two such things. */
  readonly operations: readonly OperationName[];
  readonly operationGapMs: number;
}

/** What a recorded run draws its faults from. */
export const faultNames = [
  "kill",
  "power-failure",
  "power-failure-of-leader",
  "power-failure-of-some",
  "power-failure-of-all",
  "close",
  "rolling-restart",
  "pause",
  "pause-leader",
  "suspend",
  "event-loop-lag",
  "set-wall",
  "clock-rate",
  "clock-jump",
  "slow-disk",
  "stuck-disk",
  "hanging-disk",
  "full-disk",
  "disk-error",
  "crash-at-disk-call",
  "partition-random",
  "partition-leader",
  "partition-one-way",
  "deaf-leader",
  "outdated-leader",
  "partition-bridge",
  "partition-pair",
  "clog",
  "reset",
] as const;

/** One way in which a recorded run goes wrong. */
export type FaultName = (typeof faultNames)[number];

/** What operators do in a recorded run. */
export const operationNames = [
  "grow",
  "shrink",
  "replace",
  "set",
  "prefer",
  "transfer",
  "snapshot",
] as const;

/** One thing that operators do. */
export type OperationName = (typeof operationNames)[number];

/** Draws the plan of a seed. */
export function drawWholePlan(seed: number): WholePlan {
  const draw = new Draw(seed, 11);
  const nodes = draw.pick([3, 3, 3, 3, 3, 3, 3, 5, 5, 5, 5, 1, 2, 4]);
  const tickMs = draw.pick([10, 20, 50, 100]);
  const electionTimeoutTicks = draw.between(4, 10);
  const electionMs = tickMs * electionTimeoutTicks;
  const members = draw.some(
    Array.from({ length: nodes }, (_, offset) => offset),
    draw.between(quorum(nodes), nodes),
  );
  const leaseReads = draw.pick([0, 1]);
  const snapshotTailBytes = draw.pick([0, 200, 100_000]);
  const snapshotChunkBytes = draw.pick([7, 64, 64, 100_000]);
  const room = drawRoom(seed);
  return {
    seed,
    nodes,
    spares: draw.pick([0, 1, 2, 3, 3]),
    lengthMs: draw.pick([10, 20, 30]) * electionMs,
    memberBits: members.reduce((bits, offset) => bits + 2 ** offset, 0),
    othersAreFull: draw.pick([0, 0, 1]),
    tickMs,
    electionTimeoutTicks,
    heartbeatTicks: draw.between(1, Math.floor(electionTimeoutTicks / 3)),
    preVote: draw.pick([0, 1, 1]),
    checkQuorum: Math.max(leaseReads, draw.pick([0, 1, 1])),
    leaseReads,
    clockDriftPerMille: draw.pick([0, 100, 300]),
    callTimeoutMs: draw.pick([1, 3, 10]) * electionMs,
    memberTimeoutMs: draw.pick([1, 2, 10]) * electionMs,
    handOverTimeoutMs: draw.pick([0, 1, 3]) * electionMs,
    retryMs: draw.pick([5, 20, 100]),
    diskFullRetryMs: draw.pick([20, 200]),
    repairTimeoutMs: 500 + new Draw(seed, 20).pick([1, 2, 10]) * electionMs,
    segmentBytes: draw.pick([2048, 4096, 4096, 16_384]),
    reserveBytes: room.reserveBytes,
    proposalCountMax: draw.pick([1, 4, 1000, 1000, 1000]),
    readCountMax: draw.pick([1, 4, 1000, 1000, 1000]),
    unpersistedBytesMax: draw.pick([1, 200, 1_000_000, 1_000_000]),
    messageBytesMax: draw.pick([1, 200, 100_000]),
    applyBytesMax: draw.pick([1, 100, 100_000]),
    uncommittedBytesMax: draw.pick([60, 300, 100_000, 100_000]),
    inflightCountMax: draw.pick([1, 3, 256]),
    snapshotEveryCount: draw.pick([1, 3, 10, 10, 40, 100_000]),
    snapshotEveryBytes: draw.pick([100, 1000, 1_000_000]),
    snapshotTailCount: draw.pick([0, 0, 2, 10]),
    snapshotTailBytes,
    snapshotKeepBytesMax: snapshotTailBytes + draw.pick([0, 500, 1_000_000]),
    snapshotChunkBytes,
    snapshotWindowBytes: snapshotChunkBytes * draw.pick([1, 2, 10]),
    snapshotBytesPerSecond: draw.pick([300, 10_000, 0, 0]),
    snapshotStallMs: draw.pick([1, 3, 10]) * electionMs,
    snapshotRetryMs: draw.pick([20, 200]),
    durableMachine: draw.pick([0, 0, 1]),
    frameUsMax: draw.pick([200, 2000, 2000, Math.floor(electionMs * 100)]),
    diskUsMax: draw.pick([200, 2000, 10_000, Math.floor(electionMs * 100)]),
    applyUsMax: draw.pick([0, 0, 0, 500, Math.floor(electionMs * 300)]),
    diskBytes: room.diskBytes,
    deferUs: draw.pick([1, 20, 500]),
    connectMs: draw.pick([1, 10, 50]),
    deadConnectionMs: draw.pick([1, 3]) * electionMs,
    digestEveryCount: draw.pick([1, 2, 8, 8, neverDigest]),
  };
}

/** Of so many entries there are none: no state is digested. */
const neverDigest = 2 ** 30;

/** Draws how much of a disk is set aside, and how much there is. */
function drawRoom(seed: number): Pick<WholePlan, "reserveBytes" | "diskBytes"> {
  const draw = new Draw(seed, 19);
  const reserveBytes = draw.pick([0, 2048, 16_384, 32_768]);
  const isSmall = draw.chance(667);
  // A state with its sessions has to fit into the reserve: else a full disk stays so, as it must.
  const diskBytes = isSmall && reserveBytes >= 16_384 ? 40_000 + reserveBytes : 0;
  return { reserveBytes, diskBytes };
}

/** Draws what goes wrong in the run of a seed. */
export function drawMischief(plan: WholePlan): Mischief {
  const draw = new Draw(plan.seed, 12);
  const electionMs = plan.tickMs * plan.electionTimeoutTicks;
  const profile: Profile =
    plan.nodes < 3
      ? "honest"
      : draw.pick(["honest", "honest", "honest", "honest", "bit-rot", "bit-rot", "wiped-disk"]);
  const isCompared = plan.nodes >= 3 && plan.digestEveryCount < neverDigest;
  const isStray = isCompared && new Draw(plan.seed, 17).chance(250);
  const isRough = draw.chance(600);
  const faults = faultNames.filter((name) => {
    if (name === "outdated-leader") return false;
    // Leases count on clocks that never jump.
    if (plan.leaseReads === 1 && name === "clock-jump") return false;
    return draw.chance(name === "power-failure-of-all" ? 200 : 400);
  });
  // Hardly anything else shows whether a lease ends in time.
  const leaseFaults = Array.from({ length: 5 }, (): FaultName => "outdated-leader");
  return {
    profile: profile === "honest" && isStray ? "stray" : profile,
    faults: plan.leaseReads === 1 ? [...faults, ...leaseFaults] : faults,
    faultGapMs: draw.pick([1, 2, 5]) * electionMs,
    faultMs: draw.pick([1, 2, 6]) * electionMs,
    lossPerMille: isRough ? draw.pick([0, 5, 50, 150]) : 0,
    duplicatePerMille: isRough ? draw.pick([0, 20, 100]) : 0,
    latePerMille: isRough ? draw.pick([0, 10, 100]) : 0,
    lateMs: draw.pick([1, 5]) * electionMs,
    clients: draw.pick([2, 5, 10]),
    callGapMs: draw.pick([1, 5, 20]) * plan.tickMs,
    retryPerMille: draw.pick([0, 500]),
    operations: draw.chance(700) ? operationNames.filter(() => draw.chance(600)) : [],
    operationGapMs: draw.pick([1, 3, 8]) * electionMs,
  };
}

/** A plan under which all is well and nothing is unusual: what a scenario does not tell is as here. */
export const calmWholePlan: WholePlan = {
  seed: 1,
  nodes: 3,
  spares: 0,
  lengthMs: 1000,
  memberBits: 511,
  othersAreFull: 0,
  tickMs: 10,
  electionTimeoutTicks: 10,
  heartbeatTicks: 1,
  preVote: 1,
  checkQuorum: 1,
  leaseReads: 0,
  clockDriftPerMille: 100,
  callTimeoutMs: 500,
  memberTimeoutMs: 1000,
  handOverTimeoutMs: 100,
  retryMs: 20,
  diskFullRetryMs: 50,
  repairTimeoutMs: 2000,
  segmentBytes: 16_384,
  reserveBytes: 0,
  proposalCountMax: 1000,
  readCountMax: 1000,
  unpersistedBytesMax: 1_000_000,
  messageBytesMax: 100_000,
  applyBytesMax: 100_000,
  uncommittedBytesMax: 100_000,
  inflightCountMax: 256,
  snapshotEveryCount: 100_000,
  snapshotEveryBytes: 1_000_000,
  snapshotTailCount: 10,
  snapshotTailBytes: 100_000,
  snapshotKeepBytesMax: 1_000_000,
  snapshotChunkBytes: 100_000,
  snapshotWindowBytes: 1_000_000,
  snapshotBytesPerSecond: 0,
  snapshotStallMs: 1000,
  snapshotRetryMs: 50,
  durableMachine: 0,
  digestEveryCount: neverDigest,
  frameUsMax: 200,
  diskUsMax: 500,
  applyUsMax: 0,
  diskBytes: 0,
  deferUs: 1,
  connectMs: 1,
  deadConnectionMs: 100,
};
