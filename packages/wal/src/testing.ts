/**
 * Disks for tests: a simulated one, and the suite that every implementation of `Disk` must pass; and what
 * reads the bytes of disks, for those who try it with hostile ones.
 */
export { decodeBatch, decodeBatchHeader } from "./batch.ts";
export { diskConformance, type ConformanceTools } from "./disk-conformance.ts";
export {
  MemoryDisk,
  type DiskFault,
  type DiskOperation,
  type MemoryDiskOptions,
  type UnsyncedPart,
} from "./memory-disk.ts";
export { parseFileName } from "./file-name.ts";
export { decodeSegmentHeader, encodeSegmentHeader, newSegmentHeader } from "./segment.ts";
