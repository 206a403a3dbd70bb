import { describeStatus, isJoint, isMember, membersOf, type NodeId } from "@quorate/core";
import type { CallRecord } from "./call.ts";
import { isQuorum } from "./group-shadow.ts";
import { uncaughtStray } from "./divergence.ts";
import type { OperationRecord } from "./operators.ts";
import { probeClient, probeNumberOf } from "./probe-call.ts";
import { settleRot } from "./rot-verdict.ts";
import { usPerMs } from "./timeline.ts";
import type { WholeWorld } from "./whole-world.ts";

/** Why a healed group did not get going in time. */
export type WholeStall =
  /** A member does not run. */
  | "not-started"
  /** No member leads all others. */
  | "no-leader"
  /** A call that was made under faults, or the first after them, has no end. */
  | "call-not-settled"
  /** A member does not get a write through. */
  | "write-not-applied"
  /** A member gets no answer to a read. */
  | "read-not-answered"
  /** A change of members that was begun is not finished. */
  | "change-not-finished"
  /** A node was removed, and does not stop. */
  | "removed-not-stopped"
  /** Members have not applied the same. */
  | "not-converged"
  /** A replica whose state is another serves on. */
  | "stray-not-caught"
  /** A disk that went bad is neither mended nor refused. */
  | "rot-not-settled";

/** A group without faults did not make progress in time. */
export class WholeLivenessFailure extends Error {
  override readonly name = "WholeLivenessFailure";
  readonly stall: WholeStall;

  constructor(stall: WholeStall, what: string) {
    super(`liveness: ${stall}: ${what}`);
    this.stall = stall;
  }
}

/**
 * Heals a majority for good, lets everything else stand still, and demands within a bounded time: that
 * every member runs and follows one leader, that every call of the past has ended, that each member gets
 * a write and a read through, that all have applied the same, and that who was removed has stopped. If
 * operators changed who the members are, or disks are rotten, all nodes are healed, and those that can be
 * helped must run first. Throws `WholeLivenessFailure`.
 */
export async function demandWholeLiveness<Query, Answer>(
  world: WholeWorld<Query, Answer>,
): Promise<void> {
  if (world.hosts.some(({ damage, isRemoved }) => damage === "rotten" && !isRemoved)) {
    world.heal(world.ids);
    const open = await settleRot(world, boundMs(world) * usPerMs);
    if (open.length > 0) {
      throw new WholeLivenessFailure("rot-not-settled", `what becomes of nodes ${open.join(" ")}`);
    }
  }
  const healed = chooseHealed(world);
  if (healed === undefined) {
    world.coverage.count("healed-without-majority");
    return;
  }
  const others = world.born.length - world.born.filter((id) => healed.includes(id)).length;
  world.coverage.count(others === 0 ? "healed-all" : "healed-majority");
  if (world.plan.diskBytes > 0) world.coverage.count("healed-on-small-disks");
  if (!world.isHealed) {
    // What is not to be counted on goes on beside them, as long as it does.
    world.heal([...healed, ...world.log.strays]);
    if (others > 0 && world.plan.othersAreFull === 1) world.coverage.count("healed-beside-full");
  }
  const start = world.timeline.now;
  const past: Past<Query, Answer> = {
    calls: world.callers.pending.filter(({ node }) => healed.includes(node)),
    operations: world.operators.pending.filter(({ operation: { node } }) => healed.includes(node)),
  };
  const probes = new Probes(world, healed);
  const boundUs = boundMs(world) * usPerMs;
  // Time goes on even where nothing happens any more, and nobody has to spare those with a full disk.
  const passTime = (): void => {
    probes.readFromOthers();
    world.timeline.add(world.plan.tickMs * usPerMs, "world", passTime);
  };
  passTime();
  for (;;) {
    await world.advance();
    const members = membersAmong(world, healed);
    if (members === undefined) {
      // What operators had begun is done, and leaves too few whose disks are whole.
      world.coverage.count("healed-without-majority");
      return;
    }
    const stall = stallOf(world, members, past, probes);
    if (stall === undefined) break;
    if (world.timeline.now - start <= boundUs) continue;
    if (isCutShort(world, members)) {
      world.coverage.count("healed-without-majority");
      return;
    }
    const ticks = Math.ceil(boundUs / usPerMs / world.plan.tickMs);
    const states = [...world.statuses.values()].map((status) => describeStatus(status));
    throw new WholeLivenessFailure(stall, `${ticks} ticks without faults\n${states.join("\n")}`);
  }
  const stray = await uncaughtStray(world, healed, boundUs);
  if (stray !== undefined) throw new WholeLivenessFailure("stray-not-caught", stray);
}

/** What was under way at nodes when they were healed. */
interface Past<Query, Answer> {
  readonly calls: readonly CallRecord<Query, Answer>[];
  readonly operations: readonly OperationRecord[];
}

/**
 * Nodes whose disks are whole: those of the plan, if they are a majority, and nobody changed the members
 * or was helped; and else all. Undefined if all of them are none.
 */
function chooseHealed<Query, Answer>(
  world: WholeWorld<Query, Answer>,
): readonly NodeId[] | undefined {
  const whole = world.ids.filter((id) => isWhole(world, id));
  const planned = whole.filter((id) => (world.plan.memberBits >> (id - 1)) % 2 === 1);
  const { newest } = world.group;
  const isChosen = !world.operators.hasChanged && !world.isHealed;
  if (isChosen && isQuorum(newest, new Set(planned))) return planned;
  return isQuorum(newest, new Set(whole)) ? whole : undefined;
}

function isWhole<Query, Answer>(world: WholeWorld<Query, Answer>, id: NodeId): boolean {
  const { damage, isRemoved } = world.host(id);
  return !isRemoved && damage === "none" && !world.log.strays.has(id);
}

/**
 * Those of the healed who are members by now, all of them started. Undefined if they are no majority, or if
 * one of them still goes by a configuration that cannot have one any more, for want of a damaged disk.
 */
function membersAmong<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  healed: readonly NodeId[],
): readonly NodeId[] | undefined {
  const { newest } = world.group;
  const members = membersOf(newest).filter((id) => {
    return healed.includes(id) && !world.log.strays.has(id);
  });
  for (const id of members) world.host(id).start();
  const able = members.filter((id) => !world.host(id).isRemoved && !world.host(id).isRefused);
  const sound = world.ids.filter((id) => world.host(id).isRemoved || isWhole(world, id));
  const believed = members.map((id) => world.statuses.get(id)?.confState ?? newest);
  const canDecide = believed.every((confState) => isQuorum(confState, new Set(sound)));
  return canDecide && isQuorum(newest, new Set(able)) ? members : undefined;
}

/**
 * Whether a member still goes by a configuration that has no majority any more: one disk of it is damaged,
 * and others were removed by a change of which nobody who is left has heard that it is committed.
 */
function isCutShort<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  members: readonly NodeId[],
): boolean {
  if (world.hosts.every(({ damage }) => damage === "none")) return false;
  const left = new Set(world.ids.filter((id) => isWhole(world, id)));
  return members.some((id) => {
    const confState = world.statuses.get(id)?.confState;
    return confState !== undefined && !isQuorum(confState, left);
  });
}

/**
 * How long a healed group may take: many election timeouts, since small ones split some votes in a row,
 * and the longest that anything begun before can still go on.
 */
function boundMs<Query, Answer>({ plan, log, ids }: WholeWorld<Query, Answer>): number {
  const electionMs = plan.tickMs * plan.electionTimeoutTicks;
  const roundMs =
    (plan.frameUsMax + plan.diskUsMax * 2 + plan.applyUsMax + plan.deferUs * 10) / usPerMs;
  const rest =
    plan.callTimeoutMs * 4 +
    plan.memberTimeoutMs * 2 +
    plan.handOverTimeoutMs +
    plan.repairTimeoutMs * 10 +
    plan.diskFullRetryMs * 20 +
    plan.deadConnectionMs;
  const { snapshotBytesPerSecond, snapshotChunkBytes, snapshotStallMs, snapshotRetryMs } = plan;
  const paceMs =
    snapshotBytesPerSecond === 0 ? 0 : (log.stateBytesMax * 1000) / snapshotBytesPerSecond;
  // Each may need a snapshot, and a newer one once it has that.
  const snapshotMs = paceMs + (log.stateBytesMax / snapshotChunkBytes + 10) * roundMs;
  // Chunks overtake one another: what comes after a hole is sent again once its sender hears no more.
  const silenceMs = Math.min(2000, snapshotStallMs / 2);
  const holesMs = (log.stateBytesMax / snapshotChunkBytes) * silenceMs;
  const snapshots =
    4 * ids.length * snapshotMs + 2 * holesMs + 4 * (snapshotStallMs + snapshotRetryMs);
  // Windows may be one entry wide, and what is missing may be the whole log.
  const replayMs = log.commands.length * 4 * (roundMs + plan.tickMs);
  return 200 * electionMs + rest + 20 * roundMs + snapshots + replayMs;
}

function stallOf<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  members: readonly NodeId[],
  past: Past<Query, Answer>,
  probes: Probes<Query, Answer>,
): WholeStall | undefined {
  const statuses = members.map((id) => world.statuses.get(id));
  if (members.some((id) => world.host(id).replica === undefined)) return "not-started";
  // One whose disk is full may lead as long as nothing has to be written.
  const active = world.hosts.filter((host) => host.replica !== undefined && !host.isPaused);
  const leader = active
    .map(({ id }) => world.statuses.get(id))
    .find((status) => status?.role === "leader" && status.term === statuses[0]?.term);
  const isAgreed = statuses.every(
    (status) => status?.leader === leader?.id && status?.term === leader?.term,
  );
  if (leader === undefined || !isAgreed) return "no-leader";
  const probeStall = probes.stall();
  if (probeStall !== undefined) return probeStall;
  const isPending = ({ ending }: { readonly ending: { readonly kind: string } }): boolean =>
    ending.kind === "pending";
  if (past.calls.some(isPending) || past.operations.some(isPending)) return "call-not-settled";
  const { newest, removed } = world.group;
  if (isJoint(newest) && newest.autoLeave) return "change-not-finished";
  const lingering = active.find(({ id }) => removed.has(id) && knowsMember(world, id, members));
  if (lingering !== undefined) return "removed-not-stopped";
  const isConverged = statuses.every(
    (status) =>
      status?.last.index === leader.last.index && status.appliedIndex === leader.last.index,
  );
  return isConverged ? undefined : "not-converged";
}

/** Whether a node that was removed knows one of the members: else nobody can tell it. */
function knowsMember<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  id: NodeId,
  members: readonly NodeId[],
): boolean {
  const confState = world.statuses.get(id)?.confState;
  return confState !== undefined && members.some((member) => isMember(confState, member));
}

/** One write and one read at each member, made again until they succeed. */
class Probes<Query, Answer> {
  readonly #world: WholeWorld<Query, Answer>;
  readonly #waiting: { readonly node: NodeId; readonly number: number; isWrite: boolean }[] = [];
  readonly #members: readonly NodeId[];
  #current: CallRecord<Query, Answer> | undefined;
  #nextAt = 0;

  constructor(world: WholeWorld<Query, Answer>, members: readonly NodeId[]) {
    this.#world = world;
    this.#members = members;
    for (const isWrite of [true, false]) {
      const number = probeNumberOf(this.#world, isWrite);
      if (number === undefined) continue;
      for (const node of members) this.#waiting.push({ node, number, isWrite });
    }
  }

  /** Goes on with the next that is due. What does not succeed yet, or undefined if all have. */
  stall(): WholeStall | undefined {
    const probe = this.#waiting[0];
    if (probe === undefined) return undefined;
    // Whoever is no member any more need not answer.
    const { newest } = this.#world.group;
    if (!isMember(newest, probe.node) || this.#world.host(probe.node).isRemoved) {
      this.#current = undefined;
      this.#waiting.shift();
      return this.stall();
    }
    const stall = probe.isWrite ? "write-not-applied" : "read-not-answered";
    const { ending } = this.#current ?? {};
    if (ending?.kind === "pending") return stall;
    if (ending?.kind === "applied" || ending?.kind === "answered") {
      this.#current = undefined;
      this.#waiting.shift();
      return this.stall();
    }
    const { now } = this.#world.timeline;
    if (now < this.#nextAt) return stall;
    // A refused call is made again, but not at once: time must go on meanwhile.
    this.#nextAt = now + this.#world.plan.tickMs * usPerMs;
    const { node, number } = probe;
    const call = { client: probeClient, node, number, timeoutMs: 0, abortMs: 0 };
    this.#current = this.#world.callers.make(call);
    return stall;
  }

  /** Asks each node that runs beside the members. It need not answer. */
  readFromOthers(): void {
    const number = probeNumberOf(this.#world, false);
    if (number === undefined || this.#world.plan.othersAreFull === 0) return;
    for (const { id, replica } of this.#world.hosts) {
      if (replica === undefined || this.#members.includes(id)) continue;
      const { tickMs } = this.#world.plan;
      const call = { client: probeClient, node: id, number, timeoutMs: tickMs, abortMs: 0 };
      this.#world.callers.make(call);
    }
  }
}
