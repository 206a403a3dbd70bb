import { at, type Message, type NodeId, none, unreachable } from "@quorate/core";
import { Agenda } from "./agenda.ts";
import type { Answer } from "./answer.ts";
import { drawCast } from "./cast.ts";
import { Clients } from "./clients.ts";
import type { Coverage } from "./coverage.ts";
import { Draw } from "./draw.ts";
import { type Event, receiverOf } from "./event.ts";
import { type Fate, newFate } from "./fate.ts";
import { Faults } from "./faults.ts";
import type { Flaw } from "./flaw.ts";
import type { Jury } from "./jury.ts";
import { Operator } from "./operator.ts";
import {
  calmHost,
  calmTravel,
  type Healing,
  type HostPlan,
  type NetworkPlan,
  type Plan,
  unitsPerTick,
} from "./plan.ts";
import { SimNetwork } from "./sim-network.ts";
import type { SimNode } from "./sim-node.ts";
import { type Audience, Stage } from "./stage.ts";
import type { Step } from "./step.ts";

/** How a world may differ from what its plan says, and who watches it. */
export interface WorldOptions extends Audience {
  /** A defect that all hosts share, to show that the judges see it. */
  readonly flaw?: Flaw | undefined;
  /** Nodes that have run already, without a world of their own; messages on their way are lost. */
  readonly stage?: Stage | undefined;
}

/**
 * A whole cluster in one thread and one seed: it draws what happens next, and lets the nodes on its
 * stage take those steps. `advance` lets one event happen; the same plan gives the same events.
 */
export class World {
  readonly plan: Plan;
  readonly draw: Draw;
  readonly stage: Stage;
  readonly network: SimNetwork = new SimNetwork();
  /** How messages travel and hosts work now. */
  travel: NetworkPlan;
  host: HostPlan;
  readonly #agenda = new Agenda<Event>();
  readonly #fates: readonly Fate[];
  readonly #clients: Clients;
  readonly #faults: Faults;
  readonly #operator: Operator;
  /** What came for a paused node. */
  #backlog: Event[] = [];
  #sentCount = 0;
  #eventCount = 0;

  constructor(plan: Plan, options: WorldOptions = {}) {
    this.plan = plan;
    this.draw = new Draw(plan.seed, 2);
    this.travel = plan.network;
    this.host = plan.host;
    this.stage =
      options.stage ?? new Stage(drawCast(plan, this.draw, options.flaw ?? "none"), options);
    this.stage.onSent = (message) => this.#send(message);
    this.#fates = this.stage.ids.map(() => newFate());
    this.#clients = new Clients(this);
    this.#faults = new Faults(this);
    this.#operator = new Operator(this);
    for (const id of this.ids) {
      this.#agenda.add(this.draw.below(unitsPerTick), { kind: "tick", node: id });
      if (options.stage === undefined) this.start(id);
      else this.#plan(this.node(id));
    }
    this.#clients.begin();
    this.#faults.begin();
    this.#operator.begin();
  }

  get coverage(): Coverage {
    return this.stage.coverage;
  }

  get jury(): Jury {
    return this.stage.jury;
  }

  get nodes(): readonly SimNode[] {
    return this.stage.nodes;
  }

  get ids(): readonly NodeId[] {
    return this.stage.ids;
  }

  /** Simulated time since the start, in units. */
  get now(): number {
    return this.#agenda.now;
  }

  /** How many events have happened. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** The nodes that run and think they lead, the highest term first. */
  get leaders(): readonly SimNode[] {
    const leaders = this.nodes.filter((node) => node.status?.role === "leader");
    return leaders.sort((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0));
  }

  node(id: NodeId): SimNode {
    return this.stage.node(id);
  }

  /** How one node fares. */
  fate(id: NodeId): Fate {
    return at(this.#fates, id - 1);
  }

  /** Whether a node runs and its clock does. */
  isActive(id: NodeId): boolean {
    return this.node(id).isUp && !this.fate(id).isPaused;
  }

  /** Lets the next event happen. */
  advance(): void {
    const event = this.#agenda.take();
    this.#eventCount += 1;
    this.jury.advanced(this.now);
    this.#happen(event);
  }

  /** Lets a node take a step, and whatever follows from it happen later. */
  take(step: Step): Answer | undefined {
    this.stage.trace.line(() => `${this.now}`);
    const answer = this.stage.take(step);
    this.#plan(this.node(step.node));
    return answer;
  }

  /**
   * Ends all faults, clients and delays beyond the least. Nodes that are not `members` are cut off,
   * but for their links with the member that is the `bridge`, if one is.
   */
  healFor({ members, bridge }: Healing): void {
    this.#clients.end();
    this.#faults.end();
    this.#operator.end();
    this.travel = { ...this.travel, ...calmTravel, delayMax: this.plan.healing.delayMax };
    this.host = calmHost;
    this.network.heal();
    for (const from of this.ids) for (const to of this.ids) this.unclog(from, to);
    const others = this.ids.filter((id) => !members.includes(id));
    for (const id of members) if (id !== bridge) this.network.partition([[id], others]);
    if (bridge !== none) this.network.partition(others.map((id) => [id]));
    for (const id of this.ids) {
      this.fate(id).diskSlowness = 1;
      this.fate(id).tickUnits = unitsPerTick;
      if (!members.includes(id)) continue;
      if (!this.node(id).isUp) this.start(id);
      this.resume(id);
      this.#hasten(id);
    }
  }

  /** A disk is as fast as planned again. */
  mendDisk(id: NodeId): void {
    this.fate(id).diskSlowness = 1;
    this.#hasten(id);
  }

  /** Lets a host that was slow do soon what it would have done much later. */
  #hasten(id: NodeId): void {
    this.fate(id).due.clear();
    this.#plan(this.node(id));
  }

  schedule(delay: number, event: Event): void {
    this.#agenda.add(delay, event);
  }

  /** Starts a node. A state machine that keeps what it has may have lost some of it. */
  start(id: NodeId): void {
    const { durableAppliedIndex: had, disk } = this.node(id);
    const least = disk.snapshotIndex;
    const appliedIndex = had > least && this.draw.chance(300) ? this.draw.between(least, had) : had;
    // A fresh seed at every start, as production has.
    this.take({ kind: "start", node: id, seed: this.draw.below(2 ** 32), appliedIndex });
  }

  /** The power of a node fails. */
  crash(id: NodeId): void {
    const kept = this.draw.below(this.node(id).disk.uncertain.length + 1);
    this.fate(id).due.clear();
    this.take({ kind: "crash", node: id, kept });
  }

  /** Puts a message on its way. */
  carry(message: Message): void {
    const { draw, travel } = this;
    let delay = draw.below(travel.delayMax + 1);
    if (draw.chance(travel.latePerMille)) {
      this.coverage.count("message-late");
      delay = draw.below(travel.lateDelayMax);
    }
    if (message.kind === "install-snapshot") delay += draw.below(travel.stateDelayMax + 1);
    this.#sentCount += 1;
    this.schedule(delay, { kind: "deliver", message, order: this.#sentCount });
  }

  /** Frees a link: what waited there goes on, all at once. */
  unclog(from: NodeId, to: NodeId): void {
    for (const message of this.network.unclog(from, to)) this.carry(message);
  }

  /** Stops a node's time. */
  pause(id: NodeId): void {
    this.fate(id).isPaused = true;
  }

  /** Lets a node's time go on: what came meanwhile comes all at once. */
  resume(id: NodeId): void {
    const fate = this.fate(id);
    if (!fate.isPaused) return;
    fate.isPaused = false;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const event of backlog) {
      if (receiverOf(event) === id) this.#happen(event);
      else this.#backlog.push(event);
    }
  }

  #send(message: Message): void {
    const { draw, coverage, travel } = this;
    if (message.kind === "install-snapshot") this.#operator.carry(message);
    const isCut = this.network.isCut(message.from, message.to);
    if (isCut || draw.chance(travel.lossPerMille)) {
      coverage.count(isCut ? "message-cut-off" : "message-lost");
      if (draw.chance(travel.unreachablePerMille)) {
        const { from: node, to: peer } = message;
        this.schedule(draw.below(unitsPerTick), { kind: "unreachable", node, peer });
      }
      return;
    }
    if (this.network.isClogged(message.from, message.to)) {
      this.network.hold(message);
      return;
    }
    switch (this.network.filter(message)) {
      case "drop":
        coverage.count("message-lost");
        return;
      case "hold":
        this.network.hold(message);
        return;
      case "pass":
        break;
    }
    this.carry(message);
    const isState = message.kind === "install-snapshot";
    if (!draw.chance(isState ? travel.stateDuplicatePerMille : travel.duplicatePerMille)) return;
    coverage.count("message-duplicated");
    this.carry(message);
  }

  #happen(event: Event): void {
    const receiver = receiverOf(event);
    if (receiver !== undefined && this.fate(receiver).isPaused) {
      if (event.kind === "tick") this.#tickAgain(event.node);
      else this.#backlog.push(event);
      return;
    }
    switch (event.kind) {
      case "tick":
        if (this.node(event.node).isUp) this.take(event);
        this.#tickAgain(event.node);
        break;
      case "deliver":
        this.#deliver(event.message, event.order);
        break;
      case "ready":
      case "disk":
      case "apply":
        this.#work(event.kind, this.node(event.node), event.incarnation);
        break;
      case "unreachable":
        if (!this.node(event.node).isUp) break;
        this.coverage.count("unreachable-reported");
        this.take(event);
        break;
      case "report":
        this.#report(event);
        break;
      case "client":
        this.#clients.act();
        break;
      case "operator":
        this.#operator.act();
        break;
      default:
        this.#faults.act(event);
        break;
    }
  }

  #report(event: Extract<Event, { readonly kind: "report" }>): void {
    const { node, peer, ok } = event;
    if (!this.#isRun(event)) return;
    // What became of a snapshot is told once the Ready is done that it was part of.
    if (this.node(node).mayTakeReady) this.take({ kind: "report", node, peer, ok });
    else this.schedule(unitsPerTick, event);
  }

  /** Whether the run that an event belongs to goes on. */
  #isRun(event: { readonly node: NodeId; readonly incarnation: number }): boolean {
    const { isUp, incarnation } = this.node(event.node);
    return isUp && incarnation === event.incarnation;
  }

  #tickAgain(node: NodeId): void {
    this.#agenda.add(this.fate(node).tickUnits, { kind: "tick", node });
  }

  /** A host goes on with its work. */
  #work(kind: "ready" | "disk" | "apply", node: SimNode, incarnation: number): void {
    if (!this.#isRun({ node: node.id, incarnation })) return;
    this.fate(node.id).due.delete(kind);
    const { draw, host, stage } = this;
    switch (kind) {
      case "ready": {
        const roomy = node.writingCount < host.writingCountMax;
        if (!roomy || !node.mayTakeReady) return;
        const isDiscarded = draw.chance(host.discardPerMille);
        this.take({ kind: isDiscarded ? "discard" : "ready", node: node.id });
        break;
      }
      case "disk": {
        if (draw.chance(host.diskCrashPerMille)) {
          this.#faults.crash(node);
          return;
        }
        if (node.writingCount === 0) return;
        const count = draw.between(1, node.writingCount);
        const lies = stage.flaw === "lying-disk" && draw.chance(200);
        // One notice may stand for several Readys, or each may have its own.
        const each = draw.chance(500);
        if (lies) this.take({ kind: "lie", node: node.id, count });
        else this.take({ kind: "persist", node: node.id, count, each });
        // Then it has applied as well what it was handed.
        if (node.host.door === "simple") this.#compact(node);
        break;
      }
      case "apply":
        if (node.applyingCount === 0) return;
        this.take({ kind, node: node.id, count: draw.between(1, node.applyingCount) });
        this.#compact(node);
        break;
      default:
        unreachable(kind);
    }
  }

  #compact(node: SimNode): void {
    if (!node.maySnapshot || !this.draw.chance(this.host.compactPerMille)) return;
    this.take({ kind: "compact", node: node.id, kept: this.draw.pick([0, 0, 1, 5]) });
  }

  /** Puts on the agenda what the host of a node has to do. */
  #plan(node: SimNode): void {
    if (!node.isUp) return;
    const { turnDelayMax, diskDelayMax } = this.host;
    // Now and then, also ask a node that says it has nothing to do.
    if (node.hasReady || this.draw.chance(5)) this.#soon("ready", node, turnDelayMax);
    if (node.writingCount > 0) {
      this.#soon("disk", node, diskDelayMax * this.fate(node.id).diskSlowness);
    }
    if (node.applyingCount > 0) this.#soon("apply", node, this.#applyDelay());
  }

  #applyDelay(): number {
    const { applyDelayMax, stallPerMille, stallMax } = this.host;
    return this.draw.chance(stallPerMille) ? stallMax : applyDelayMax;
  }

  #soon(kind: "ready" | "disk" | "apply", { id, incarnation }: SimNode, delayMax: number): void {
    const { due } = this.fate(id);
    if (due.has(kind)) return;
    due.add(kind);
    const delay = delayMax > 0 ? this.draw.below(delayMax + 1) : 0;
    this.#agenda.add(delay, { kind, node: id, incarnation });
  }

  #deliver(message: Message, order: number): void {
    if (!this.node(message.to).isUp || this.network.isCut(message.from, message.to)) return;
    if (this.network.isLate(message, order)) this.coverage.count("message-reordered");
    this.take({ kind: "deliver", node: message.to, message });
  }
}
