import { describeStatus, type LogIndex, none, quorum, type Term } from "@quorate/core";
import { unitsPerTick } from "./plan.ts";
import type { SimNode } from "./sim-node.ts";
import type { Healing, World } from "./world.ts";

/** Why a healed cluster did not converge in time. */
export type Stall =
  /** No member leads all others in one term. */
  | "no-leader"
  /** A leader's new command was not committed. */
  | "proposal-not-committed"
  /** Logs, commit indexes or state machines still differ. */
  | "not-converged"
  /** A read was neither answered nor failed. */
  | "read-not-settled";

/** A cluster without faults did not make progress in time. */
export class LivenessFailure extends Error {
  override readonly name = "LivenessFailure";
  readonly stall: Stall;

  constructor(stall: Stall, what: string) {
    super(`liveness: ${stall}: ${what}`);
    this.stall = stall;
  }
}

/**
 * How long a healed cluster may take, in election timeouts: many, since small timeouts split some
 * votes in a row.
 */
const timeoutsMax = 100;
/**
 * And for each entry, in units, and in times that a message travels: windows may be one entry wide, and
 * state machines slow.
 */
const entryUnitsMax = 60;
const entryTravelsMax = 4;

/** The command by which liveness is shown. */
interface Probe {
  readonly leader: SimNode;
  readonly term: Term;
  readonly index: LogIndex;
}

/** For all nodes, or for a random majority, as the plan says. */
export function drawHealing({ plan, draw, ids }: World): Healing {
  const { all, bridge } = plan.healing;
  const count = all ? ids.length : draw.between(quorum(ids.length), ids.length);
  const members = draw.some(ids, count);
  return { members, bridge: bridge ? draw.pick(members) : none };
}

/**
 * Heals the world for some members, while the rest stays away, and demands within a bounded time: a leader
 * that all follow, a new command committed by all, equal logs and state machines, and every read
 * answered or failed. Throws `LivenessFailure`.
 */
export function demandLiveness(world: World, healing: Healing): void {
  const { members } = healing;
  world.stage.trace.line(() => `${world.now} heal for [${members.join(" ")}]`);
  world.healFor(healing);
  const nodes = members.map((id) => world.node(id));
  const waitUnits = waitUnitsMax(world);
  const deadline = world.now + waitUnits;
  let probe: Probe | undefined;
  let nextTry = 0;
  let stall: Stall | undefined = "no-leader";
  while (stall !== undefined && world.now < deadline) {
    world.advance();
    const leader = agreedLeader(nodes);
    if (leader === undefined) {
      stall = "no-leader";
    } else if (probe?.leader !== leader || probe.term !== leader.status?.term) {
      stall = "proposal-not-committed";
      if (world.now < nextTry) continue;
      // A refused command is tried again, but not at once: time must go on meanwhile.
      nextTry = world.now + unitsPerTick;
      probe = propose(world, leader);
    } else {
      stall = stallOf(nodes, leader, probe.index);
    }
  }
  if (stall !== undefined) {
    const states = nodes.map(({ status }) => (status === undefined ? "" : describeStatus(status)));
    const ticks = Math.ceil(waitUnits / unitsPerTick);
    throw new LivenessFailure(stall, `after ${ticks} ticks without faults\n${states.join("\n")}`);
  }
  world.jury.ended(members);
}

function waitUnitsMax({ plan, ids, jury }: World): number {
  const { electionTimeoutTicks = 10 } = plan.options;
  const entryCount = Math.max(...ids.map((id) => jury.logOf(id).length));
  const electionUnits = timeoutsMax * electionTimeoutTicks * unitsPerTick;
  // What was sent long ago may still come, and start another election.
  const entryUnits = entryUnitsMax + entryTravelsMax * plan.healing.delayMax;
  return electionUnits + entryCount * entryUnits + plan.network.lateDelayMax;
}

/** The member that leads, if all others know. */
function agreedLeader(nodes: readonly SimNode[]): SimNode | undefined {
  const leader = nodes.find(({ status }) => status?.role === "leader");
  const { id, term } = leader?.status ?? {};
  const agreed = nodes.every(({ status }) => status?.leader === id && status?.term === term);
  return agreed ? leader : undefined;
}

function propose(world: World, leader: SimNode): Probe | undefined {
  const { id, status } = leader;
  const answer = world.take({ kind: "propose", node: id, command: 0, bytes: 4 });
  if (status === undefined || answer !== "done") return undefined;
  return { leader, term: status.term, index: status.last.index + 1 };
}

function stallOf(nodes: readonly SimNode[], leader: SimNode, index: LogIndex): Stall | undefined {
  const commitIndex = leader.status?.commitIndex ?? 0;
  if (commitIndex < index) return "proposal-not-committed";
  for (const { status, pendingReadCount } of nodes) {
    if (status?.commitIndex !== commitIndex || status.last.index !== commitIndex) {
      return "not-converged";
    }
    if (status.appliedIndex !== commitIndex) return "not-converged";
    if (pendingReadCount > 0) return "read-not-settled";
  }
  return undefined;
}
