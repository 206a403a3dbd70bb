import { assert, isSafe } from "@quorate/core";
import { malformed } from "./protobuf.ts";

/** How many bytes `encodeUint64` makes. */
export const uint64Bytes = 8;

/** `value`, a safe integer of at least 0, as eight bytes, the highest first. */
export function encodeUint64(value: number): Uint8Array {
  assert(isSafe(value), "only safe integers of at least 0 are encoded");
  const bytes = new Uint8Array(uint64Bytes);
  let rest = value;
  for (let offset = uint64Bytes - 1; rest > 0; offset--) {
    bytes[offset] = rest % 0x100;
    rest = Math.floor(rest / 0x100);
  }
  return bytes;
}

/** The number in `bytes`. Throws `malformed` unless these are eight and hold at most 2^53 - 1. */
export function decodeUint64(bytes: Uint8Array): number {
  if (bytes.length !== uint64Bytes) throw malformed(`${bytes.length} bytes stand where 8 belong`);
  let value = 0;
  for (const byte of bytes) value = value * 0x100 + byte;
  // A value that leaves the safe integers is rounded, but never back among them.
  if (value > Number.MAX_SAFE_INTEGER) throw malformed("a number exceeds 2^53 - 1");
  return value;
}
