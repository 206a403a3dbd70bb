import type { Entry, Status } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";

/** I9: applied ≤ commit ≤ last, and applied ≤ persisted ≤ last, at every node and moment (§5.3). */
export class IndexOrder implements Judge {
  readonly invariant = "I9";

  started(status: Status, _: readonly Entry[]): void {
    check(status);
  }

  stepped(_: Status, after: Status): void {
    check(after);
  }
}

function check({ id, appliedIndex, commitIndex, persistedIndex, last }: Status): void {
  const ordered = appliedIndex <= commitIndex && commitIndex <= last.index;
  if (ordered && appliedIndex <= persistedIndex && persistedIndex <= last.index) return;
  throw new Violation(
    "I9",
    `node ${id} has applied=${appliedIndex} commit=${commitIndex} persisted=${persistedIndex} ` +
      `last=${last.index}`,
  );
}
