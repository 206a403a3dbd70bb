export type { Damage, MissingEntries } from "./damage-kinds.ts";
export { findDamage, type DamagedLog } from "./damage-finder.ts";
export type { Batch } from "./batch.ts";
export type { Disk, DiskFile, ReadableDisk } from "./disk.ts";
export { divergenceMarkName, markDiverged } from "./divergence-mark.ts";
export {
  inspectLog,
  type InspectedLog,
  type InspectOptions,
  type SegmentFound,
  type SnapshotFound,
} from "./inspect-log.ts";
export type { FoundBatch, LogWatcher, TornPlace } from "./recovery.ts";
export type { SegmentHeader } from "./segment.ts";
export { newestSnapshotName, openSnapshot, type OpenedSnapshot } from "./open-snapshot.ts";
export { openWal, type OpenedWal, type WalOptions, type WalStart } from "./open-wal.ts";
export type { Append, AppendOptions, Wal } from "./wal.ts";
export type { Reserve } from "./reserve.ts";
export type { WalIdentity } from "./file-header.ts";
export type {
  SnapshotMetadata,
  SnapshotReader,
  SnapshotStore,
  SnapshotWriter,
  StoredSnapshot,
} from "./snapshot-store.ts";
