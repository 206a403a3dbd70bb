import { assert } from "@quorate/core";

/** The polynomial of Castagnoli, bits reversed. */
const polynomial = 0x82f63b78;

/** How many bytes one turn of the main loop takes, each through a table of its own. */
const sliceBytes = 8;

/**
 * Eight tables of 256 in a row. Entry `i` of table `k` is what the byte `i` contributes to the
 * checksum when `k` further bytes follow it in the same slice.
 */
const tables: Uint32Array = newTables();

function newTables(): Uint32Array {
  const made = new Uint32Array(sliceBytes * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ polynomial;
    made[byte] = crc;
  }
  for (let slot = 256; slot < made.length; slot++) {
    const crc = made[slot - 256] ?? 0;
    made[slot] = (crc >>> 8) ^ (made[crc & 0xff] ?? 0);
  }
  return made;
}

// The slots below are inside the table by construction; the function is inlined.
function look(slot: number): number {
  return tables[slot] ?? 0;
}

/** Computes `crc32c` in another way. */
export type Crc32c = (bytes: Uint8Array, seed: number) => number;

/** From this length on, in bytes, a call out of JavaScript costs less than it saves. */
const nativeBytesMin = 512;

/** Computes the checksums of long bytes; undefined if nobody does it faster. */
let native: Crc32c | undefined;

/**
 * Leaves the checksums of half a KiB and more to `faster` from now on, in this whole program: one that
 * uses an instruction of the processor takes a quarter of the time, as that of `@node-rs/crc32` does. Does
 * nothing, and returns false, if it gives another checksum for a sample. Undefined: leaves them to nobody.
 */
export function useCrc32c(faster: Crc32c | undefined): boolean {
  const sample = Uint8Array.from({ length: 1021 }, (_, position) => (position * 167) % 251);
  const seed = checksum(sample, 0, 3, 0);
  const wanted = checksum(sample, 0, sample.length, seed);
  if (faster !== undefined && faster(sample, seed) !== wanted) return false;
  native = faster;
  return true;
}

/**
 * The CRC-32C (Castagnoli, RFC 3720 §B.4) of `bytes`: an integer in `[0, 2^32)`.
 *
 * Chunks chain: the checksum of the first given as `seed` for the second gives the checksum of both in
 * a row. The seed of nothing is 0, which is also the checksum of no bytes.
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  if (native !== undefined && bytes.length >= nativeBytesMin) return native(bytes, seed);
  return checksum(bytes, 0, bytes.length, seed);
}

/** The CRC-32C of the bytes from `start` to before `end`, without a view of them. */
export function crc32cBetween(bytes: Uint8Array, start: number, end: number): number {
  assert(start >= 0 && start <= end && end <= bytes.length, "a part lies within the whole");
  return checksum(bytes, start, end, 0);
}

function checksum(bytes: Uint8Array, start: number, end: number, seed: number): number {
  const sliced = end - ((end - start) % sliceBytes);
  let crc = ~seed;
  let offset = start;
  for (; offset < sliced; offset += sliceBytes) {
    const low =
      crc ^
      ((bytes[offset] ?? 0) |
        ((bytes[offset + 1] ?? 0) << 8) |
        ((bytes[offset + 2] ?? 0) << 16) |
        ((bytes[offset + 3] ?? 0) << 24));
    crc =
      look(0x700 + (low & 0xff)) ^
      look(0x600 + ((low >>> 8) & 0xff)) ^
      look(0x500 + ((low >>> 16) & 0xff)) ^
      look(0x400 + (low >>> 24)) ^
      look(0x300 + (bytes[offset + 4] ?? 0)) ^
      look(0x200 + (bytes[offset + 5] ?? 0)) ^
      look(0x100 + (bytes[offset + 6] ?? 0)) ^
      look(bytes[offset + 7] ?? 0);
  }
  for (; offset < end; offset++) crc = (crc >>> 8) ^ look((crc ^ (bytes[offset] ?? 0)) & 0xff);
  return ~crc >>> 0;
}
