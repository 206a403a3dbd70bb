import { RaftError } from "@quorate/core";

/**
 * What to do about damage that no replica can repair by itself. An older copy would forget what was
 * acknowledged since, and so would an empty disk under the same id: both could lose committed entries.
 */
export const logRemedy: string =
  "restore this file exactly as it was last written, or else " +
  "remove this node from the cluster and add one with a new id and an empty disk";

/** What to do about damage to a snapshot that lies by itself: nobody depends on this very file. */
export const copyRemedy: string =
  "take another copy of this snapshot, or another snapshot of the same group";

/** The refusal of bytes that no longer are what once was durable. What to do about it is `remedied`. */
export function corrupt(name: string, offset: number, detail: string, cause?: unknown): RaftError {
  return new RaftError("corrupt", `${name}, byte ${offset}: ${detail}`, { cause });
}

/** What is thrown instead of `error`: if that is `corrupt`, it says what to do, too. */
export function remedied<Thrown>(error: Thrown, remedy: string): Thrown | RaftError {
  if (!(error instanceof RaftError) || error.code !== "corrupt") return error;
  const { cause, code, message } = error;
  return new RaftError(code, `${message.slice(`${code}: `.length)}; ${remedy}`, { cause });
}
