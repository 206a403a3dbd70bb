import type { SnapshotMetadata, SnapshotStore, StoredSnapshot } from "@quorate/wal";
import { type SnapshotChunks, SnapshotContent } from "./snapshot-content.ts";

/**
 * Stores a snapshot whose content is `chunks`, in pieces of `pieceBytes`, of which one is held at a time;
 * `pause` comes between two. Durable when it resolves; if anything rejects, all that was written goes.
 */
export async function writeSnapshot(
  store: SnapshotStore,
  metadata: SnapshotMetadata,
  chunks: SnapshotChunks,
  pieceBytes: number,
  pause: () => Promise<void>,
): Promise<StoredSnapshot> {
  const content = new SnapshotContent(chunks);
  const writer = await store.create(metadata);
  try {
    for (;;) {
      const piece = await content.take(pieceBytes);
      if (piece.length > 0) await writer.write(piece);
      if (piece.length < pieceBytes) break;
      await pause();
    }
    return await writer.commit();
  } catch (error) {
    await writer.abort();
    // If the state machine fails again, the first failure says why.
    await content.close().catch(() => undefined);
    throw error;
  }
}
