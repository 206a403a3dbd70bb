import { RaftError } from "@quorate/core";
import type { Disk, ReadableDisk } from "./disk.ts";

/** The name of the file that marks a directory: see `markDiverged`. The file counts, not its text. */
export const divergenceMarkName = "diverged";

/** How much of the text is read back, in bytes. */
const textBytesMax = 4096;

const remedy =
  "remove this node from the cluster and add one with a new id and an empty disk; its log is sound, " +
  "but what it made of it is not, nor are its snapshots";

/**
 * Marks what is on `disk` as not to be served again, since the state that was made of it is not the
 * group's: `openWal` refuses it from then on. `text` says why, in ASCII. Durable when it resolves. Rejects
 * with what the disk rejects with; if only the text could not be written, the mark stands.
 */
export async function markDiverged(disk: Disk, text: string): Promise<void> {
  const file = await disk.create(divergenceMarkName);
  try {
    await file.writeSynced(0, [Uint8Array.from(text, (character) => character.charCodeAt(0))]);
  } finally {
    await file.close();
    await disk.syncDirectory();
  }
}

/** The refusal of a disk that has the mark. */
export async function divergedError(disk: Pick<ReadableDisk, "open">): Promise<RaftError> {
  const file = await disk.open(divergenceMarkName);
  let bytes: Uint8Array;
  try {
    bytes = await file.read(0, textBytesMax);
  } finally {
    await file.close();
  }
  // A crash may have cut it short.
  const isWhole = bytes.length > 0 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  const why = isWhole ? String.fromCharCode(...bytes) : "the state of this node is not the group's";
  return new RaftError("diverged", `${why}; ${remedy}`);
}
