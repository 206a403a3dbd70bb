/** Numbers the commands of a run: none is like another. */

/** The command that has this number, padded to `bytes` bytes; it has at least 4. */
export function newCommand(number: number, bytes: number): Uint8Array {
  const data = new Uint8Array(Math.max(4, bytes));
  viewOf(data).setUint32(0, number);
  return data;
}

/** The number of a command that `newCommand` made. */
export function commandNumber(data: Uint8Array): number {
  return viewOf(data).getUint32(0);
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
