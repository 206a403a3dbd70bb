import type { Entry, NodeId, Status } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";
import { sameContent } from "./log-matching.ts";

/**
 * I12: what a client was told is committed is never lost: every later leader has it, every state
 * machine takes it in at its place, and it is there in the end.
 */
export class AcknowledgedKept implements Judge {
  readonly invariant = "I12";
  readonly #acknowledged = new Map<number, Entry>();
  #newestTerm = 0;
  /** The newest term that had a leader when the entry of an index was acknowledged. */
  readonly #terms = new Map<number, number>();

  acknowledged(entry: Entry): void {
    this.#acknowledged.set(entry.index, entry);
    this.#terms.set(entry.index, this.#newestTerm);
  }

  elected({ id, term }: Status, log: readonly Entry[]): void {
    this.#newestTerm = Math.max(this.#newestTerm, term);
    for (const entry of this.#acknowledged.values()) {
      // A candidate may win an older term late; what newer terms committed passes it by.
      if ((this.#terms.get(entry.index) ?? 0) > term) continue;
      if (!isKept(entry, log)) throw lost(entry, `node ${id} leads term ${term} without it`);
    }
  }

  applied(node: NodeId, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const acknowledged = this.#acknowledged.get(entry.index);
      if (acknowledged === undefined || sameContent(acknowledged, entry)) continue;
      throw lost(acknowledged, `node ${node} applied ${entry.term}/${entry.index}`);
    }
  }

  ended(logs: ReadonlyMap<NodeId, readonly Entry[]>): void {
    for (const [node, log] of logs) {
      for (const entry of this.#acknowledged.values()) {
        if (!isKept(entry, log)) throw lost(entry, `node ${node} converged without it`);
      }
    }
  }
}

function isKept(entry: Entry, log: readonly Entry[]): boolean {
  const found = log[entry.index - 1];
  return found !== undefined && sameContent(found, entry);
}

function lost({ term, index }: Entry, how: string): Violation {
  return new Violation("I12", `entry ${term}/${index} was acknowledged, and ${how}`);
}
