import { assert, isSafe } from "@quorate/core";
import { malformed } from "./protobuf.ts";

/** How many bytes `encodeUint64` makes. */
export const uint64Bytes = 8;

const lowRange = 2 ** 32;

/** `value`, a safe integer of at least 0, as eight bytes, the highest first. */
export function encodeUint64(value: number): Uint8Array {
  assert(isSafe(value), "only safe integers of at least 0 are encoded");
  const bytes = new Uint8Array(uint64Bytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(value / lowRange));
  view.setUint32(4, value % lowRange);
  return bytes;
}

/** The number in `bytes`. Throws `malformed` unless these are eight and hold at most 2^53 - 1. */
export function decodeUint64(bytes: Uint8Array): number {
  if (bytes.length !== uint64Bytes) throw malformed(`${bytes.length} bytes stand where 8 belong`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, uint64Bytes);
  const value = view.getUint32(0) * lowRange + view.getUint32(4);
  if (value > Number.MAX_SAFE_INTEGER) throw malformed("a number exceeds 2^53 - 1");
  return value;
}
