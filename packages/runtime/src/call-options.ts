import { RaftError } from "@quorate/core";
import type { AbortSignalLike, CallOptions } from "./replica.ts";
import { callTimeoutMsMax } from "./replica-options.ts";

/** Why a call with these options cannot be taken, whatever the replica's state; undefined if it can. */
export function checkCallOptions({ timeoutMs, signal }: CallOptions): RaftError | undefined {
  const isTimeout = typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= callTimeoutMsMax;
  if (timeoutMs !== undefined && !isTimeout) {
    const range = `a number of more than 0 and at most ${callTimeoutMsMax}`;
    return invalid(`timeoutMs must be ${range}: got ${String(timeoutMs)}`);
  }
  if (signal === undefined) return undefined;
  if (!isSignal(signal)) return invalid("signal must be an AbortSignal");
  if (!signal.aborted) return undefined;
  return new RaftError("unavailable", "aborted before the call began", { cause: signal.reason });
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

/** Whether `signal`, which may come from JavaScript, is what its type says. */
function isSignal(signal: unknown): boolean {
  return (
    typeof signal === "object" &&
    signal !== null &&
    "addEventListener" in signal &&
    typeof signal.addEventListener === "function" &&
    "removeEventListener" in signal &&
    typeof signal.removeEventListener === "function"
  );
}

function invalid(message: string): RaftError {
  return new RaftError("invalid_argument", message);
}
