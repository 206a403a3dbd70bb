import type { Entry, Status } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";

/** I2, Leader Append-Only (§5.3): a leader never removes or replaces an entry of its log. */
export class LeaderAppendOnly implements Judge {
  readonly invariant = "I2";

  truncated(before: Status, after: Status, removed: readonly Entry[]): void {
    const leads = before.role === "leader" && after.role === "leader" && before.term === after.term;
    if (!leads) return;
    throw new Violation(
      "I2",
      `node ${after.id} leads term ${after.term} and removed entry ${removed[0]?.index ?? 0}`,
    );
  }
}
