import type { NodeId } from "@quorate/core";
import { Draw } from "../draw.ts";
import { type AppCall, callOf } from "./app.ts";
import type { CallRecord } from "./call.ts";
import { type CrashKind, type Happening, type TrapKind, trappedCalls } from "./decision.ts";
import { drawOperation } from "./draw-operation.ts";
import { drawRot } from "./draw-rot.ts";
import type { FrameFate } from "./frame-network.ts";
import { outdate } from "./outdated-leader.ts";
import { linksOf, partition } from "./partition.ts";
import { trueRatePerMille } from "./skewed-clock.ts";
import { usPerMs } from "./timeline.ts";
import type { WholeCoverageKind } from "./whole-coverage.ts";
import type { FaultName, Mischief } from "./whole-plan.ts";
import type { WholeWorld } from "./whole-world.ts";

/**
 * Makes the decisions of a recorded run: faults, what befalls frames, and the calls of clients. Each
 * draws from a stream of its own, and all it does goes through `WholeWorld.perform` and is recorded: so it
 * only looks and chooses, and what comes of that are steps.
 */
export class MischiefMaker<Query, Answer> {
  readonly #world: WholeWorld<Query, Answer>;
  readonly #mischief: Mischief;
  readonly #faultDraw: Draw;
  readonly #frameDraw: Draw;
  readonly #callDraw: Draw;
  readonly #operationDraw: Draw;
  readonly #rotDraw: Draw;
  #callCount = 0;
  #isOver = false;

  constructor(world: WholeWorld<Query, Answer>, mischief: Mischief) {
    this.#world = world;
    this.#mischief = mischief;
    this.#faultDraw = new Draw(world.plan.seed, 13);
    this.#frameDraw = new Draw(world.plan.seed, 14);
    this.#callDraw = new Draw(world.plan.seed, 15);
    this.#operationDraw = new Draw(world.plan.seed, 16);
    this.#rotDraw = new Draw(world.plan.seed, 18);
  }

  begin(): void {
    const { faults, clients, profile, operations } = this.#mischief;
    this.#world.drawFate = () => this.#fate();
    this.#world.onCallEnded = (record) => this.#callEnded(record);
    for (let client = 1; client <= clients; client++) this.#callLater(client);
    if (faults.length > 0) this.#faultLater();
    if (operations.length > 0) this.#operateLater();
    if (profile === "bit-rot") this.#rotLater();
    else if (profile !== "honest") this.#damageLater();
    if (this.#world.plan.othersAreFull === 1) this.#fillLater();
  }

  /** Decides nothing any more. */
  end(): void {
    this.#isOver = true;
  }

  // Frames.

  #fate(): FrameFate | undefined {
    const { lossPerMille, latePerMille, duplicatePerMille, lateMs } = this.#mischief;
    const draw = this.#frameDraw;
    if (draw.chance(lossPerMille)) return { kind: "lost" };
    const late = (): number => 1 + draw.below(lateMs * usPerMs);
    if (draw.chance(latePerMille)) return { kind: "late", late: late() };
    if (draw.chance(duplicatePerMille)) return { kind: "twice", late: late() };
    return undefined;
  }

  // Clients: each makes one call at a time.

  #callLater(client: number): void {
    const { callGapMs } = this.#mischief;
    const delay = 1 + this.#callDraw.below(callGapMs * usPerMs);
    this.#after(delay, () => this.#call(client, ++this.#callCount));
  }

  #call(client: number, number: number): void {
    const { born: ids, leaders } = this.#world;
    const draw = this.#callDraw;
    const up = ids.filter((id) => this.#world.host(id).replica !== undefined);
    // Most clients know whom they cannot reach.
    const reachable = up.length > 0 && draw.chance(900) ? up : ids;
    // Leases are of use only where somebody keeps asking the leader.
    const toLeader = this.#world.plan.leaseReads === 1 ? 700 : 400;
    const isToLeader = leaders.length > 0 && draw.chance(toLeader);
    const node = draw.pick(isToLeader ? leaders : reachable);
    const timeoutMs = draw.chance(800) ? 0 : draw.between(1, 20) * this.#world.plan.tickMs;
    const abortMs = draw.chance(50) ? draw.between(1, 20) * this.#world.plan.tickMs : 0;
    this.#perform({ kind: "call", client, node, number, timeoutMs, abortMs });
  }

  #callEnded(record: CallRecord<Query, Answer>): void {
    const { client, number } = record;
    const { callGapMs, clients } = this.#mischief;
    // Whoever comes beside the clients comes once.
    if (this.#isOver || client > clients) return;
    const kind = this.#retryOf(record);
    if (kind === undefined) {
      this.#callLater(client);
      return;
    }
    this.#after(1 + this.#callDraw.below(callGapMs * usPerMs), () => {
      this.#world.coverage.count(kind);
      this.#call(client, number);
    });
  }

  /** Whether the call is made again: as what, for coverage. */
  #retryOf({ call, ending }: CallRecord<Query, Answer>): WholeCoverageKind | undefined {
    const draw = this.#callDraw;
    if (ending.kind === "failed") {
      return draw.chance(this.#mischief.retryPerMille) ? "write-retried" : undefined;
    }
    if (call.kind !== "write" || call.repeats !== true) return undefined;
    // A client that has its answer may have lost it again.
    const perMille = ending.kind === "unknown" ? 800 : 100;
    return draw.chance(perMille) ? "write-repeated" : undefined;
  }

  // Operators.

  #operateLater(): void {
    const { operations, operationGapMs } = this.#mischief;
    const draw = this.#operationDraw;
    this.#after(1 + draw.below(operationGapMs * usPerMs), () => {
      const name = draw.pick(operations);
      const what = drawOperation(this.#world, draw, name);
      if (what.length > 0) this.#world.coverage.count(name);
      for (const each of what) this.#perform(each);
      this.#operateLater();
    });
  }

  // Faults.

  #faultLater(): void {
    const delay = 1 + this.#faultDraw.below(this.#mischief.faultGapMs * usPerMs);
    this.#after(delay, () => {
      this.#fault(this.#faultDraw.pick(this.#mischief.faults));
      this.#faultLater();
    });
  }

  /** Lets disks go bad, again and again. */
  #rotLater(): void {
    const { lengthMs } = this.#world.plan;
    const [least, most] = [Math.ceil(lengthMs / 12), Math.ceil(lengthMs / 4)];
    this.#after(this.#rotDraw.between(least, most) * usPerMs, () => {
      for (const each of drawRot(this.#world, this.#rotDraw, () => this.#length())) {
        this.#perform(each);
      }
      this.#rotLater();
    });
  }

  /** Damages one disk, or one state, once, when there is something on it. */
  #damageLater(): void {
    const { profile } = this.#mischief;
    const draw = this.#faultDraw;
    const node = draw.pick(this.#world.founders);
    const downMs = this.#length();
    const { lengthMs } = this.#world.plan;
    this.#after(draw.between(Math.floor(lengthMs / 4), lengthMs - 1) * usPerMs, () => {
      if (profile === "wiped-disk") {
        // As long as the group does not know a disk, it cannot know that it is another.
        if (!isKnown(this.#world, node)) {
          this.#damageLater();
          return;
        }
        this.#perform({ kind: "wipe", node, downMs });
        return;
      }
      this.#perform({ kind: "stray", node });
    });
  }

  /** Fills the disks that will be full in the end some time before, so that they are by then. */
  #fillLater(): void {
    const { lengthMs, memberBits } = this.#world.plan;
    this.#after(Math.floor(lengthMs / 2) * usPerMs, () => {
      for (const node of this.#world.founders) {
        if ((memberBits >> (node - 1)) % 2 === 1) continue;
        const none = { roomBytes: 0, stepBytes: 0 };
        this.#perform({ kind: "full-disk", node, forMs: lengthMs, ...none });
      }
    });
  }

  #fault(name: FaultName): void {
    const what = this.#happeningsOf(name);
    if (what.length > 0) this.#world.coverage.count(name);
    for (const each of what) this.#perform(each);
  }

  get #electionMs(): number {
    return this.#world.plan.tickMs * this.#world.plan.electionTimeoutTicks;
  }

  /** Rates that clocks may have: any, or as far off as leases allow for. */
  #clockRates(): readonly number[] {
    const { leaseReads, clockDriftPerMille } = this.#world.plan;
    if (leaseReads === 0) return [250, 800, 1200, 4000];
    return [trueRatePerMille - clockDriftPerMille, trueRatePerMille + clockDriftPerMille];
  }

  /** Lets an event loop stand still again and again, each time for longer than others wait. */
  #lag(node: NodeId): void {
    const draw = this.#faultDraw;
    this.#world.coverage.count("event-loop-lag");
    const forMs = Math.ceil(this.#electionMs * draw.pick([0.9, 1.2, 2]));
    for (let round = 0; round < 5; round++) {
      this.#after(1 + round * Math.ceil(forMs * 1.2) * usPerMs, () => {
        this.#perform({ kind: "pause", node, forMs });
      });
    }
  }

  /** Lets a leader be outdated, and asks it all the while, when the others have more to tell already. */
  #outdate(leader: NodeId): void {
    const draw = this.#faultDraw;
    const { plan, born } = this.#world;
    const others = born.filter((id) => id !== leader);
    if (others.length === 0) return;
    const { delayed, forMs } = outdate(plan, draw, leader, others);
    this.#world.coverage.count("outdated-leader");
    for (const { afterMs, what } of delayed) {
      this.#after(afterMs * usPerMs, () => this.#perform(what));
    }
    const isFresh = (call: AppCall<Query>): boolean =>
      call.kind === "read" && (call.consistency ?? "linearizable") === "linearizable";
    this.#after(0, () => this.#callOnce(leader, forMs, isFresh));
    const isLease = (call: AppCall<Query>): boolean =>
      call.kind === "read" && call.consistency === "lease";
    const gapUs = Math.ceil((this.#electionMs * usPerMs) / 16);
    for (let afterUs = gapUs; afterUs < forMs * usPerMs; afterUs += gapUs) {
      this.#after(afterUs, () => {
        this.#callOnce(draw.pick(others), plan.tickMs, ({ kind }) => kind === "write");
      });
      this.#after(afterUs, () => this.#callOnce(leader, plan.tickMs, isLease));
    }
  }

  /** A call of somebody who makes no other; of a kind that `fits`, if there is one. */
  #callOnce(node: NodeId, timeoutMs: number, fits: (call: AppCall<Query>) => boolean): void {
    const { app, plan } = this.#world;
    let number = ++this.#callCount;
    for (let more = 1; more < 50 && !fits(callOf(app, plan.seed, number)); more++) {
      number = ++this.#callCount;
    }
    const client = this.#mischief.clients + number;
    this.#perform({ kind: "call", client, node, number, timeoutMs, abortMs: 0 });
  }

  /** Restarts one node after the other, as an upgrade does. */
  #roll(nodes: readonly NodeId[], gapMs: number): void {
    const draw = this.#faultDraw;
    this.#world.coverage.count("rolling-restart");
    const downMs = draw.between(1, this.#electionMs);
    for (const [place, node] of nodes.entries()) {
      this.#after(1 + place * (downMs + gapMs) * usPerMs, () => {
        this.#perform({ kind: "close", node, downMs });
      });
    }
  }

  #happeningsOf(name: FaultName): readonly Happening[] {
    const draw = this.#faultDraw;
    const { born: ids, leaders } = this.#world;
    const leader = leaders[0];
    if (ids.length === 0) return [];
    const node = draw.pick(ids);
    const forMs = this.#length();
    switch (name) {
      case "kill":
        return [this.#crash(node, "kill")];
      case "power-failure":
        return [this.#crash(node, "power")];
      case "power-failure-of-leader":
        return leader === undefined ? [] : [this.#crash(leader, "power")];
      case "power-failure-of-some":
        return draw
          .some(ids, draw.between(1, ids.length))
          .map((each) => this.#crash(each, draw.pick(["power", "kill"])));
      case "power-failure-of-all":
        return ids.map((each) => this.#crash(each, "power"));
      case "close":
        return [{ kind: "close", node, downMs: forMs }];
      case "pause":
        return [{ kind: "pause", node, forMs }];
      case "pause-leader":
        return leader === undefined ? [] : [{ kind: "pause", node: leader, forMs }];
      case "suspend":
        return [{ kind: "suspend", node: draw.pick([node, leader ?? node]), forMs }];
      case "event-loop-lag":
        this.#lag(draw.pick([node, leader ?? node]));
        return [];
      case "outdated-leader":
        if (leader !== undefined) this.#outdate(leader);
        return [];
      case "rolling-restart":
        this.#roll(ids, forMs);
        return [];
      case "set-wall":
        return [{ kind: "set-wall", node, ahead: draw.below(2) }];
      case "clock-rate":
        return [{ kind: "clock-rate", node, perMille: draw.pick(this.#clockRates()), forMs }];
      case "hanging-disk":
        return [this.#hang(draw.pick([node, leader ?? node]))];
      case "clock-jump":
        return [{ kind: "clock-jump", node, byMs: forMs }];
      case "slow-disk":
        return [{ kind: "slow-disk", node, factor: draw.pick([3, 20]), forMs }];
      case "stuck-disk":
        return [{ kind: "stuck-disk", node, forMs }];
      case "full-disk":
        return this.#fill(node, forMs);
      case "disk-error":
        return [this.#trap(node, ["fail"])];
      case "crash-at-disk-call":
        return [this.#trap(node, ["kill-before", "kill-after", "power-before", "power-after"])];
      case "clog":
      case "reset": {
        const links = draw.some(linksOf(ids), draw.between(1, 4));
        if (links.length === 0) return [];
        return [name === "clog" ? { kind: name, links, forMs } : { kind: name, links }];
      }
      default: {
        const links = partition(name, ids, leader ?? node, draw);
        return links.length === 0 ? [] : [{ kind: "cut", links, forMs }];
      }
    }
  }

  #crash(node: NodeId, how: CrashKind): Happening {
    const survivePerMille = this.#faultDraw.pick([0, 0, 500, 500, 1000]);
    return { kind: "crash", node, how, survivePerMille, downMs: this.#length() };
  }

  /** A disk that does nothing for longer than it may. */
  #hang(node: NodeId): Happening {
    return { kind: "stuck-disk", node, forMs: this.#faultDraw.between(5, 12) * this.#electionMs };
  }

  /** A disk that gets full, or all of them at once; room comes back at once, or slowly. */
  #fill(node: NodeId, forMs: number): readonly Happening[] {
    const draw = this.#faultDraw;
    const nodes = draw.chance(250) ? this.#world.born : [node];
    if (nodes.length > 1) this.#world.coverage.count("full-disk-of-all");
    const [roomBytes, stepBytes] = [draw.pick([0, 0, 1500, 5000]), draw.pick([0, 0, 700, 3000])];
    return nodes.map((each) => ({ kind: "full-disk", node: each, forMs, roomBytes, stepBytes }));
  }

  #trap(node: NodeId, traps: readonly TrapKind[]): Happening {
    const draw = this.#faultDraw;
    const call = draw.pick(trappedCalls);
    const trap = draw.pick(traps);
    return { kind: "trap", node, call, skip: draw.below(4), trap, downMs: this.#length() };
  }

  #length(): number {
    return 1 + this.#faultDraw.below(this.#mischief.faultMs);
  }

  /** Lets something happen now, as an event of its own: as it does when it is replayed. */
  #perform(what: Happening): void {
    this.#world.timeline.add(0, "step", () => this.#world.perform(what));
  }

  #after(delay: number, choose: () => void): void {
    const { timeline, plan } = this.#world;
    timeline.choose(delay, () => {
      if (!this.#isOver && timeline.now < plan.lengthMs * usPerMs) choose();
    });
  }
}

/** Whether every other member that runs has applied what disk `node` has. */
function isKnown<Query, Answer>(world: WholeWorld<Query, Answer>, node: NodeId): boolean {
  return world.born.every((id) => {
    const { replica } = world.host(id);
    const known = replica?.members.list().members.find((member) => member.id === node);
    return id === node || known?.incarnation !== undefined;
  });
}
