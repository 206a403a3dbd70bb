import { RaftError } from "@quorate/core";

/** The coded error for what a disk, a state machine or the taking of a snapshot failed with. */
export function failureOf(
  code: "storage_failed" | "state_machine_failed" | "snapshot_failed",
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
