import { RaftError } from "@quorate/core";
import { listen } from "./abort-signal.ts";
import type { DeadlineKey, Deadlines } from "./deadlines.ts";
import type { AbortSignalLike } from "./replica.ts";

/**
 * What `work` comes to, or `unavailable` if that takes longer than `timeoutMs`, or longer than its caller
 * wants to wait. The work itself goes on.
 */
export function withinCall<T>(
  work: Promise<T>,
  deadlines: Deadlines,
  timeoutMs: number,
  signal: AbortSignalLike | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const refuse = (message: string, cause?: unknown): void => {
      reject(new RaftError("unavailable", message, { cause }));
    };
    const waiter = { onDeadline: () => refuse("it was not done in time") };
    const key: DeadlineKey = deadlines.add(waiter, timeoutMs);
    const onAbort = (): void => refuse("the call was aborted", signal?.reason);
    const unlisten = signal === undefined ? undefined : listen(signal, onAbort);
    if (unlisten instanceof RaftError) reject(unlisten);
    void work.then(resolve, reject).finally(() => {
      deadlines.remove(waiter, key);
      if (typeof unlisten === "function") unlisten();
    });
  });
}
