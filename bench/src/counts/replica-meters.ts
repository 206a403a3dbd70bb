import { AllocationMeter, type Allocations } from "./allocation-meter.ts";
import { BufferMeter } from "./buffer-meter.ts";
import { CopyMeter } from "./copy-meter.ts";
import { FileMeter } from "./file-meter.ts";
import { FrameMeter } from "./frame-meter.ts";
import { countSystemCalls } from "./system-calls.ts";

/** What a replica's process did since it started. */
export interface ReplicaCounts {
  readonly copiedBytes: number;
  readonly writtenBytes: number;
  readonly syncs: number;
  readonly frames: number;
  /** 0 where the system does not tell. */
  readonly systemCalls: number;
}

/** What a replica's process allocated in a while. */
export interface ReplicaAllocations extends Allocations {
  /** The contents of array buffers. */
  readonly bufferBytes: number;
}

/** Counts all that the one replica in this process does. Made before the replica is. */
export class ReplicaMeters {
  readonly #directory: string;
  readonly #copies = new CopyMeter();
  readonly #files = new FileMeter();
  readonly #frames = new FrameMeter();

  /** Begins to count; the replica's files are below `directory`, an absolute path. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** What was counted so far. */
  read(): ReplicaCounts {
    const { writtenBytes, syncs } = this.#files.below(this.#directory);
    const [{ bytes: copiedBytes }, { frames }] = [this.#copies, this.#frames];
    return { copiedBytes, writtenBytes, syncs, frames, systemCalls: countSystemCalls() };
  }
}

/** Begins to count what this process allocates. Returns what ends the count. */
export function watchAllocations(): () => ReplicaAllocations {
  const buffers = new BufferMeter();
  const heap = new AllocationMeter();
  return () => {
    const bufferBytes = buffers.stop();
    return { ...heap.stop(), bufferBytes };
  };
}
