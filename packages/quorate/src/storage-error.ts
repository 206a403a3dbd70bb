import { RaftError } from "@quorate/core";

/** The code of an error of the operating system, such as `ENOENT`; empty for any other error. */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : "";
}

/**
 * What a failed call on a file means: `disk_full` if there is no room or the quota is used up, which
 * may pass; `storage_failed` for everything else. `doing` completes the sentence "cannot …".
 */
export function storageError(doing: string, cause: unknown): RaftError {
  const code = systemCode(cause);
  const full = code === "ENOSPC" || code === "EDQUOT";
  return new RaftError(full ? "disk_full" : "storage_failed", `cannot ${doing}: ${reason(cause)}`, {
    cause,
  });
}

/**
 * What a failed sync means: always `storage_failed`, even for want of room. The kernel may have dropped
 * the pages it could not write, so room that comes back does not bring them back.
 */
export function syncError(path: string, cause: unknown): RaftError {
  return new RaftError("storage_failed", `cannot sync ${path}: ${reason(cause)}`, { cause });
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
