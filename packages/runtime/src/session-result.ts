import type { LogIndex } from "@quorate/core";
import { readUint48, uint48Bytes, writeUint48 } from "./uint48.ts";

/**
 * What a machine behind `exactlyOnce` gives for the commands of sessions, as bytes: the leader's machine
 * writes them, and whoever proposed reads them, on a replica that may be of another version. For a plain
 * command it gives what the inner machine gave, and nothing around it.
 *
 * ```text
 * result := version code [index] [result]
 *
 * size      field    value
 * 1         version  1
 * 1         code     0 applied, 1 replayed, 2 done, 3 expired, 4 reused, 5 malformed
 * 6         index    replayed: big-endian; where the command was applied
 * the rest  result   applied and replayed: what the inner machine gave; else nothing
 * ```
 *
 * Example: a repeated command that was applied at 258, and gave `ok`: `01 01 000000000102 6f6b`.
 */
const version = 1;
const headBytes = 2;
const codes = { applied: 0, replayed: 1, done: 2, expired: 3, reused: 4, malformed: 5 } as const;

/** What became of a command of a session. */
export type SessionResult =
  /** It was applied just now. */
  | { readonly kind: "applied"; readonly result: Uint8Array }
  /** It had been applied already, at `index`, with this result. Nothing was changed. */
  | { readonly kind: "replayed"; readonly index: LogIndex; readonly result: Uint8Array }
  /** The session was opened or closed. */
  | { readonly kind: "done" }
  /** The session, or what it had to say of this command, is not known any more. Nothing was changed. */
  | { readonly kind: "expired" }
  /** Another command was applied under this number, or key. Nothing was changed. */
  | { readonly kind: "reused" }
  /** Its bytes break the format. Nothing was changed. */
  | { readonly kind: "malformed" };

/** The bytes of `result`. */
export function encodeSessionResult(result: SessionResult): Uint8Array {
  switch (result.kind) {
    case "applied":
      return encoded(result.kind, 0, result.result);
    case "replayed": {
      const bytes = encoded(result.kind, uint48Bytes, result.result);
      writeUint48(new DataView(bytes.buffer), headBytes, result.index);
      return bytes;
    }
    default:
      return encoded(result.kind, 0, nothing);
  }
}

const nothing = new Uint8Array(0);

function encoded(kind: keyof typeof codes, gap: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headBytes + gap + rest.length);
  bytes[0] = version;
  bytes[1] = codes[kind];
  bytes.set(rest, headBytes + gap);
  return bytes;
}

/** The part of an encoded `applied` result that the inner machine gave. */
export function innerResultOf(encodedResult: Uint8Array): Uint8Array {
  return encodedResult.subarray(headBytes);
}

/**
 * The result that `bytes` say, whose arrays are views of the bytes; undefined if they are not one of this
 * version. Never throws.
 */
export function decodeSessionResult(bytes: Uint8Array): SessionResult | undefined {
  if (bytes.length < headBytes || bytes[0] !== version) return undefined;
  switch (bytes[1]) {
    case codes.applied:
      return { kind: "applied", result: bytes.subarray(headBytes) };
    case codes.replayed: {
      if (bytes.length < headBytes + uint48Bytes) return undefined;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const index = readUint48(view, headBytes);
      return { kind: "replayed", index, result: bytes.subarray(headBytes + uint48Bytes) };
    }
    default:
      return bytes.length === headBytes ? bareResults.get(bytes[1] ?? -1) : undefined;
  }
}

const bareResults: ReadonlyMap<number, SessionResult> = new Map([
  [codes.done, { kind: "done" }],
  [codes.expired, { kind: "expired" }],
  [codes.reused, { kind: "reused" }],
  [codes.malformed, { kind: "malformed" }],
]);
