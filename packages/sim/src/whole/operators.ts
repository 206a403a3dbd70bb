import { type NodeId, RaftError } from "@quorate/core";
import type { CallOptions, MembersView, Replica } from "@quorate/runtime";
import { Violation } from "../judge.ts";
import type { GroupShadow } from "./group-shadow.ts";
import type { Host } from "./host.ts";
import type { Life, Timeline } from "./timeline.ts";
import type { WholeCoverage } from "./whole-coverage.ts";
import type { WholePlan } from "./whole-plan.ts";
import { missingIn, wishIn } from "./wish-text.ts";

/** What an operator asks of a node. `timeoutMs` is 0 for as long as such calls take by default. */
export type Operation =
  | {
      readonly kind: "change";
      readonly node: NodeId;
      /** See `wishIn`. */
      readonly wish: string;
      /** 1: only if the configuration is still what the node thinks it is. */
      readonly ifNow: number;
      readonly timeoutMs: number;
    }
  /** `to` is 0 for whoever is furthest. */
  | {
      readonly kind: "transfer";
      readonly node: NodeId;
      readonly to: NodeId;
      readonly timeoutMs: number;
    }
  | { readonly kind: "snapshot"; readonly node: NodeId; readonly timeoutMs: number };

/** One operation, and how it ended. */
export interface OperationRecord {
  readonly operation: Operation;
  ending:
    | { readonly kind: "pending" | "done" }
    /** Nothing happened and nothing will, but that a new member may learn. */
    | { readonly kind: "failed"; readonly code: string }
    | { readonly kind: "unknown"; readonly code: string };
}

/** What operators need of their world. */
export interface OperatorsWorld<Query, Answer> {
  readonly timeline: Timeline;
  readonly coverage: WholeCoverage;
  readonly group: GroupShadow;
  readonly plan: WholePlan;
  host(node: NodeId): Host<Query, Answer>;
  operationEnded(record: OperationRecord): void;
  broken(error: unknown): void;
}

/** Changes members, hands leadership over and takes snapshots, and writes down what became of it. */
export class Operators<Query, Answer> {
  readonly #world: OperatorsWorld<Query, Answer>;
  readonly #records: OperationRecord[] = [];
  readonly #pending = new Set<OperationRecord>();

  constructor(world: OperatorsWorld<Query, Answer>) {
    this.#world = world;
  }

  /** All operations, in the order in which they were begun. */
  get records(): readonly OperationRecord[] {
    return this.#records;
  }

  /** The operations that have not ended. */
  get pending(): readonly OperationRecord[] {
    return [...this.#pending];
  }

  /** Whether anybody ever asked for other members. */
  get hasChanged(): boolean {
    return this.#records.some(({ operation }) => operation.kind === "change");
  }

  /** Asks a node, if it runs. */
  begin(operation: Operation): void {
    const { replica, life } = this.#world.host(operation.node);
    if (replica === undefined || life === undefined) return;
    const record: OperationRecord = { operation, ending: { kind: "pending" } };
    this.#records.push(record);
    this.#pending.add(record);
    this.#world.timeline.reach(life, "call", () => this.#hand(record, replica, life));
  }

  /** A process ended, and with it all that it was asked for. */
  lose(node: NodeId): void {
    for (const record of this.pending) {
      if (record.operation.node !== node) continue;
      this.#end(record, { kind: "unknown", code: "connection-lost" });
    }
  }

  #hand(record: OperationRecord, replica: Replica<Query, Answer>, life: Life): void {
    const { operation } = record;
    this.#start(operation, replica).then(
      () => {
        if (life.isAlive) this.#end(record, { kind: "done" });
      },
      (error: unknown) => {
        if (life.isAlive) this.#fail(record, error);
      },
    );
  }

  async #start(operation: Operation, replica: Replica<Query, Answer>): Promise<void> {
    const { timeoutMs } = operation;
    const options: CallOptions = timeoutMs === 0 ? {} : { timeoutMs };
    switch (operation.kind) {
      case "change": {
        const ifIndex = operation.ifNow === 1 ? replica.members.list().index : undefined;
        const wish = wishIn(operation.wish);
        this.#judgeView(
          await replica.members.change(wish, { ...options, ifIndex }),
          operation.wish,
        );
        break;
      }
      case "transfer": {
        const { to } = operation;
        // Whoever leads then: another may have been quicker.
        await replica.transferLeadership(to === 0 ? undefined : to, options);
        break;
      }
      case "snapshot": {
        const { appliedIndex } = replica.status();
        const { index } = await replica.snapshot(options);
        // A machine that is durable by itself is taken for as far as it has synced.
        if (this.#world.plan.durableMachine === 0 && index < appliedIndex) {
          throw new Violation(
            "I14",
            `a snapshot of node ${replica.id} is up to ${index}, and ${appliedIndex} was applied`,
          );
        }
        break;
      }
    }
  }

  /** A change that is said to be made is in the log's configurations, and is what was asked for. */
  #judgeView(view: MembersView, wish: string): void {
    const { index, confState } = view;
    this.#world.group.report(0, index, confState);
    const missing = missingIn(view, wishIn(wish));
    if (missing === undefined) return;
    throw new Violation("contract", `${wish} is said to be done as of ${index}, but ${missing}`);
  }

  #fail(record: OperationRecord, error: unknown): void {
    if (error instanceof Violation) {
      this.#world.broken(error);
    } else if (error instanceof RaftError) {
      const kind = error.outcome === "unknown" ? "unknown" : "failed";
      this.#end(record, { kind, code: error.code });
    } else {
      const what = `a ${record.operation.kind} is rejected with ${String(error)}`;
      this.#world.broken(new Violation("contract", what));
    }
  }

  #end(record: OperationRecord, ending: OperationRecord["ending"]): void {
    if (!this.#pending.delete(record)) return;
    record.ending = ending;
    const { kind } = record.operation;
    this.#world.coverage.countKnown(`${kind}-${ending.kind}`);
    if ("code" in ending) this.#world.coverage.countKnown(`${kind}-${ending.code}`);
    this.#world.operationEnded(record);
  }
}
