import type { LogIndex } from "quorate";

/**
 * What applying a command gave back, as bytes: the leader's state machine writes them, and the
 * replica that took the call reads them, which may be of another version.
 *
 * ```text
 * result := version code previousIndex
 *
 * offset  size  field          value
 * 0       1     version        1
 * 1       1     code           0 applied, 1 malformed: nothing was changed
 * 2       8     previousIndex  big-endian; where the key was last put before, or 0: it did not exist
 * ```
 *
 * Example: replaced what the entry at 258 had put: `01 00 00 00 00 00 00 00 01 02`.
 */
const version = 1;
const resultBytes = 10;
const codes = { applied: 0, malformed: 1 } as const;

/** What became of a command. */
export type CommandResult =
  /** It was carried out. `previousIndex` is where the key was last put before, or `none`. */
  | { readonly kind: "applied"; readonly previousIndex: LogIndex }
  /** Its bytes break the format, so nothing was changed. */
  | { readonly kind: "malformed" };

/** The bytes of `result`. */
export function encodeResult(result: CommandResult): Uint8Array {
  const bytes = new Uint8Array(resultBytes);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, version);
  view.setUint8(1, codes[result.kind]);
  if (result.kind === "applied") view.setBigUint64(2, BigInt(result.previousIndex));
  return bytes;
}

/** The result that `bytes` say, or undefined if they are not one of this version. Never throws. */
export function decodeResult(bytes: Uint8Array): CommandResult | undefined {
  if (bytes.length !== resultBytes || bytes[0] !== version) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const previousIndex = Number(view.getBigUint64(2));
  if (!Number.isSafeInteger(previousIndex)) return undefined;
  switch (bytes[1]) {
    case codes.applied:
      return { kind: "applied", previousIndex };
    case codes.malformed:
      return { kind: "malformed" };
    default:
      return undefined;
  }
}
