import { RaftError } from "@quorate/core";
import type { Disk, DiskFile } from "./disk.ts";
import { temporaryName } from "./file-name.ts";

/**
 * Makes the file `name`: `fill` writes it and syncs it under a temporary name, and it gets its own only
 * when that is done. Durable with its name when this resolves, and open. Replaces a file of that name.
 *
 * Rejects with `disk_full` if there is no room: then nothing happened, and it may be tried again. Any other
 * error means that the state of the disk is unknown.
 */
export async function makeFile(
  disk: Disk,
  name: string,
  fill: (file: DiskFile) => Promise<void>,
): Promise<DiskFile> {
  const temporary = temporaryName(name);
  let file: DiskFile | undefined;
  try {
    file = await disk.create(temporary);
    await fill(file);
    await disk.rename(temporary, name);
  } catch (error) {
    await discard(disk, file, temporary);
    throw error;
  }
  try {
    await disk.syncDirectory();
  } catch (error) {
    // The new name may or may not last: this cannot be undone, so it is not for a second try.
    await file.close();
    throw new RaftError("storage_failed", `naming ${name} failed`, { cause: error });
  }
  return file;
}

/** Whether `error` says that the disk has no room. */
export function isDiskFull(error: unknown): error is RaftError {
  return error instanceof RaftError && error.code === "disk_full";
}

/** Frees what an attempt took. An error here is not a full disk, and replaces the one at hand. */
async function discard(disk: Disk, file: DiskFile | undefined, name: string): Promise<void> {
  if (file === undefined) return;
  try {
    await file.close();
    await disk.remove(name);
  } catch (error) {
    throw new RaftError("storage_failed", `removing ${name} failed`, { cause: error });
  }
}
