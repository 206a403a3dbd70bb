import {
  isJoint,
  type InstallSnapshot,
  leaveJoint,
  type MemberChange,
  newConfChange,
  type NodeId,
  none,
  type Status,
} from "@quorate/core";
import type { Answer } from "./answer.ts";
import type { Coverage } from "./coverage.ts";
import type { Draw } from "./draw.ts";
import type { Event } from "./event.ts";
import { type Plan, unitsPerTick } from "./plan.ts";
import type { SimNode } from "./sim-node.ts";
import type { Step } from "./step.ts";

/** What an operator sees of the world. */
interface Site {
  readonly plan: Plan;
  readonly draw: Draw;
  readonly coverage: Coverage;
  readonly ids: readonly NodeId[];
  readonly leaders: readonly SimNode[];
  node(id: NodeId): SimNode;
  isActive(id: NodeId): boolean;
  take(step: Step): Answer | undefined;
  schedule(delay: number, event: Event): void;
}

/** How many of the states that belong to snapshots are reported to have arrived, in thousand. */
const arrivedPerMille = 700;

/**
 * An operator who changes the configuration and who leads, at random moments; and the hosts, as far as they
 * carry the states of snapshots.
 */
export class Operator {
  readonly #site: Site;
  #isOver = false;

  constructor(site: Site) {
    this.#site = site;
  }

  begin(): void {
    this.#again();
  }

  end(): void {
    this.#isOver = true;
  }

  /** The state that goes with `message` is on its way; its fate is told later, rightly or not. */
  carry({ from: node, to: peer }: InstallSnapshot): void {
    const { draw, plan } = this.#site;
    const ok = draw.chance(arrivedPerMille);
    const { incarnation } = this.#site.node(node);
    const delay = draw.below(2 * plan.network.delayMax + unitsPerTick);
    this.#site.schedule(delay, { kind: "report", node, peer, ok, incarnation });
  }

  /** Does one thing, and comes again. */
  act(): void {
    if (this.#isOver) return;
    const { draw, plan } = this.#site;
    this.#again();
    switch (draw.pick(plan.operator.kinds)) {
      case "change":
        this.#change();
        break;
      case "transfer":
        this.#transfer();
        break;
      case "step-down":
        this.#someone("step-down");
        break;
      case "forget-leader":
        this.#someone("forget-leader");
        break;
    }
  }

  #again(): void {
    const { draw, plan } = this.#site;
    if (plan.operator.kinds.length === 0) return;
    this.#site.schedule(draw.between(1, plan.operator.periodMax), { kind: "operator" });
  }

  #leader(): SimNode | undefined {
    return this.#site.leaders.find(({ id }) => this.#site.isActive(id));
  }

  #transfer(): void {
    const leader = this.#leader();
    if (leader === undefined) return;
    const { draw, ids, coverage } = this.#site;
    const to = draw.chance(300) ? none : draw.pick(ids);
    const answer = this.#site.take({ kind: "transfer", node: leader.id, to });
    if (answer === "done") coverage.count("transfer-begun");
  }

  #someone(kind: "step-down" | "forget-leader"): void {
    const node = this.#site.draw.pick(this.#site.ids);
    if (this.#site.isActive(node)) this.#site.take({ kind, node });
  }

  #change(): void {
    const leader = this.#leader();
    const { status } = leader ?? {};
    if (leader === undefined || status === undefined) return;
    const { draw, coverage } = this.#site;
    const leaves = isJoint(status.confState) && draw.chance(800);
    const change = leaves
      ? leaveJoint
      : newConfChange(
          this.#members(status),
          draw.pick(["auto", "auto", "auto", "implicit", "explicit"]),
        );
    const answer = this.#site.take({ kind: "change", node: leader.id, change });
    switch (answer) {
      case "done":
        coverage.count("change-proposed");
        break;
      case "change_pending":
      case "invalid_change":
      case "leader_not_ready":
        coverage.count("change-refused");
        break;
      default:
        break;
    }
  }

  #members({ confState }: Status): MemberChange[] {
    const { draw, ids } = this.#site;
    const count = draw.pick([1, 1, 1, 2, 2, 3]);
    return draw.some(ids, count).map((id) => {
      if (confState.voters.includes(id)) {
        return { kind: draw.pick(["remove", "remove", "add-learner"]), id };
      }
      if (confState.learners.includes(id)) {
        return { kind: draw.pick(["add-voter", "add-voter", "remove"]), id };
      }
      return { kind: draw.pick(["add-voter", "add-voter", "add-learner"]), id };
    });
  }
}
