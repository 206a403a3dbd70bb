import { assert, confStateOf, type Message, type NodeId } from "@quorate/core";
import type { ReplicaEvent, ReplicaStatus, StateMachine } from "@quorate/runtime";
import { Violation } from "../judge.ts";
import { messageKinds } from "../message-kind.ts";
import { Trace } from "../trace.ts";
import type { App } from "./app.ts";
import type { CallRecord } from "./call.ts";
import { Callers } from "./callers.ts";
import { type Decision, formatDecision, type Happening } from "./decision.ts";
import { Decisions } from "./decisions.ts";
import { durable } from "./durable-store.ts";
import { FrameJury } from "./frame-jury.ts";
import { FrameNetwork, type FrameFate, type Link, type NetworkEvent } from "./frame-network.ts";
import { countDiskCall, countEnding, countEvent, judgeEvent } from "./whole-events.ts";
import { GroupShadow } from "./group-shadow.ts";
import { Host } from "./host.ts";
import { OneLog } from "./one-log.ts";
import { mayDiffer } from "./divergence.ts";
import { type OperationRecord, Operators } from "./operators.ts";
import { perform } from "./perform.ts";
import { scatter } from "./scatter.ts";
import { trueRatePerMille } from "./skewed-clock.ts";
import { slowed } from "./slow-machine.ts";
import { type DiskCall, diskCalls } from "./timed-disk.ts";
import { type Life, type Microseconds, Timeline, usPerMs } from "./timeline.ts";
import { WholeCoverage } from "./whole-coverage.ts";
import { spareIdBase, type WholePlan } from "./whole-plan.ts";
import type { Frame } from "@quorate/wire";

/** How a world may be looked at, and what it replays. */
export interface WholeWorldOptions {
  /** The decisions to replay. Without them, the world's owner makes some, and they are recorded. */
  readonly script?: readonly Decision[] | undefined;
  /** Is given every line of the trace. */
  readonly writer?: ((line: string) => void) | undefined;
}

/**
 * A group of whole replicas in one thread: production code over simulated disks, network, clocks and
 * randomness. `advance` lets one event happen, and judges it. What goes wrong is told by `perform` and
 * `drawFate`; without these the world is calm. The same plan and decisions give the same run.
 */
export class WholeWorld<Query, Answer> {
  readonly plan: WholePlan;
  readonly app: App<Query, Answer>;
  /** Every node there may be: the founders from 1 on, and those who may join from 11 on. */
  readonly ids: readonly NodeId[];
  readonly founders: readonly NodeId[];
  readonly trace: Trace;
  readonly timeline: Timeline;
  readonly coverage: WholeCoverage = new WholeCoverage();
  readonly decisions: Decisions;
  readonly network: FrameNetwork;
  readonly hosts: readonly Host<Query, Answer>[];
  readonly log: OneLog<Query, Answer>;
  readonly jury: FrameJury = new FrameJury();
  readonly group: GroupShadow;
  readonly callers: Callers<Query, Answer>;
  readonly operators: Operators<Query, Answer>;
  readonly deadConnectionUs: Microseconds;
  readonly connectUs: Microseconds;
  readonly seed: number;
  /** Draws what befalls a frame, while recording. */
  drawFate: (link: Link, number: number) => FrameFate | undefined = () => undefined;
  /** Is told of every call that ended. */
  onCallEnded: (record: CallRecord<Query, Answer>) => void = () => {};
  readonly #hostOf: ReadonlyMap<NodeId, Host<Query, Answer>>;
  readonly #statuses = new Map<NodeId, ReplicaStatus>();
  #broken: Error | undefined;
  #isHealed = false;

  constructor(
    plan: WholePlan,
    app: App<Query, Answer>,
    { script, writer }: WholeWorldOptions = {},
  ) {
    this.plan = plan;
    this.seed = plan.seed;
    this.app = app;
    this.founders = Array.from({ length: plan.nodes }, (_, offset) => offset + 1);
    this.ids = [
      ...this.founders,
      ...Array.from({ length: plan.spares }, (_, place) => spareIdBase + 1 + place),
    ];
    this.group = new GroupShadow(confStateOf(this.founders));
    this.trace = new Trace(writer);
    this.timeline = new Timeline(this.trace);
    this.decisions = new Decisions(script);
    this.deadConnectionUs = plan.deadConnectionMs * usPerMs;
    this.connectUs = plan.connectMs * usPerMs;
    this.network = new FrameNetwork(this.timeline, this);
    this.log = new OneLog(app, (error) => this.broken(error));
    this.callers = new Callers({
      app,
      plan,
      timeline: this.timeline,
      coverage: this.coverage,
      host: (node) => this.host(node),
      ended: (record) => this.#callEnded(record),
      broken: (error) => this.broken(error),
    });
    this.operators = new Operators(this);
    this.hosts = this.ids.map((id) => new Host(id, this));
    this.#hostOf = new Map(this.hosts.map((host) => [host.id, host]));
    for (const id of this.founders) this.host(id).start();
    if (script !== undefined) this.#schedule(script);
  }

  host(id: NodeId): Host<Query, Answer> {
    const host = this.#hostOf.get(id);
    assert(host !== undefined, `there is a node ${id}`);
    return host;
  }

  /** The last that was seen of each replica, also of those that are gone. */
  get statuses(): ReadonlyMap<NodeId, ReplicaStatus> {
    return this.#statuses;
  }

  /** The nodes that run and, when they were last looked at, thought they led. */
  get leaders(): readonly NodeId[] {
    return this.ids.filter((id) => {
      return this.host(id).replica !== undefined && this.#statuses.get(id)?.role === "leader";
    });
  }

  /** The nodes that ever ran and were not removed. */
  get born(): readonly NodeId[] {
    return this.hosts.flatMap((host) => (host.hasRun && !host.isRemoved ? [host.id] : []));
  }

  /** Whether all faults are over. */
  get isHealed(): boolean {
    return this.#isHealed;
  }

  /** Lets the next event happen. Throws what it broke. */
  async advance(): Promise<void> {
    const life = await this.timeline.advance();
    if (life !== undefined) this.#look(life.node);
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** Lets something happen now. Only until the world is healed. */
  perform(what: Happening): void {
    if (this.#isHealed) return;
    this.decisions.record(this.timeline.now, what);
    this.trace.line(() => formatDecision({ kind: "at", at: this.timeline.now, what }));
    perform(this, what);
  }

  /** Undoes something later, unless the world was healed meanwhile, which undoes all. */
  later(forMs: number, undo: () => void): void {
    this.timeline.add(forMs * usPerMs, "world", () => {
      if (!this.#isHealed) undo();
    });
  }

  /**
   * Ends all faults. Only `members` go on; the others stand still, and nobody hears of them, or are left
   * with full disks, as the plan says.
   */
  heal(members: readonly NodeId[]): void {
    this.trace.line(() => `${this.#clock()} heal for ${members.join(" ")}`);
    this.#isHealed = true;
    this.decisions.end();
    const others = this.ids.filter((id) => !members.includes(id));
    for (const host of this.hosts) {
      host.traps.length = 0;
      host.diskFactor = 1;
      host.diskStuckUntil = 0;
      if (host.clockRatePerMille !== trueRatePerMille) host.setClockRate(trueRatePerMille);
      const isMember = members.includes(host.id);
      const isFull = !isMember && this.plan.othersAreFull === 1;
      host.setFull(isFull);
      if (isMember || isFull) {
        host.resume();
        if (host.hasRun) host.start();
      } else host.pause();
    }
    this.network.heal();
    if (this.plan.othersAreFull === 1) return;
    this.network.cut(members.flatMap((a) => others.flatMap((b) => [link(a, b), link(b, a)])));
  }

  // What hosts tell and ask.

  newMachine(life: Life): StateMachine<Query, Answer> {
    const { node } = life;
    let isFirst = true;
    const machine = this.log.machine(node, (entries) => {
      if (isFirst && entries.length > 1) this.coverage.count("log-replayed");
      isFirst = false;
      for (const { index, term } of entries) this.trace.mix(index + 4096 * term + (node << 24));
      this.trace.line(() => `${this.#clock()} n${node} applies ${entries.length}`);
    });
    const { applyUsMax } = this.plan;
    const lasting = this.#lasting(machine, life);
    if (applyUsMax === 0) return lasting;
    this.coverage.count("slow-machine");
    return slowed(lasting, {
      timeline: this.timeline,
      life,
      delay: (number) => scatter(applyUsMax, this.seed, 78, node, number),
      broken: (error) => this.broken(error),
    });
  }

  /** The machine, durable by itself if the plan says so. */
  #lasting(machine: StateMachine<Query, Answer>, life: Life): StateMachine<Query, Answer> {
    const { snapshots } = machine;
    if (snapshots?.kind !== "memory" || this.plan.durableMachine === 0) return machine;
    const { node } = life;
    const { durable: store } = this.host(node);
    const { diskUsMax } = this.plan;
    const choose = (bound: number, number: number): number =>
      scatter(bound, this.seed, 79, node, number);
    this.coverage.count("durable-machine");
    const { timeline } = this;
    return durable(machine, snapshots, { store, timeline, life, syncUs: diskUsMax, choose });
  }

  started(host: Host<Query, Answer>, status: ReplicaStatus): void {
    const { id } = host;
    const before = this.#statuses.get(id);
    this.#statuses.set(id, status);
    this.trace.line(() => `${this.#clock()} n${id} starts at ${status.term}/${status.last.index}`);
    if (status.state === "full") this.coverage.count("start-on-full-disk");
    if (host.damage === "wiped") return;
    if (before !== undefined) {
      if (status.last.index < before.last.index) this.coverage.count("unsynced-entries-lost");
      if (status.last.index > before.persistedIndex) {
        this.coverage.count("unacknowledged-entries-kept");
      }
    }
    this.#judge(() => {
      this.group.report(id, status.confIndex, status.confState);
      this.jury.started(status);
    });
  }

  refused(node: NodeId, error: Error): void {
    this.trace.line(() => `${this.#clock()} n${node} does not start: ${error.message}`);
  }

  ended(node: NodeId): void {
    this.callers.lose(node);
    this.operators.lose(node);
  }

  mayDiffer(node: NodeId): boolean {
    return mayDiffer(this, node);
  }

  replicaEvent(node: NodeId, event: ReplicaEvent): void {
    this.trace.line(() => {
      const what = "error" in event ? `: ${event.error.message}` : "";
      return `${this.#clock()} n${node} ${event.kind}${what}`;
    });
    countEvent(this.coverage, event);
    this.#judge(() => judgeEvent(this, node, event));
  }

  diskCalled(node: NodeId, call: DiskCall, name: string): void {
    this.trace.mix(diskCalls.indexOf(call) + 32 * node);
    countDiskCall(this.coverage, call, name);
    // Only what mends a torn end makes a file shorter before the replica runs.
    if (call === "truncate" && this.host(node).replica === undefined) {
      this.coverage.count("torn-tail-cut");
    }
  }

  /** Something that must never happen did; `advance` throws the first of it. */
  broken(error: unknown): void {
    this.#broken ??= error instanceof Error ? error : new Error(String(error));
  }

  // What the network tells and asks.

  delay({ from, to }: Link, number: number): Microseconds {
    return 1 + scatter(this.plan.frameUsMax, this.seed, from, to, number);
  }

  fate(where: Link, number: number): FrameFate | undefined {
    return this.decisions.fate(where, number, () => this.drawFate(where, number));
  }

  sent({ from, to }: Link, frame: Frame): void {
    this.trace.mix(from * 16 + to);
    this.trace.mix(frame.payload.length);
    try {
      for (const message of this.jury.sent(frame)) this.#mix(message);
    } catch (error) {
      this.broken(error);
    }
    if (frame.type === "forward") this.coverage.count("write-forwarded");
  }

  happened(what: NetworkEvent, { from, to }: Link): void {
    this.coverage.count(what);
    if (what === "connected" && this.host(from).damage === "wiped" && this.#knowsDisk(to, from)) {
      const which = "which lost the disk that it is known by";
      this.broken(new Violation("contract", `node ${to} lets node ${from} in, ${which}`));
    }
    if (what === "connection-refused" && this.host(from).damage !== "wiped") {
      this.broken(
        new Violation("contract", `node ${to} refuses node ${from}, which kept its disk`),
      );
    }
  }

  /** Whether `node` has applied which disk `other` came with. */
  #knowsDisk(node: NodeId, other: NodeId): boolean {
    const { members } = this.host(node).replica?.members.list() ?? { members: [] };
    return members.some(({ id, incarnation }) => id === other && incarnation !== undefined);
  }

  #schedule(script: readonly Decision[]): void {
    for (const decision of script) {
      if (decision.kind !== "at") continue;
      this.timeline.add(decision.at, "step", () => this.perform(decision.what));
    }
  }

  #look(node: NodeId): void {
    const replica = this.host(node).replica;
    if (replica === undefined) return;
    const before = this.#statuses.get(node);
    const status = replica.status();
    this.#statuses.set(node, status);
    this.#judge(() => {
      this.group.report(node, status.confIndex, status.confState);
      this.group.reportCommit(node, status.commitIndex);
      if (before !== undefined) this.jury.stepped(before, status);
    });
  }

  #judge(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.broken(error);
    }
  }

  #callEnded(record: CallRecord<Query, Answer>): void {
    const { call, ending } = record;
    this.trace.mix(record.number + 16_384 * endings.indexOf(ending.kind));
    if ("index" in ending) this.trace.mix(ending.index);
    this.trace.line(() => {
      const what = call.label ?? call.kind;
      const code = "code" in ending ? ` ${ending.code}` : "";
      return `${this.#clock()} call ${record.number} at n${record.node}, ${what}: ${ending.kind}${code}`;
    });
    countEnding(this.coverage, record);
    this.onCallEnded(record);
  }

  operationEnded({ operation, ending }: OperationRecord): void {
    this.trace.line(() => {
      const code = "code" in ending ? ` ${ending.code}` : "";
      const what = operation.kind === "change" ? operation.wish : operation.kind;
      return `${this.#clock()} n${operation.node} ${what}: ${ending.kind}${code}`;
    });
  }

  #mix({ kind, from, to, term }: Message): void {
    this.trace.mix(messageKinds.indexOf(kind) + 16 * from + 256 * to + 4096 * term);
    this.trace.line(() => `${this.#clock()} n${from} to n${to}: ${kind} of term ${term}`);
  }

  #clock(): string {
    return `@${this.timeline.now / usPerMs}ms`;
  }
}

function link(from: NodeId, to: NodeId): Link {
  return { from, to };
}

const endings: readonly CallRecord<unknown, unknown>["ending"]["kind"][] = [
  "pending",
  "applied",
  "answered",
  "failed",
  "unknown",
];
