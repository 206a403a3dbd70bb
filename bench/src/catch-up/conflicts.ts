import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "../figure.ts";
import { measureRoundTrip } from "../floors.ts";
import { extendLogs } from "../prepared-group.ts";
import { ProcessGroup } from "../process-group.ts";
import { heardMsOf } from "./latecomer.ts";

const tickMs = 100;
const entriesPerTerm = 5;
const bytes = 16;

/**
 * A follower that has a tail of its own over `terms` terms, each between two of the leader's: no entry of
 * it matches, and no hint says more than one term.
 */
export async function measureConflicts(parent: string, terms: number): Promise<Figure> {
  const dir = mkdtempSync(join(parent, "conflict-"));
  const group = await ProcessGroup.start(3, dir, tickMs, { keepsLog: true });
  try {
    const seconds = await agree(group, terms);
    const roundTrip = await measureRoundTrip(200);
    return {
      group: "catch-up",
      name: `whole, a conflicting tail over ${terms} terms, to the last entry applied`,
      value: seconds * 1000,
      unit: "ms",
      floor: {
        name: "a round trip per term, and one",
        value: (terms + 1) * roundTrip.median,
      },
      better: "less",
    };
  } finally {
    await group.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The time from the leader's first word to the follower until their logs agree, in seconds. */
async function agree(group: ProcessGroup, terms: number): Promise<number> {
  const [follower, ...others] = group.ids;
  if (follower === undefined) throw new Error("the group is empty");
  await extendLogs(group, (id, term) => {
    const stretches = Array.from({ length: terms }, (_, i) => ({
      term: term + 2 * i + (id === follower ? 1 : 2),
      count: entriesPerTerm,
      bytes,
    }));
    return { stretches, isCommitted: id !== follower };
  });
  await Promise.all(others.map((id) => group.startReplica(id)));
  const leader = await group.leader();
  const { commitIndex: index } = await group.status(leader);
  await group.startReplica(follower);
  const { atMs } = await group.ask(follower, { kind: "reach", index }, "reached");
  return (atMs - (await heardMsOf(group, follower))) / 1000;
}
