/**
 * How many rounds of promise jobs follow each event. A round runs every job that waits when it begins.
 * What takes more rounds goes on after the next event, as in a process that is a little slow.
 */
const roundCount = 24;

const done: Promise<void> = Promise.resolve();

/**
 * Lets promise jobs run, for a fixed number of rounds, and nothing else: no timer and no I/O of the host.
 *
 * This is deterministic on every platform. ECMAScript runs promise jobs in the order in which they were
 * enqueued, and nothing between them, so which jobs run in which round follows from the program alone.
 * Jobs of other programs may stand between those of a simulation, but neither see nor change anything
 * of it, and the order of its own jobs among themselves stays what it was.
 */
export async function settle(): Promise<void> {
  for (let round = 0; round < roundCount; round++) await done;
}
