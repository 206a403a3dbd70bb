/** Numbers in files are little-endian. Those of 64 bits hold safe integers; readers check with `isSafe`. */

const two32 = 0x1_0000_0000;

/** Stores `value`, a safe integer of at least 0, in the 8 bytes at `offset`. */
export function setUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % two32, true);
  view.setUint32(offset + 4, Math.floor(value / two32), true);
}

/** The number in the 8 bytes at `offset`; beyond 2^53 inexact, and then not safe. */
export function getUint64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * two32 + view.getUint32(offset, true);
}

/** A view on exactly `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The bytes of `text`, which must be ASCII. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Whether `a` and `b` hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, offset) => byte === b[offset]);
}

/** The least multiple of `unit` that is at least `length`. */
export function roundUp(length: number, unit: number): number {
  return Math.ceil(length / unit) * unit;
}
