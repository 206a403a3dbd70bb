import type { NodeId } from "@quorate/core";
import type { Coverage, CoverageKind } from "./coverage.ts";
import type { Draw } from "./draw.ts";
import type { Event } from "./event.ts";
import type { Plan } from "./plan.ts";
import type { Answer } from "./answer.ts";
import type { SimNode } from "./sim-node.ts";
import type { Step } from "./step.ts";

/** What clients see of the world. */
interface Service {
  readonly plan: Plan;
  readonly draw: Draw;
  readonly coverage: Coverage;
  readonly nodes: readonly SimNode[];
  readonly leaders: readonly SimNode[];
  isActive(id: NodeId): boolean;
  take(step: Step): Answer | undefined;
  schedule(delay: number, event: Event): void;
}

const proposalAnswers: Record<Answer, CoverageKind | undefined> = {
  done: "proposal-accepted",
  not_leader: "proposal-not-leader",
  is_leader: undefined,
  lease_promised: undefined,
  leader_not_ready: "proposal-not-leader",
  busy: "proposal-busy",
  too_large: "proposal-too-large",
  transferring: "proposal-busy",
  change_pending: undefined,
  invalid_change: undefined,
  invalid_argument: undefined,
};

const readAnswers: Record<Answer, CoverageKind | undefined> = {
  done: undefined,
  not_leader: "read-not-leader",
  is_leader: undefined,
  lease_promised: undefined,
  leader_not_ready: "read-leader-not-ready",
  busy: "read-busy",
  too_large: undefined,
  transferring: undefined,
  change_pending: undefined,
  invalid_change: undefined,
  invalid_argument: undefined,
};

/** Clients that write and read all the time, at leaders and at nodes that are not. */
export class Clients {
  readonly #service: Service;
  #commandCount = 0;
  #isOver = false;

  constructor(service: Service) {
    this.#service = service;
  }

  begin(): void {
    this.#again();
  }

  end(): void {
    this.#isOver = true;
  }

  /** One client calls one node. */
  act(): void {
    if (this.#isOver) return;
    const { draw, plan } = this.#service;
    const { readPerMille, burstCountMax } = plan.clients;
    const node = this.#whom()?.id;
    if (node !== undefined) {
      const isRead = draw.chance(readPerMille);
      for (let count = draw.between(1, burstCountMax); count > 0; count--) {
        if (isRead) this.#count(readAnswers, { kind: "read", node });
        else this.#count(proposalAnswers, this.#proposal(node));
      }
    }
    this.#again();
  }

  #count(answers: Record<Answer, CoverageKind | undefined>, step: Step): void {
    const answer = this.#service.take(step);
    const seen = answer === undefined ? undefined : answers[answer];
    if (seen !== undefined) this.#service.coverage.count(seen);
  }

  #again(): void {
    const { draw, plan } = this.#service;
    if (plan.clients.periodMax === 0) return;
    this.#service.schedule(draw.between(1, plan.clients.periodMax), { kind: "client" });
  }

  #whom(): SimNode | undefined {
    const { draw, nodes, leaders, plan } = this.#service;
    const isActive = (id: NodeId): boolean => this.#service.isActive(id);
    const toLeader = draw.chance(plan.clients.toLeaderPerMille);
    const candidates = (toLeader ? leaders : nodes).filter(({ id }) => isActive(id));
    return candidates.length === 0 ? undefined : draw.pick(candidates);
  }

  /** A command like no other: its number, and padding. */
  #proposal(node: NodeId): Step {
    const { draw, plan } = this.#service;
    this.#commandCount += 1;
    const bytes = 4 + draw.below(plan.clients.commandBytesMost + 1);
    return { kind: "propose", node, command: this.#commandCount, bytes };
  }
}
