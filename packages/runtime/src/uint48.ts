/** The largest number that takes six bytes: as milliseconds since 1970, a day in the year 10889. */
export const uint48Max: number = 2 ** 48 - 1;

/** The length of such a number, in bytes. */
export const uint48Bytes = 6;

/** Writes `value`, 0 to `uint48Max`, at `offset`, big-endian. Returns where it ends. */
export function writeUint48(view: DataView, offset: number, value: number): number {
  view.setUint16(offset, Math.floor(value / 2 ** 32));
  view.setUint32(offset + 2, value % 2 ** 32);
  return offset + uint48Bytes;
}

/** The number at `offset`. */
export function readUint48(view: DataView, offset: number): number {
  return view.getUint16(offset) * 2 ** 32 + view.getUint32(offset + 2);
}

/** Whether `value` is an integer from `least` to `uint48Max`. */
export function isUint48(value: number, least: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= uint48Max;
}
