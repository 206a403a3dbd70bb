import { RaftError } from "@quorate/core";
import { isSignal } from "./abort-signal.ts";
import type { CallOptions } from "./replica.ts";
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

function invalid(message: string): RaftError {
  return new RaftError("invalid_argument", message);
}
