import { RaftError } from "@quorate/core";

/**
 * What to do about damage that no replica can repair by itself. An older copy would forget what was
 * acknowledged since, and so would an empty disk under the same id: both could lose committed entries.
 */
const remedy =
  "restore this file exactly as it was last written, or else " +
  "remove this node from the cluster and add one with a new id and an empty disk";

/** The refusal to start from a log that lost what once was durable. */
export function corrupt(name: string, offset: number, detail: string, cause?: unknown): RaftError {
  return new RaftError("corrupt", `${name}, byte ${offset}: ${detail}; ${remedy}`, { cause });
}
