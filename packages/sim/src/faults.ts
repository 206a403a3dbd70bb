import { type NodeId, quorum, unreachable } from "@quorate/core";
import type { Coverage } from "./coverage.ts";
import type { Draw } from "./draw.ts";
import type { Event } from "./event.ts";
import type { FaultKind } from "./fault-kind.ts";
import { type Plan, unitsPerTick } from "./plan.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimNode } from "./sim-node.ts";
import type { Step } from "./step.ts";

/** What faults act upon. */
interface Target {
  readonly plan: Plan;
  readonly draw: Draw;
  readonly coverage: Coverage;
  readonly network: SimNetwork;
  readonly nodes: readonly SimNode[];
  readonly leaders: readonly SimNode[];
  readonly ids: readonly NodeId[];
  node(id: NodeId): SimNode;
  fate(id: NodeId): { isPaused: boolean; tickUnits: number; diskSlowness: number };
  isActive(id: NodeId): boolean;
  take(step: Step): void;
  start(id: NodeId): void;
  crash(id: NodeId): void;
  pause(id: NodeId): void;
  resume(id: NodeId): void;
  mendDisk(id: NodeId): void;
  unclog(from: NodeId, to: NodeId): void;
  schedule(delay: number, event: Event): void;
}

/** The events that faults consist of. */
type FaultEvent = Extract<
  Event,
  {
    readonly kind:
      | "fault"
      | "heal"
      | "unclog"
      | "restart"
      | "resume"
      | "clock-mended"
      | "disk-mended";
  }
>;

/** Breaks things at random moments, and mends them later. */
export class Faults {
  readonly #target: Target;
  #isOver = false;

  constructor(target: Target) {
    this.#target = target;
  }

  begin(): void {
    this.#again();
  }

  end(): void {
    this.#isOver = true;
  }

  act(event: FaultEvent): void {
    if (this.#isOver) return;
    const { network, coverage } = this.#target;
    switch (event.kind) {
      case "fault":
        this.#strike(this.#target.draw.pick(this.#target.plan.faults.kinds));
        this.#again();
        break;
      case "heal":
        if (network.isPartitioned) coverage.count("heal");
        network.heal();
        break;
      case "unclog":
        this.#target.unclog(event.from, event.to);
        break;
      case "restart":
        this.#restart(event.node);
        break;
      case "resume":
        this.#target.resume(event.node);
        break;
      case "clock-mended":
        this.#target.fate(event.node).tickUnits = unitsPerTick;
        break;
      case "disk-mended":
        this.#target.mendDisk(event.node);
        break;
      default:
        unreachable(event);
    }
  }

  /** Crashes a node, and has it start again later. */
  crash(node: SimNode): void {
    if (!node.isUp) return;
    this.#target.resume(node.id);
    if (!node.isUp) return;
    this.#target.crash(node.id);
    this.#later({ kind: "restart", node: node.id });
  }

  #strike(kind: FaultKind): void {
    const { draw, coverage, nodes, leaders, ids } = this.#target;
    const leader = leaders[0];
    coverage.count(kind);
    switch (kind) {
      case "crash-one":
        this.crash(draw.pick(nodes));
        break;
      case "crash-leader":
        if (leader !== undefined) this.crash(leader);
        break;
      case "crash-some":
        for (const node of draw.some(nodes, draw.between(1, nodes.length))) this.crash(node);
        break;
      case "crash-all":
        for (const node of nodes) this.crash(node);
        break;
      case "partition-random":
      case "partition-leader":
      case "partition-one-way":
      case "partition-bridge":
      case "partition-pair":
        this.#partition(kind, ids, leader?.id);
        break;
      case "clog": {
        const [from = 0, to = 0] = draw.some(ids, 2);
        if (to === 0) break;
        this.#target.network.clog(from, to);
        this.#later({ kind: "unclog", from, to });
        break;
      }
      case "strand-leader":
        if (leader !== undefined) this.#strand(leader.id);
        break;
      case "pause":
        this.#pause(leader !== undefined && draw.chance(400) ? leader.id : draw.pick(ids));
        break;
      case "clock-rate": {
        const node = draw.pick(ids);
        this.#target.fate(node).tickUnits = draw.pick([20, 50, 80, 130, 300]);
        this.#later({ kind: "clock-mended", node });
        break;
      }
      case "slow-disk": {
        const node = draw.pick(ids);
        this.#target.fate(node).diskSlowness = draw.pick([5, 20, 100]);
        this.#later({ kind: "disk-mended", node });
        break;
      }
      case "campaign": {
        const node = draw.pick(ids);
        if (this.#target.isActive(node)) this.#target.take({ kind: "campaign", node });
        break;
      }
      default:
        unreachable(kind);
    }
  }

  #partition(
    kind: Extract<FaultKind, `partition-${string}`>,
    ids: readonly NodeId[],
    leader: NodeId | undefined,
  ): void {
    const { draw, network } = this.#target;
    const mixed = draw.some(ids, ids.length);
    const [first = 0, second = 0] = mixed;
    switch (kind) {
      case "partition-random": {
        const size = draw.between(1, ids.length);
        network.partition([mixed.slice(0, size), mixed.slice(size)]);
        break;
      }
      case "partition-leader": {
        // Alone, or with too few to go on.
        const others = mixed.filter((id) => id !== leader);
        const followers = draw.below(quorum(ids.length) - 1);
        const minority = leader === undefined ? [] : [leader];
        network.partition([[...minority, ...others.slice(0, followers)], others.slice(followers)]);
        break;
      }
      case "partition-one-way": {
        const deaf = leader !== undefined && draw.chance(500) ? leader : first;
        const hears = draw.chance(500);
        for (const other of ids) {
          if (other === deaf || draw.chance(200)) continue;
          if (hears) network.cut(deaf, other);
          else network.cut(other, deaf);
        }
        break;
      }
      case "partition-bridge": {
        // Two halves that only the node in the middle can reach.
        const half = 1 + Math.floor(ids.length / 2);
        network.partition([mixed.slice(1, half), mixed.slice(half)]);
        break;
      }
      case "partition-pair":
        network.partition([[first], [second]]);
        break;
      default:
        unreachable(kind);
    }
    this.#later({ kind: "heal" });
  }

  /**
   * A leader is alone for long enough to be replaced, with a disk that all but stands still: so what it
   * writes meanwhile may be overwritten before it is written.
   */
  #strand(leader: NodeId): void {
    const { draw, plan, network, ids } = this.#target;
    const { electionTimeoutTicks = 10 } = plan.options;
    const alone = draw.between(2, 5) * electionTimeoutTicks * unitsPerTick;
    network.partition([[leader], ids.filter((id) => id !== leader)]);
    this.#target.fate(leader).diskSlowness = 1000;
    this.#target.schedule(alone, { kind: "heal" });
    const back = draw.between(1, 3) * electionTimeoutTicks * unitsPerTick;
    this.#target.schedule(alone + back, { kind: "disk-mended", node: leader });
  }

  #pause(node: NodeId): void {
    if (this.#target.fate(node).isPaused) return;
    this.#target.pause(node);
    this.#later({ kind: "resume", node });
  }

  #restart(node: NodeId): void {
    if (!this.#target.node(node).isUp) this.#target.start(node);
  }

  #again(): void {
    const { draw, plan } = this.#target;
    if (plan.faults.kinds.length === 0) return;
    this.#target.schedule(draw.between(1, plan.faults.periodMax), { kind: "fault" });
  }

  #later(event: FaultEvent): void {
    const { draw, plan } = this.#target;
    this.#target.schedule(draw.between(1, plan.faults.lengthMax), event);
  }
}
