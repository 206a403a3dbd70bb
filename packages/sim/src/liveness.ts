import {
  describeStatus,
  isJoint,
  leaveJoint,
  type LogIndex,
  membersOf,
  none,
  quorum,
  type Status,
  type Term,
} from "@quorate/core";
import { type Healing, unitsPerTick } from "./plan.ts";
import type { SimNode } from "./sim-node.ts";
import type { World } from "./world.ts";

/** Why a healed cluster did not converge in time. */
export type Stall =
  /** No member leads all others in one term. */
  | "no-leader"
  /** A change of the configuration is not over. */
  | "change-not-over"
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
 * answered or failed. Where the configuration has changed, who must converge is who is in the last one,
 * and nothing of a change may be left. Throws `LivenessFailure`.
 */
export function demandLiveness(world: World, healing: Healing): void {
  world.stage.trace.line(() => `${world.now} heal for [${healing.members.join(" ")}]`);
  world.healFor(healing);
  const waitUnits = waitUnitsMax(world);
  const deadline = world.now + waitUnits;
  const nodes = membersIn(world, healing, deadline);
  const members = nodes.map(({ id }) => id);
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
    const ticks = Math.ceil(waitUnits / unitsPerTick);
    throw new LivenessFailure(stall, `after ${ticks} ticks without faults\n${statesOf(nodes)}`);
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

/**
 * Who must converge. Where the configuration changes, this waits until nothing of that is left; those who
 * are not in the last configuration are switched off then, since some member knows that they are not.
 */
function membersIn(world: World, healing: Healing, deadline: number): readonly SimNode[] {
  if (!isMoving(world)) return healing.members.map((id) => world.node(id));
  let nextTry = 0;
  while (world.now < deadline) {
    world.advance();
    const leader = world.leaders[0];
    if (leader?.status === undefined || world.now < nextTry) continue;
    const { confState, appliedIndex, last, id } = leader.status;
    if (isJoint(confState) && !confState.autoLeave) {
      nextTry = world.now + unitsPerTick;
      world.take({ kind: "change", node: id, change: leaveJoint });
    }
    const isOver = !isJoint(confState) && appliedIndex === last.index;
    if (!isOver || !confState.voters.includes(id)) continue;
    const members = membersOf(confState);
    for (const node of world.nodes) {
      if (node.isUp && !members.includes(node.id)) world.crash(node.id);
    }
    return members.map((member) => world.node(member));
  }
  throw new LivenessFailure("change-not-over", `\n${statesOf(world.nodes)}`);
}

/** Whether not all nodes are members, or some once were not. */
function isMoving({ nodes, ids, jury }: World): boolean {
  if (nodes.some(({ host }) => host.joins)) return true;
  return ids.some((id) => jury.logOf(id).some(({ kind }) => kind === "conf-change"));
}

function statesOf(nodes: readonly SimNode[]): string {
  const isUp = (status: Status | undefined): status is Status => status !== undefined;
  return nodes
    .map(({ status }) => status)
    .filter(isUp)
    .map(describeStatus)
    .join("\n");
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
