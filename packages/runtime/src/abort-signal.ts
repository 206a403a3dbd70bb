import { RaftError } from "@quorate/core";
import type { AbortSignalLike } from "./replica.ts";

/** Whether `signal`, which may come from JavaScript, is what its type says. */
export function isSignal(signal: unknown): boolean {
  return (
    typeof signal === "object" &&
    signal !== null &&
    "addEventListener" in signal &&
    typeof signal.addEventListener === "function" &&
    "removeEventListener" in signal &&
    typeof signal.removeEventListener === "function"
  );
}

/**
 * Calls `onAbort` when `signal` is aborted, until the returned function is called. A signal is the
 * caller's: one that throws is an error of the call, which is returned, and not of the replica.
 */
export function listen(signal: AbortSignalLike, onAbort: () => void): (() => void) | RaftError {
  try {
    signal.addEventListener("abort", onAbort);
  } catch (cause) {
    return new RaftError("invalid_argument", "the signal cannot be listened to", { cause });
  }
  return () => {
    try {
      signal.removeEventListener("abort", onAbort);
    } catch {
      // The call has settled, so that what the signal still says to it changes nothing.
    }
  };
}

/** Throws `aborted` if a replica that is being started is not wanted any more. */
export function checkWanted(signal: AbortSignalLike | undefined): void {
  if (signal?.aborted !== true) return;
  throw new RaftError("aborted", "the start of the replica was aborted", { cause: signal.reason });
}
