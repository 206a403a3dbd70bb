import { CommandError, exitStatus } from "../cli/exit-status.ts";

/** Does `work` with the file at `path`. What the system refuses is a usage error that names the file. */
export function onFile<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`${path}: ${reason}`, exitStatus.usage);
  }
}
