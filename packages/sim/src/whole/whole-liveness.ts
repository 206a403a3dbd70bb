import { describeStatus, type NodeId, quorum } from "@quorate/core";
import { callOf } from "./app.ts";
import type { CallRecord } from "./call.ts";
import { usPerMs } from "./timeline.ts";
import type { WholePlan } from "./whole-plan.ts";
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
  /** Members have not applied the same. */
  | "not-converged";

/** A group without faults did not make progress in time. */
export class WholeLivenessFailure extends Error {
  override readonly name = "WholeLivenessFailure";
  readonly stall: WholeStall;

  constructor(stall: WholeStall, what: string) {
    super(`liveness: ${stall}: ${what}`);
    this.stall = stall;
  }
}

/** Calls that show that the group lives have numbers from here on, and a client of their own. */
const probeNumber = 1_000_000;
const probeClient = 0;

/**
 * Heals a majority for good, lets everything else stand still, and demands within a bounded time: that
 * every member runs and follows one leader, that every call of the past has ended, that each member gets
 * a write and a read through, and that all have applied the same. Throws `WholeLivenessFailure`.
 */
export async function demandWholeLiveness<Query, Answer>(
  world: WholeWorld<Query, Answer>,
): Promise<void> {
  const members = chooseMembers(world);
  if (members === undefined) return;
  const others = world.ids.length - members.length;
  world.coverage.count(others === 0 ? "healed-all" : "healed-majority");
  world.heal(members);
  if (others > 0 && world.plan.othersAreFull === 1) world.coverage.count("healed-beside-full");
  const start = world.timeline.now;
  const probes = new Probes(world, members);
  const boundUs = boundMs(world.plan, world.log.commands.length) * usPerMs;
  const callsOfPast = world.callers.pending.filter(({ node }) => members.includes(node));
  // Time goes on even where nothing happens any more, and nobody has to spare those with a full disk.
  const passTime = (): void => {
    probes.readFromOthers();
    world.timeline.add(world.plan.tickMs * usPerMs, "world", passTime);
  };
  passTime();
  for (;;) {
    await world.advance();
    const stall = stallOf(world, members, callsOfPast, probes);
    if (stall === undefined) return;
    if (world.timeline.now - start <= boundUs) continue;
    const ticks = Math.ceil(boundUs / usPerMs / world.plan.tickMs);
    const states = [...world.statuses.values()].map((status) => describeStatus(status));
    throw new WholeLivenessFailure(stall, `${ticks} ticks without faults\n${states.join("\n")}`);
  }
}

/** A majority of nodes whose disks are whole: those of the plan, if there are enough of them. */
function chooseMembers<Query, Answer>(
  world: WholeWorld<Query, Answer>,
): readonly NodeId[] | undefined {
  const whole = world.ids.filter((id) => {
    const { damage, replica } = world.host(id);
    // A rotten disk that was not looked at since may yet be refused.
    return damage === "none" || (damage === "rotten" && replica !== undefined);
  });
  const planned = whole.filter((id) => (world.plan.memberBits >> (id - 1)) % 2 === 1);
  const enough = quorum(world.ids.length);
  if (planned.length >= enough) return planned;
  return whole.length >= enough ? whole : undefined;
}

/**
 * How long a healed group may take: many election timeouts, since small ones split some votes in a row,
 * and the longest that anything begun before can still go on.
 */
function boundMs(plan: WholePlan, commandCount: number): number {
  const electionMs = plan.tickMs * plan.electionTimeoutTicks;
  const roundMs =
    (plan.frameUsMax + plan.diskUsMax * 2 + plan.applyUsMax + plan.deferUs * 10) / usPerMs;
  const rest = plan.callTimeoutMs * 4 + plan.diskFullRetryMs + plan.deadConnectionMs;
  // Windows may be one entry wide, and what is missing may be the whole log.
  return 200 * electionMs + rest + 20 * roundMs + commandCount * 4 * (roundMs + plan.tickMs);
}

function stallOf<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  members: readonly NodeId[],
  callsOfPast: readonly CallRecord<Query, Answer>[],
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
  if (callsOfPast.some(({ ending }) => ending.kind === "pending")) return "call-not-settled";
  const isConverged = statuses.every(
    (status) =>
      status?.last.index === leader.last.index && status.appliedIndex === leader.last.index,
  );
  return isConverged ? undefined : "not-converged";
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
      const number = this.#numberOf(isWrite);
      if (number === undefined) continue;
      for (const node of members) this.#waiting.push({ node, number, isWrite });
    }
  }

  /** Goes on with the next that is due. What does not succeed yet, or undefined if all have. */
  stall(): WholeStall | undefined {
    const probe = this.#waiting[0];
    if (probe === undefined) return undefined;
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
    const number = this.#numberOf(false);
    if (number === undefined || this.#world.plan.othersAreFull === 0) return;
    for (const { id, replica } of this.#world.hosts) {
      if (replica === undefined || this.#members.includes(id)) continue;
      const { tickMs } = this.#world.plan;
      const call = { client: probeClient, node: id, number, timeoutMs: tickMs, abortMs: 0 };
      this.#world.callers.make(call);
    }
  }

  /** The number of a call that writes, or that reads what is newest; undefined if clients never do. */
  #numberOf(isWrite: boolean): number | undefined {
    const { app, seed } = this.#world;
    for (let number = probeNumber; number < probeNumber + 200; number++) {
      const call = callOf(app, seed, number);
      const isFit = isWrite
        ? call.kind === "write"
        : call.kind === "read" && call.consistency !== "local";
      if (isFit) return number;
    }
    return undefined;
  }
}
