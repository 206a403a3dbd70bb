import { performance } from "node:perf_hooks";
import type { Entry } from "@quorate/core";
import { crc32c, decodeEntry, encodedEntryBytes, writeEntry } from "@quorate/wire";
import { batchesOf } from "../prepared-log.ts";
import { Samples } from "../samples.ts";

const roundCount = 5;

/**
 * How many entries of `bytes` bytes a processor can write, verify and read in a second: what a follower
 * must do with each at least, by one thread that does nothing else.
 */
export function measureCodec(bytes: number, count: number): number {
  const rates: number[] = [];
  for (let round = 0; round <= roundCount; round++) {
    const start = performance.now();
    for (const entries of batchesOf({ term: 1, count, bytes }, 1)) roundTrip(entries);
    // The first round warms the compiler up.
    if (round > 0) rates.push(count / ((performance.now() - start) / 1000));
  }
  return new Samples(rates).median;
}

function roundTrip(entries: readonly Entry[]): void {
  const lengths = entries.map(encodedEntryBytes);
  const buffer = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let end = 0;
  for (const entry of entries) end = writeEntry(buffer, end, entry);
  const checksum = crc32c(buffer);
  const kept: Entry[] = [];
  let offset = 0;
  for (const length of lengths) {
    kept.push(decodeEntry(buffer.subarray(offset, offset + length)));
    offset += length;
  }
  if (kept.length !== entries.length || crc32c(buffer) !== checksum) {
    throw new Error("what was read differs from what was written");
  }
}
