/** Disks for tests: a simulated one, and the suite that every implementation of `Disk` must pass. */
export { diskConformance, type ConformanceTools } from "./disk-conformance.ts";
export {
  MemoryDisk,
  type DiskFault,
  type DiskOperation,
  type MemoryDiskOptions,
  type UnsyncedPart,
} from "./memory-disk.ts";
