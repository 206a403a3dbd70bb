import {
  at,
  type EntryId,
  type Message,
  type MessageKind,
  type NodeId,
  type Term,
} from "@quorate/core";
import { Agenda } from "./agenda.ts";
import { Clients } from "./clients.ts";
import { Coverage } from "./coverage.ts";
import { Draw } from "./draw.ts";
import { describeEvent, type Event } from "./event.ts";
import { Faults } from "./faults.ts";
import type { Flaw } from "./flaw.ts";
import type { Disks } from "./judge.ts";
import { newJudges } from "./judges.ts";
import { Jury } from "./jury.ts";
import { type HostPlan, type NetworkPlan, type Plan, unitsPerTick } from "./plan.ts";
import { SimNetwork } from "./sim-network.ts";
import { SimNode, type Surroundings } from "./sim-node.ts";
import { Trace } from "./trace.ts";

/** How a world may differ from what its plan says. */
export interface WorldOptions {
  /** Is given every line of the trace. */
  readonly writer?: (line: string) => void;
  /** A defect that all hosts share, to show that the judges see it. */
  readonly flaw?: Flaw;
}

/**
 * A whole cluster in one thread and one seed: nodes, disks, network, clocks, clients and faults, with
 * every judge watching. `advance` lets one event happen; the same plan gives the same events.
 */
export class World implements Surroundings, Disks {
  readonly plan: Plan;
  readonly draw: Draw;
  readonly coverage: Coverage;
  readonly jury: Jury;
  readonly trace: Trace;
  readonly flaw: Flaw;
  readonly network: SimNetwork = new SimNetwork();
  readonly nodes: readonly SimNode[];
  /** How messages travel and hosts work now. */
  travel: NetworkPlan;
  host: HostPlan;
  readonly #agenda = new Agenda<Event>();
  readonly #clients: Clients;
  readonly #faults: Faults;
  /** What came for a paused node. */
  #backlog: Event[] = [];
  #sentCount = 0;
  #readCount = 0;
  #eventCount = 0;

  constructor(plan: Plan, { writer, flaw = "none" }: WorldOptions = {}) {
    this.plan = plan;
    this.draw = new Draw(plan.seed, 2);
    this.trace = new Trace(writer);
    this.flaw = flaw;
    this.travel = plan.network;
    this.host = plan.host;
    this.coverage = new Coverage((node, entry) => this.node(node).disk.isWriting(entry));
    const { inflightCountMax = 256 } = plan.options;
    this.jury = new Jury([...newJudges(this, inflightCountMax), this.coverage]);
    this.nodes = Array.from(
      { length: plan.voterCount },
      (_, offset) => new SimNode(offset + 1, this),
    );
    this.#clients = new Clients(this);
    this.#faults = new Faults(this);
    for (const node of this.nodes) {
      node.tickUnits = unitsPerTick;
      this.#agenda.add(this.draw.below(unitsPerTick), { kind: "tick", node: node.id });
      node.start(this.ids);
    }
    this.#clients.begin();
    this.#faults.begin();
  }

  get ids(): readonly NodeId[] {
    return Array.from({ length: this.plan.voterCount }, (_, offset) => offset + 1);
  }

  /** Simulated time since the start, in units. */
  get now(): number {
    return this.#agenda.now;
  }

  /** How many events have happened. */
  get eventCount(): number {
    return this.#eventCount;
  }

  node(id: NodeId): SimNode {
    return at(this.nodes, id - 1);
  }

  /** The nodes that run and think they lead, the highest term first. */
  get leaders(): readonly SimNode[] {
    const leaders = this.nodes.filter((node) => node.status?.role === "leader");
    return leaders.sort((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0));
  }

  /** Lets the next event happen. */
  advance(): void {
    const event = this.#agenda.take();
    this.#eventCount += 1;
    this.#happen(event);
  }

  /** Ends all faults, clients and delays beyond the least. Nodes that are not `members` are cut off. */
  healFor(members: readonly NodeId[]): void {
    this.#clients.end();
    this.#faults.end();
    this.travel = { ...this.travel, ...calmTravel };
    this.host = calmHost;
    this.network.heal();
    const others = this.ids.filter((id) => !members.includes(id));
    for (const id of members) this.network.partition([[id], others]);
    for (const node of this.nodes) {
      node.diskSlowness = 1;
      node.tickUnits = unitsPerTick;
      if (!members.includes(node.id)) continue;
      if (!node.isUp) node.start(this.ids);
      this.resume(node);
    }
  }

  schedule(delay: number, event: Event): void {
    this.#agenda.add(delay, event);
  }

  wake(kind: "turn" | "disk" | "apply", node: NodeId, incarnation: number, delay: number): void {
    this.#agenda.add(delay, { kind, node, incarnation });
  }

  crash(id: NodeId): void {
    this.#faults.crash(this.node(id));
  }

  nextRead(): number {
    this.#readCount += 1;
    return this.#readCount;
  }

  send(message: Message): void {
    this.jury.sent(message);
    const { draw, coverage, travel } = this;
    const isCut = this.network.isCut(message.from, message.to);
    if (isCut || draw.chance(travel.lossPerMille)) {
      coverage.count(isCut ? "message-cut-off" : "message-lost");
      if (draw.chance(travel.unreachablePerMille)) {
        const { from: node, to: peer } = message;
        this.schedule(draw.below(unitsPerTick), { kind: "unreachable", node, peer });
      }
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
    if (!draw.chance(travel.duplicatePerMille)) return;
    coverage.count("message-duplicated");
    this.carry(message);
  }

  /** Puts a message on its way. */
  carry(message: Message): void {
    const { draw, travel } = this;
    let delay = draw.below(travel.delayMax + 1);
    if (draw.chance(travel.latePerMille)) {
      this.coverage.count("message-late");
      delay = draw.below(travel.lateDelayMax);
    }
    this.#sentCount += 1;
    this.schedule(delay, { kind: "deliver", message, order: this.#sentCount });
  }

  /** Stops a node's time. */
  pause(node: SimNode): void {
    node.isPaused = true;
  }

  /** Lets a node's time go on: what came meanwhile comes all at once. */
  resume(node: SimNode): void {
    if (!node.isPaused) return;
    node.isPaused = false;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const event of backlog) {
      if (receiverOf(event) === node.id) this.#happen(event);
      else this.#backlog.push(event);
    }
  }

  holds(node: NodeId, id: EntryId): boolean {
    return this.node(node).disk.holds(id);
  }

  termOf(node: NodeId): Term {
    return this.node(node).disk.hardState.term;
  }

  #happen(event: Event): void {
    const receiver = receiverOf(event);
    if (receiver !== undefined && this.node(receiver).isPaused) {
      if (event.kind === "tick") this.#tickAgain(event.node);
      else this.#backlog.push(event);
      return;
    }
    this.trace.mix(eventKinds.indexOf(event.kind) + 32 * (receiver ?? 0));
    if (event.kind !== "tick" && event.kind !== "turn") {
      this.trace.line(() => `${this.now} ${describeEvent(event)}`);
    }
    switch (event.kind) {
      case "tick": {
        const node = this.node(event.node);
        if (node.isUp) node.tick();
        this.#tickAgain(event.node);
        break;
      }
      case "deliver":
        this.#deliver(event.message, event.order);
        break;
      case "turn":
      case "disk":
      case "apply":
        this.#work(event.kind, this.node(event.node), event.incarnation);
        break;
      case "unreachable":
        if (!this.node(event.node).isUp) break;
        this.coverage.count("unreachable-reported");
        this.node(event.node).reportUnreachable(event.peer);
        break;
      case "client":
        this.#clients.act();
        break;
      default:
        this.#faults.act(event);
        break;
    }
  }

  #tickAgain(node: NodeId): void {
    this.#agenda.add(this.node(node).tickUnits, { kind: "tick", node });
  }

  #work(kind: "turn" | "disk" | "apply", node: SimNode, incarnation: number): void {
    if (!node.isRun(incarnation)) return;
    if (kind === "turn") node.turn();
    else if (kind === "disk") node.diskDone();
    else node.applyDone();
  }

  #deliver(message: Message, order: number): void {
    const node = this.node(message.to);
    if (!node.isUp || this.network.isCut(message.from, message.to)) return;
    if (this.network.isLate(message, order)) this.coverage.count("message-reordered");
    this.trace.mix(messageKinds.indexOf(message.kind) + 16 * message.from + 1024 * message.term);
    node.receive(message);
  }
}

/** Which node an event happens to; undefined for what happens to the world. */
function receiverOf(event: Event): NodeId | undefined {
  switch (event.kind) {
    case "deliver":
      return event.message.to;
    case "tick":
    case "turn":
    case "disk":
    case "apply":
    case "unreachable":
      return event.node;
    default:
      return undefined;
  }
}

const calmTravel = {
  delayMax: 5,
  lossPerMille: 0,
  duplicatePerMille: 0,
  latePerMille: 0,
  unreachablePerMille: 0,
} as const;

const calmHost: HostPlan = {
  turnDelayMax: 0,
  diskDelayMax: 2,
  applyDelayMax: 2,
  writingCountMax: 16,
  discardPerMille: 0,
  diskCrashPerMille: 0,
};

const eventKinds: readonly Event["kind"][] = [
  "tick",
  "deliver",
  "turn",
  "disk",
  "apply",
  "unreachable",
  "client",
  "fault",
  "heal",
  "restart",
  "resume",
  "clock-mended",
  "disk-mended",
];

const messageKinds: readonly MessageKind[] = [
  "pre-vote",
  "pre-vote-response",
  "request-vote",
  "request-vote-response",
  "append-entries",
  "append-entries-response",
  "append-entries-rejection",
  "heartbeat",
  "heartbeat-response",
  "propose",
  "read-index",
  "read-index-response",
];
