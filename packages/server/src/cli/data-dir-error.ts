import { type ErrorCode, RaftError } from "quorate";
import { withoutCode } from "../api-error.ts";
import { CommandError, exitStatus } from "./exit-status.ts";

/** What the user can mend by another command line. */
const usageCodes: readonly ErrorCode[] = ["invalid_options", "locked"];

/**
 * What to tell the user when a data directory or a snapshot cannot be read, made, or started from. Errors of
 * `moreUsageCodes` can be mended by another command line, too. What is no fault of the user's stays as it is.
 */
export function dataDirError(error: unknown, moreUsageCodes: readonly ErrorCode[] = []): unknown {
  if (error instanceof RaftError) {
    const isUsage = usageCodes.includes(error.code) || moreUsageCodes.includes(error.code);
    return new CommandError(withoutCode(error), isUsage ? exitStatus.usage : exitStatus.failed);
  }
  if (error instanceof Error && "syscall" in error) return new CommandError(error.message);
  return error;
}
