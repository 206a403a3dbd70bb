import { RaftError } from "@quorate/core";

/** The error by which a replica fails when its disk or its state machine did. */
export function failureOf(
  code: "storage_failed" | "state_machine_failed",
  error: unknown,
): RaftError {
  if (error instanceof RaftError && error.code === code) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new RaftError(code, message, { cause: error });
}

/** What to tell those whose commands were handed over when the replica failed: never "not-applied". */
export function interruptionOf(error: Error): RaftError {
  const code = error instanceof RaftError && error.outcome === "unknown" ? error.code : "stopped";
  return new RaftError(code, `the replica failed: ${error.message}`, { cause: error });
}
