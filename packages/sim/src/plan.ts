import type { NodeId, RaftOptions } from "@quorate/core";
import { Draw } from "./draw.ts";
import { type FaultKind, faultKinds } from "./fault-kind.ts";

/** Simulated time per tick. Everything that takes time is measured in this. */
export const unitsPerTick = 100;

/** How a host drives its node: `advance` alone, or `accept`, `persisted` and `applied`. */
export type Door = "simple" | "pipelined";

/** What a state machine keeps in a crash. */
export type MachineKind = "memory" | "durable";

/** How messages travel. Times are in units, rates per thousand. */
export interface NetworkPlan {
  readonly delayMax: number;
  readonly lossPerMille: number;
  readonly duplicatePerMille: number;
  /** How many are kept for up to `lateDelayMax`, far beyond any timeout. */
  readonly latePerMille: number;
  readonly lateDelayMax: number;
  /** How many losses the sender's host notices and reports. */
  readonly unreachablePerMille: number;
  /** How long the state of a snapshot travels, which its message waits for. */
  readonly stateDelayMax: number;
  /** How many of them are sent twice, since their sender gave the first one up. */
  readonly stateDuplicatePerMille: number;
}

/** How a host works. Times are in units, rates per thousand. */
export interface HostPlan {
  readonly turnDelayMax: number;
  readonly diskDelayMax: number;
  readonly applyDelayMax: number;
  /** How many Readys may wait for the disk. */
  readonly writingCountMax: number;
  /** How many Readys are asked for and thrown away. */
  readonly discardPerMille: number;
  /** How many groups of writes end in a crash. */
  readonly diskCrashPerMille: number;
  /** How many times a state machine stalls before it applies, and for how long. */
  readonly stallPerMille: number;
  readonly stallMax: number;
  /** How many times that entries were applied a snapshot is taken, and the log compacted. */
  readonly compactPerMille: number;
}

/** How messages travel once the world has healed, beside their delay. */
export const calmTravel = {
  lossPerMille: 0,
  duplicatePerMille: 0,
  latePerMille: 0,
  unreachablePerMille: 0,
  stateDelayMax: 0,
  stateDuplicatePerMille: 0,
} as const;

/** How hosts work once the world has healed. */
export const calmHost: HostPlan = {
  turnDelayMax: 0,
  diskDelayMax: 2,
  applyDelayMax: 2,
  writingCountMax: 16,
  discardPerMille: 0,
  diskCrashPerMille: 0,
  stallPerMille: 0,
  stallMax: 0,
  compactPerMille: 0,
};

/** What an operator does. */
export type OperatorKind = "change" | "transfer" | "step-down" | "forget-leader";

/** How an operator changes who takes part, and who leads. Times are in units. */
export interface OperatorPlan {
  readonly kinds: readonly OperatorKind[];
  readonly periodMax: number;
}

/** What clients ask for. Times are in units, rates per thousand. */
export interface ClientPlan {
  readonly periodMax: number;
  readonly readPerMille: number;
  /** How many calls go to a leader; the others go to anyone. */
  readonly toLeaderPerMille: number;
  readonly commandBytesMost: number;
  readonly burstCountMax: number;
}

/** What goes wrong, and when. Times are in units. */
export interface FaultPlan {
  readonly kinds: readonly FaultKind[];
  readonly periodMax: number;
  /** How long a fault lasts before it is undone. */
  readonly lengthMax: number;
}

/** How the world is when faults are over. Times are in units. */
export interface HealingPlan {
  /** Whether all nodes must converge in the end, or a majority without the others. */
  readonly all: boolean;
  /**
   * Whether those others, each alone, can still reach one of the majority and be heard by it: not
   * enough to lead, and not to keep the majority from it.
   */
  readonly bridge: boolean;
  readonly delayMax: number;
}

/** For whom the world heals. */
export interface Healing {
  readonly members: readonly NodeId[];
  /** The member that the others still reach, or `none`. */
  readonly bridge: NodeId;
}

/** Everything about one run that is decided before it starts. */
export interface Plan {
  readonly seed: number;
  /** How many nodes the group begins with. */
  readonly voterCount: number;
  /** How many more there are, which may be added. */
  readonly spareCount: number;
  /** The same for all nodes, but for the seed and the storage. */
  readonly options: RaftOptions;
  readonly doors: readonly Door[];
  readonly machines: readonly MachineKind[];
  readonly network: NetworkPlan;
  readonly host: HostPlan;
  readonly clients: ClientPlan;
  readonly faults: FaultPlan;
  readonly operator: OperatorPlan;
  /** How many steps the phase with faults takes. */
  readonly stepCount: number;
  readonly healing: HealingPlan;
}

/** Draws a plan: what is possible, how often and how much are all decided by the seed. */
export function drawPlan(seed: number): Plan {
  const draw = new Draw(seed, 1);
  const voterCount = draw.pick([3, 3, 3, 3, 3, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 7, 7, 7, 1, 2]);
  // Logs part only where leaders come and go while all else works well enough for them to be elected.
  const churn = draw.chance(500);
  const options = drawOptions(draw, churn);
  const anyDoor: Door = draw.pick(["simple", "pipelined"]);
  const anyMachine: MachineKind = draw.pick(["memory", "durable"]);
  const electionUnits = (options.electionTimeoutTicks ?? 10) * unitsPerTick;
  const plan: Plan = {
    seed,
    voterCount,
    spareCount: 0,
    options,
    doors: draw.chance(300) ? ["simple", "pipelined"] : [anyDoor],
    machines: draw.chance(300) ? ["memory", "durable"] : [anyMachine],
    network: drawNetwork(draw, churn, electionUnits),
    host: drawHost(draw, churn),
    clients: {
      periodMax: draw.pick(churn ? [100, 300, 1000] : [10, 50, 200, 1000]),
      readPerMille: draw.pick([0, 100, 500, 900]),
      toLeaderPerMille: draw.pick([300, 800, 1000]),
      commandBytesMost: draw.pick([0, 10, 60]),
      burstCountMax: draw.pick([1, 1, 4, 10]),
    },
    faults: drawFaults(draw, churn, electionUnits),
    operator: { kinds: [], periodMax: 0 },
    stepCount: draw.pick(churn ? [4000, 8000] : [2000, 4000]),
    healing: drawHealing(draw, voterCount, options),
  };
  return drawOperation(plan, electionUnits);
}

/** Draws what is done on purpose: snapshots, changes of the configuration, and of who leads. */
function drawOperation(plan: Plan, electionUnits: number): Plan {
  const draw = new Draw(plan.seed, 3);
  const compactPerMille = draw.pick([0, 0, 20, 200, 500, 900]);
  const stallPerMille = draw.pick([0, 30, 150, 400]);
  const stallMax = draw.pick([4, 30]) * electionUnits;
  const changes = plan.voterCount > 1 && draw.chance(500);
  // In a small group, each vote counts.
  const voterCount = changes ? draw.pick([plan.voterCount, 2, 3]) : plan.voterCount;
  const kinds: OperatorKind[] = [
    ...(changes ? (["change", "change", "change"] as const) : []),
    ...(draw.chance(300) ? (["transfer"] as const) : []),
    ...(draw.chance(150) ? (["step-down", "forget-leader"] as const) : []),
  ];
  const periodMax = draw.pick([1, 2, 4]) * electionUnits;
  const leaseReads = plan.options.checkQuorum === true && draw.chance(500);
  const stateDelayMax = draw.pick([0, 1, 4]) * electionUnits;
  const stateDuplicatePerMille = draw.pick([0, 300, 700]);
  const { unreachablePerMille: unreachable } = plan.network;
  // Who is out of reach for a while is sent a snapshot when it is back, whatever it has.
  const unreachablePerMille =
    compactPerMille > 0 ? draw.pick([unreachable, 300, 1000]) : unreachable;
  return {
    ...plan,
    voterCount,
    network: { ...plan.network, unreachablePerMille, stateDelayMax, stateDuplicatePerMille },
    spareCount: changes ? draw.between(0, 3) : 0,
    host: { ...plan.host, compactPerMille, stallPerMille, stallMax },
    operator: { kinds, periodMax },
    // Who was removed and does not know it must ask first, and the others must know better.
    options: changes
      ? { ...plan.options, preVote: true, checkQuorum: true, leaseReads }
      : { ...plan.options, leaseReads },
    // Configurations follow one another only by those who took part in the last.
    healing: changes ? { ...plan.healing, all: true, bridge: false } : plan.healing,
  };
}

function drawNetwork(draw: Draw, churn: boolean, electionUnits: number): NetworkPlan {
  return {
    delayMax: draw.pick(churn ? [5, 20, 60] : [5, 20, 60, 150, 400]),
    lossPerMille: draw.pick(churn ? [0, 0, 20] : [0, 0, 5, 50, 200]),
    duplicatePerMille: draw.pick([0, 0, 20, 200]),
    latePerMille: draw.pick(churn ? [0, 20, 100] : [0, 0, 10, 50]),
    lateDelayMax: draw.pick([4, 12, 40]) * electionUnits,
    unreachablePerMille: draw.pick([0, 0, 300, 1000]),
    stateDelayMax: 0,
    stateDuplicatePerMille: 0,
  };
}

function drawHost(draw: Draw, churn: boolean): HostPlan {
  return {
    turnDelayMax: draw.pick([0, 0, 10, 50]),
    diskDelayMax: draw.pick(churn ? [2, 60, 150, 300] : [2, 30, 120, 400]),
    applyDelayMax: draw.pick([2, 30, 200, 800]),
    writingCountMax: draw.pick([1, 2, 4, 16]),
    discardPerMille: draw.pick([0, 0, 100]),
    diskCrashPerMille: draw.pick([0, 0, 2, 10]),
    stallPerMille: 0,
    stallMax: 0,
    compactPerMille: 0,
  };
}

function drawHealing(draw: Draw, voterCount: number, options: RaftOptions): HealingPlan {
  // Whoever campaigns without asking first disturbs those that it reaches, for ever.
  const mayBridge = voterCount >= 5 && options.preVote === true && options.checkQuorum === true;
  return {
    all: draw.chance(500),
    bridge: mayBridge && draw.chance(900),
    delayMax: draw.pick([5, 5, 60]),
  };
}

/** How often things break is measured by how long an election takes. */
function drawFaults(draw: Draw, churn: boolean, electionUnits: number): FaultPlan {
  const kinds = churn ? faultKinds.filter((kind) => churnKinds.has(kind)) : faultKinds;
  return {
    kinds: kinds.filter(() => draw.chance(churn ? 700 : 450)),
    periodMax: draw.pick(churn ? [2, 4, 8] : [1, 4, 15, 50]) * electionUnits,
    lengthMax: draw.pick(churn ? [2, 5, 10] : [1, 5, 20]) * electionUnits,
  };
}

/** The faults that depose leaders. */
const churnKinds: ReadonlySet<FaultKind> = new Set([
  "crash-leader",
  "crash-some",
  "partition-random",
  "partition-leader",
  "partition-bridge",
  "partition-one-way",
  "clog",
  "strand-leader",
  "pause",
  "slow-disk",
  "campaign",
]);

function drawOptions(draw: Draw, churn: boolean): RaftOptions {
  const electionTimeoutTicks = draw.between(3, churn ? 5 : 12);
  return {
    electionTimeoutTicks,
    heartbeatTicks: draw.between(1, Math.max(1, Math.floor(electionTimeoutTicks / 3))),
    preVote: draw.chance(600),
    checkQuorum: draw.chance(600),
    forwardProposals: draw.chance(300),
    commandBytesMax: draw.pick([40, 4096]),
    messageBytesMax: draw.pick([1, 40, 200, 100_000]),
    applyBytesMax: draw.pick([1, 60, 100_000]),
    uncommittedBytesMax: draw.pick([40, 300, 100_000]),
    inflightCountMax: draw.pick([1, 2, 256]),
    inflightBytesMax: draw.pick([1, 100, 100_000]),
    pendingReadCountMax: draw.pick([1, 3, 1000]),
  };
}

/** A plan in which nothing goes wrong by itself: what stories start from. */
export function calmPlan(seed: number, voterCount: number, options: RaftOptions): Plan {
  return {
    seed,
    voterCount,
    spareCount: 0,
    options,
    doors: ["pipelined"],
    machines: ["memory"],
    network: {
      delayMax: 5,
      lossPerMille: 0,
      duplicatePerMille: 0,
      latePerMille: 0,
      lateDelayMax: 0,
      unreachablePerMille: 0,
      stateDelayMax: 0,
      stateDuplicatePerMille: 0,
    },
    host: { ...calmHost, diskDelayMax: 3, applyDelayMax: 1 },
    clients: {
      periodMax: 0,
      readPerMille: 0,
      toLeaderPerMille: 0,
      commandBytesMost: 0,
      burstCountMax: 0,
    },
    faults: { kinds: [], periodMax: 0, lengthMax: 0 },
    operator: { kinds: [], periodMax: 0 },
    stepCount: 0,
    healing: { all: true, bridge: false, delayMax: 5 },
  };
}
