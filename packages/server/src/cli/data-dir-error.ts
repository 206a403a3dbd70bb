import { RaftError } from "quorate";
import { withoutCode } from "../api-error.ts";
import { CommandError, exitStatus } from "./exit-status.ts";

/** What the user can mend by another command line. */
const usageCodes: ReadonlySet<string> = new Set(["invalid_options", "locked"]);

/** What to tell the user when a data directory cannot be read, or not be made. */
export function dataDirError(error: unknown): unknown {
  if (error instanceof RaftError) {
    const isUsage = usageCodes.has(error.code);
    const message = error.code === "corrupt" ? error.message : withoutCode(error);
    return new CommandError(message, isUsage ? exitStatus.usage : exitStatus.failed);
  }
  if (error instanceof Error && "syscall" in error) return new CommandError(error.message);
  return error;
}
