import { copyRemedy, remedied } from "./damage.ts";
import type { Disk } from "./disk.ts";
import type { WalIdentity } from "./file-header.ts";
import { parseFileName } from "./file-name.ts";
import { readSnapshotFile } from "./snapshot-file.ts";
import { FileSnapshotReader } from "./snapshot-reader.ts";
import type { SnapshotReader } from "./snapshot-store.ts";

/** The file of a snapshot, open by itself: away from its log, or while another process has that. */
export interface OpenedSnapshot {
  /** Of which node's log it is. */
  readonly identity: WalIdentity;
  readonly incarnation: Uint8Array;
  /** Its content. Close it. */
  readonly reader: SnapshotReader;
}

/**
 * Opens the snapshot in the file `name`, whatever that is called and whosever it is. Changes nothing.
 * Its content is verified by whoever reads it.
 *
 * Rejects with `corrupt`, `unsupported_version`, or what the disk rejects with.
 */
export async function openSnapshot(
  disk: Pick<Disk, "open">,
  name: string,
): Promise<OpenedSnapshot> {
  const file = await disk.open(name);
  try {
    const { header, found } = await readSnapshotFile(file, name);
    const reader = new FileSnapshotReader(disk, found, { remedy: copyRemedy, onClosed: () => {} });
    await reader.begin();
    const { identity, incarnation } = header;
    return { identity, incarnation, reader };
  } catch (error) {
    throw remedied(error, copyRemedy);
  } finally {
    await file.close();
  }
}

/**
 * The name of the snapshot on `disk` that counts, or undefined if there is none: the one of the highest
 * index, and of several such the last. Changes nothing; of a log that is in use, the file may be gone
 * when this resolves. Rejects as `openSnapshot` does.
 */
export async function newestSnapshotName(
  disk: Pick<Disk, "list" | "open">,
): Promise<string | undefined> {
  let newest: { readonly name: string; readonly index: number } | undefined;
  // Names sort as their numbers do.
  for (const name of [...(await disk.list())].sort()) {
    const parsed = parseFileName(name);
    if (parsed?.kind !== "snap" || parsed.isTemporary) continue;
    const { reader } = await openSnapshot(disk, name);
    await reader.close();
    const { index } = reader.stored.snapshot;
    if (newest === undefined || index >= newest.index) newest = { name, index };
  }
  return newest?.name;
}
