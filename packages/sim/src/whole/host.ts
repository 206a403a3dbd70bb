import { type NodeId, RaftError, SeededRandom } from "@quorate/core";
import {
  openReplica,
  type Replica,
  type ReplicaEvent,
  type ReplicaStatus,
  type StateMachine,
} from "@quorate/runtime";
import { type DiskFault, MemoryDisk, type UnsyncedPart } from "@quorate/wal/testing";
import { Violation } from "../judge.ts";
import type { CrashKind } from "./decision.ts";
import { DurableStore } from "./durable-store.ts";
import type { FrameNetwork } from "./frame-network.ts";
import { type Rot, turnBits } from "./rot.ts";
import { RotCase } from "./rot-case.ts";
import { scatter } from "./scatter.ts";
import { SkewedClock, usualRateOf } from "./skewed-clock.ts";
import { type DiskCall, isSlowCall, TimedDisk } from "./timed-disk.ts";
import { type Life, type Microseconds, type Timeline, usPerMs } from "./timeline.ts";
import { takeSprung, type Trap } from "./trap.ts";
import type { WholeCoverage } from "./whole-coverage.ts";
import { replicaOptionsOf } from "./whole-options.ts";
import { capacityOf, electionMsOf, type WholePlan } from "./whole-plan.ts";

/** What a host needs of its world. */
export interface HostWorld<Query, Answer> {
  readonly plan: WholePlan;
  /** Those who are members from the beginning. */
  readonly founders: readonly NodeId[];
  readonly timeline: Timeline;
  readonly network: FrameNetwork;
  readonly coverage: WholeCoverage;
  newMachine(life: Life): StateMachine<Query, Answer>;
  /** A replica runs, and this is what it begins with. */
  started(host: Host<Query, Answer>, status: ReplicaStatus): void;
  /** A disk is not trusted any more. */
  refused(node: NodeId, error: Error): void;
  /** A process ended: nothing more will be heard of it. */
  ended(node: NodeId): void;
  replicaEvent(node: NodeId, event: ReplicaEvent): void;
  diskCalled(node: NodeId, call: DiskCall, name: string): void;
  /** Whether a replica of `node` may find that its state is not the group's. */
  mayDiffer(node: NodeId): boolean;
  /** Does something later, unless the world was healed meanwhile. */
  later(forMs: number, act: () => void): void;
  broken(error: unknown): void;
}

/** One run of a node. */
interface Process<Query, Answer> {
  readonly life: Life;
  readonly clock: SkewedClock;
  readonly disk: TimedDisk;
  /** Whether its disk has failed it: then it may stop. */
  diskFailed: boolean;
  replica: Replica<Query, Answer> | undefined;
}

/** How a disk came to be other than disks promise, if it did, or that its replica marked it. */
export type Damage = "none" | "rotten" | "wiped" | "marked";

/** One node: a disk, which stays, and the processes that run on it, one after the other. */
export class Host<Query, Answer> {
  readonly id: NodeId;
  readonly #world: HostWorld<Query, Answer>;
  #memory: MemoryDisk;
  #process: Process<Query, Answer> | undefined;
  #runCount = 0;
  #crashCount = 0;
  /** A trap that springs once the call at hand has taken effect. */
  #pending: Trap | undefined;
  /** What its state machine keeps by itself, if it is of that kind. */
  durable: DurableStore = new DurableStore();
  damage: Damage = "none";
  /** What has become of the disk since it went bad, while it is rotten. */
  rotCase: RotCase | undefined;
  /** The disk was refused as it should be: the node stays down. */
  isRefused = false;
  /** The group removed the node, and it stopped: it stays down. */
  isRemoved = false;
  // What lasts for a while. Each is undone by whatever set it, unless it was set anew meanwhile.
  diskFactor = 1;
  diskStuckUntil: Microseconds = 0;
  diskFullUntil: Microseconds = 0;
  wasFull = false;
  clockRatePerMille: number;
  pausedUntil: Microseconds = 0;
  readonly traps: Trap[] = [];

  constructor(id: NodeId, world: HostWorld<Query, Answer>) {
    this.id = id;
    this.#world = world;
    this.clockRatePerMille = usualRateOf(world.plan, id);
    this.#memory = new MemoryDisk({ capacityBytes: capacityOf(world.plan) });
    this.wasFull = world.plan.diskBytes > 0;
  }

  /** The disk, as the present process sees it, or the last one did. */
  get memory(): MemoryDisk {
    return this.#memory;
  }

  /** Whether a process ever ran. */
  get hasRun(): boolean {
    return this.#runCount > 0;
  }

  /** Whether a process runs. It may still be starting. */
  get isUp(): boolean {
    return this.#process !== undefined;
  }

  get life(): Life | undefined {
    return this.#process?.life;
  }

  /** The replica, once it has started. */
  get replica(): Replica<Query, Answer> | undefined {
    return this.#process?.replica;
  }

  get isPaused(): boolean {
    return this.#process?.life.isPaused ?? false;
  }

  /** Starts a process, unless one runs. */
  start(): void {
    if (this.isUp || this.isRefused || this.isRemoved) return;
    if (this.rotCase !== undefined) this.rotCase.isRefused = false;
    const { plan, timeline, network, coverage } = this.#world;
    const { id } = this;
    const run = ++this.#runCount;
    const life: Life = { node: id, isAlive: true, isPaused: false };
    const clock = new SkewedClock(timeline, life, plan.deferUs, this.clockRatePerMille);
    const disk = new TimedDisk(this.#memory, timeline, life, {
      latency: (call, number) => this.#latency(call, run, number),
      before: (call, name) => this.#beforeCall(call, name),
      after: (call) => this.#afterCall(call),
    });
    const process: Process<Query, Answer> = {
      life,
      clock,
      disk,
      diskFailed: false,
      replica: undefined,
    };
    this.#process = process;
    coverage.count(this.#memory.bytes === 0 ? "start-on-empty-disk" : "start-on-log");
    openReplica<Query, Answer>({
      ...replicaOptionsOf(plan, id, this.#world.founders),
      stateMachine: this.#world.newMachine(life),
      disk,
      network: network.network(life),
      clock,
      random: new SeededRandom(plan.seed, 1000 * id + run),
      onMended: ({ lent }) => this.rotCase?.mended(lent !== undefined),
    }).then(
      (replica) => this.#opened(process, replica),
      (error: unknown) => this.#failedToOpen(process, error),
    );
  }

  /** Ends the process without its doing, and leaves of its disk what the kind of crash leaves. */
  crash(how: CrashKind, survivePerMille: number): void {
    const process = this.#process;
    if (process === undefined) return;
    const { plan, coverage, timeline } = this.#world;
    const crash = ++this.#crashCount;
    if (process.replica === undefined) coverage.count("crash-while-starting");
    this.#end(process, how === "kill" ? plan.connectMs : plan.deadConnectionMs);
    let place = 0;
    process.disk.finish((call) => {
      if (call !== "read") coverage.count("crash-with-disk-call-under-way");
      return scatter(2, plan.seed, this.id, crash, timeline.now, ++place) === 1;
    });
    this.traps.length = 0;
    this.durable.crash(how, scatter(1000, plan.seed, this.id, crash, 80) < survivePerMille);
    if (how === "kill") {
      this.#memory = this.#memory.afterKill();
      return;
    }
    const survives = (part: UnsyncedPart): boolean => {
      const sector = part.kind === "sector" ? part.sector : part.kind === "size" ? -1 : -2;
      const code = part.name.codePointAt(part.name.length - 5) ?? 0;
      return scatter(1000, plan.seed, this.id, crash, sector, code) < survivePerMille;
    };
    this.#memory = this.#memory.afterPowerLoss(survives);
  }

  /** Stops the process as it should be stopped; calls `done` when nothing of it is left. */
  close(done: () => void): void {
    const process = this.#process;
    if (process?.replica === undefined) return;
    const closed = (): void => {
      if (this.#process !== process) return;
      const { clock, disk } = process;
      const { pinCount } = this.durable;
      if (clock.timerCount + disk.callCount + disk.openCount + pinCount > 0) {
        const left =
          `${clock.timerCount} timers, ${disk.callCount} disk calls, ${disk.openCount} open files and ` +
          `${pinCount} pinned states`;
        this.#world.broken(new Violation("contract", `node ${this.id} closed, and left ${left}`));
      }
      this.#end(process, this.#world.plan.connectMs);
      this.#memory = this.#memory.afterKill();
      done();
    };
    process.replica.close().then(closed, (error: unknown) => {
      this.#world.broken(
        new Violation("contract", `close of node ${this.id} rejects: ${String(error)}`),
      );
    });
  }

  /** Lets some of what is durable go bad; false if there is no such thing. Only while down. */
  async rot(rot: Rot): Promise<boolean> {
    if (this.damage === "wiped" || this.damage === "marked" || this.isRemoved) return false;
    if (!(await turnBits(this.#memory, rot))) return false;
    this.damage = "rotten";
    this.rotCase ??= new RotCase();
    return true;
  }

  /** Leaves nothing on the disk. Only while down. */
  wipe(): void {
    this.#memory = new MemoryDisk({ capacityBytes: capacityOf(this.#world.plan) });
    this.durable = new DurableStore();
    this.damage = "wiped";
  }

  pause(): void {
    const { life } = this.#process ?? {};
    if (life !== undefined) life.isPaused = true;
  }

  /** Stands still, and its clock with it, but for the time of day. */
  suspend(): void {
    this.pause();
    this.#process?.clock.suspend();
  }

  resume(): void {
    const { life, clock } = this.#process ?? {};
    if (life?.isPaused !== true) return;
    clock?.resume();
    this.#world.timeline.resume(life);
  }

  /** Leaves no room on the disk beyond what is in use and `roomBytes`, or all that there is. */
  setFull(isFull: boolean, roomBytes = 0): void {
    this.wasFull ||= isFull;
    const capacityBytes = capacityOf(this.#world.plan);
    const usable = isFull ? this.#memory.bytes + roomBytes : capacityBytes;
    this.#memory.capacityBytes = Math.min(usable, capacityBytes);
  }

  /** Gives a disk that is full so much more room, unless it has all that there is. */
  grow(bytes: number): void {
    const { capacityBytes } = this.#memory;
    this.#memory.capacityBytes = Math.min(capacityBytes + bytes, capacityOf(this.#world.plan));
  }

  /** The clock goes at this rate from now on; by default, as it usually does. */
  setClockRate(perMille: number = usualRateOf(this.#world.plan, this.id)): void {
    this.clockRatePerMille = perMille;
    this.#process?.clock.setRate(perMille);
  }

  setWall(by: Microseconds): void {
    this.#process?.clock.setWall(by);
  }

  jumpClock(by: Microseconds): void {
    this.#process?.clock.jump(by);
  }

  #end(process: Process<Query, Answer>, noticeMs: number): void {
    process.life.isAlive = false;
    this.#process = undefined;
    this.#world.network.end(this.id, noticeMs * usPerMs);
    this.#world.ended(this.id);
  }

  #opened(process: Process<Query, Answer>, replica: Replica<Query, Answer>): void {
    if (!process.life.isAlive) return;
    process.replica = replica;
    // The process was gone before its mark was durable.
    if (this.damage === "marked") this.damage = "none";
    replica.subscribe((event) => {
      if (!process.life.isAlive) return;
      if (event.kind === "failed") this.#failed(process, event.error);
      if (event.kind === "removed") this.#removed();
      this.#world.replicaEvent(this.id, event);
    });
    this.#world.started(this, replica.status());
    if (this.rotCase === undefined) return;
    // It was read from end to end, and is as good as any other.
    this.#world.coverage.count(this.rotCase.outcome);
    this.rotCase = undefined;
    this.damage = "none";
  }

  #failedToOpen(process: Process<Query, Answer>, error: unknown): void {
    if (!process.life.isAlive) return;
    const { coverage } = this.#world;
    const code = error instanceof RaftError ? error.code : "";
    coverage.count("start-failed");
    if (error instanceof Error) this.#world.refused(this.id, error);
    if (this.rotCase !== undefined && code === "corrupt") {
      this.rotCase.refused();
      this.#end(process, 0);
      // As a supervisor does: somebody who can help may be back by then.
      this.#world.later(electionMsOf(this.#world.plan), () => this.start());
      return;
    }
    if (this.damage === "marked" && code === "diverged") {
      coverage.count("diverged-refused");
      this.isRefused = true;
      this.#end(process, 0);
      return;
    }
    const isExcused =
      (code === "storage_failed" && process.diskFailed) || (code === "disk_full" && this.wasFull);
    if (!isExcused) {
      this.#world.broken(
        new Violation("contract", `node ${this.id} does not start: ${String(error)}`),
      );
      return;
    }
    this.#startAnew(process);
  }

  #failed(process: Process<Query, Answer>, error: Error): void {
    const code = error instanceof RaftError ? error.code : "";
    const hasDiverged = code === "diverged" && this.#world.mayDiffer(this.id);
    if (!hasDiverged && !(code === "storage_failed" && process.diskFailed)) {
      this.#world.broken(new Violation("contract", `node ${this.id} fails: ${error.message}`));
      return;
    }
    if (hasDiverged) this.damage = "marked";
    this.#world.coverage.count(hasDiverged ? "diverged-stopped" : "disk-error-stopped-replica");
    this.#startAnew(process);
  }

  /** The process is to have ended by itself: nothing of it may be left. */
  #removed(): void {
    this.isRemoved = true;
    this.close(() => this.#world.coverage.count("removed-and-stopped"));
  }

  /** As a supervisor does: what is left of the process is ended a little later, and another started. */
  #startAnew(process: Process<Query, Answer>): void {
    const { timeline, plan } = this.#world;
    const delay = plan.tickMs * usPerMs;
    timeline.add(delay, "world", () => {
      if (this.#process !== process) return;
      this.crash("kill", 0);
      timeline.add(delay, "world", () => this.start());
    });
  }

  #latency(call: DiskCall, run: number, number: number): Microseconds {
    const { plan, timeline } = this.#world;
    const most = isSlowCall(call) ? plan.diskUsMax : Math.ceil(plan.diskUsMax / 20);
    const usual = 1 + scatter(most, plan.seed, 77, this.id, run, number);
    return Math.max(usual * this.diskFactor, this.diskStuckUntil - timeline.now);
  }

  #beforeCall(call: DiskCall, name: string): DiskFault | undefined {
    this.#world.diskCalled(this.id, call, name);
    const trap = takeSprung(this.traps, call);
    if (trap === undefined) return undefined;
    if (trap.trap === "fail") {
      if (this.#process !== undefined) this.#process.diskFailed = true;
      return "fail";
    }
    if (trap.trap.endsWith("before")) this.#spring(trap);
    else this.#pending = trap;
    return undefined;
  }

  #afterCall(_: DiskCall): void {
    const trap = this.#pending;
    this.#pending = undefined;
    if (trap !== undefined) this.#spring(trap);
  }

  #spring({ trap, downMs }: Trap): void {
    this.crash(trap.startsWith("kill") ? "kill" : "power", 500);
    this.#world.timeline.add(downMs * usPerMs, "world", () => this.start());
  }
}
