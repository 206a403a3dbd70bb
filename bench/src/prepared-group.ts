import type { Term } from "@quorate/core";
import { endOf, extendLog, type Stretch } from "./prepared-log.ts";
import type { ProcessGroup } from "./process-group.ts";

/** What is appended to the log of one replica. */
export interface Tail {
  readonly stretches: readonly Stretch[];
  /** Whether its node knows that it is committed: then a majority is given the same. */
  readonly isCommitted: boolean;
}

/**
 * Stops `group` and appends to the logs of its replicas what `tailOf` says for each, given the newest
 * term, in which all of them agree. Returns the index after which the tails begin.
 */
export async function extendLogs(
  group: ProcessGroup,
  tailOf: (id: number, term: Term) => Tail | undefined,
): Promise<number> {
  await group.settled();
  await group.close();
  const logs = group.ids.map((id) => ({ id, directory: group.directoryOf(id) }));
  const ends = await Promise.all(logs.map(endOf));
  const indexes = new Set(ends.map(({ lastIndex }) => lastIndex));
  const [lastIndex, ...others] = indexes;
  if (lastIndex === undefined || others.length > 0) throw new Error("the logs differ");
  const term = Math.max(...ends.map((end) => end.term));
  for (const log of logs) {
    const tail = tailOf(log.id, term);
    if (tail !== undefined) await extendLog(log, tail.stretches, tail.isCommitted);
  }
  return lastIndex;
}
