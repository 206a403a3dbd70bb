import { isMember, type Entry, type Status } from "@quorate/core";
import { type Observer, Violation } from "./judge.ts";

/**
 * Checks who campaigns: only voters do (thesis §4.2.1), and none that knows of a committed change of the
 * configuration which it has not applied. For it would count votes by a configuration that may be two
 * steps behind, and win beside one who counts by the newest.
 */
export class Campaigns implements Observer {
  stepped(before: Status, after: Status, log: readonly Entry[]): void {
    const { id, role, confState, confIndex, appliedIndex, commitIndex } = after;
    const isElected = role === "leader" && (before.role !== role || before.term !== after.term);
    if (!isElected && role !== "candidate" && role !== "pre-candidate") return;
    const learns = confState.learners.includes(id);
    if (learns || !isMember(confState, id)) {
      throw new Violation("contract", `node ${id} campaigns, and is no voter (thesis §4.2.1)`);
    }
    // A snapshot that is being restored tells the configuration already.
    for (let index = Math.max(appliedIndex, confIndex) + 1; index <= commitIndex; index++) {
      if (log[index - 1]?.kind !== "conf-change") continue;
      const what = `node ${id} campaigns, knows the change at ${index}, and has not applied it`;
      throw new Violation("contract", what);
    }
  }
}
