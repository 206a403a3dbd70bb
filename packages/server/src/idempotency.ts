import type { IncomingHttpHeaders } from "node:http";
import { encodeSessionCommand, onceKeyBytesMax, type LogIndex } from "quorate";
import { ApiError } from "./api-error.ts";

/** By what a write is known again when it is repeated. */
export type Idempotency =
  /** By a key that no other write has. */
  | { readonly kind: "once"; readonly key: string }
  /** By its number in a session. All writes of the session below `floor` are answered. */
  | {
      readonly kind: "command";
      readonly session: LogIndex;
      readonly sequence: number;
      readonly floor: number;
    };

/** How long a key is remembered after its last use, in milliseconds: a day. */
const onceTtlMs = 24 * 60 * 60 * 1000;

/** What the header `x-quorate-session` says of the write with this number. */
export function sessionHeader(session: LogIndex, sequence: number, floor: number): string {
  return `${session}.${sequence}.${floor}`;
}

/**
 * What a request about a key says of its repetitions: `idempotency-key`, 1 to 64 visible characters of
 * ASCII, or `x-quorate-session`, `SESSION.SEQUENCE` or `SESSION.SEQUENCE.FLOOR`; undefined if it says
 * nothing. Throws `invalid_argument` for anything else.
 */
export function idempotencyOf(headers: IncomingHttpHeaders): Idempotency | undefined {
  const { "idempotency-key": key, "x-quorate-session": place } = headers;
  if (key !== undefined && place !== undefined) {
    throw invalid("idempotency-key and x-quorate-session exclude each other");
  }
  if (place !== undefined) return placeIn(String(place));
  if (key === undefined) return undefined;
  return { kind: "once", key: checkKey(String(key)) };
}

/** The key as it is. Throws `invalid_argument` unless it is 1 to 64 visible characters of ASCII. */
export function checkKey(key: string): string {
  if (key.length <= onceKeyBytesMax && /^[\x21-\x7e]+$/.test(key)) return key;
  throw invalid(`an idempotency key must be 1 to ${onceKeyBytesMax} visible characters of ASCII`);
}

function placeIn(text: string): Idempotency {
  const isPlace = /^\d{1,15}\.\d{1,15}(\.\d{1,15})?$/.test(text);
  const [session = 0, sequence = 0, floor = 1] = isPlace ? text.split(".").map(Number) : [];
  const isSound = session >= 1 && floor >= 1 && floor <= sequence;
  if (isSound && Math.max(session, sequence) < 2 ** 48) {
    return { kind: "command", session, sequence, floor };
  }
  throw invalid(
    `x-quorate-session is "${text}", must be SESSION.SEQUENCE or SESSION.SEQUENCE.FLOOR`,
  );
}

/** The bytes to propose for `command`, so that it is applied once whenever `idempotency` is the same. */
export function encodeOnce(command: Uint8Array, idempotency: Idempotency): Uint8Array {
  const stamp = stampNow();
  if (idempotency.kind === "command") {
    return encodeSessionCommand({ ...idempotency, stamp, command });
  }
  const key = Buffer.from(idempotency.key, "latin1");
  return encodeSessionCommand({ kind: "once", stamp, ttlMs: onceTtlMs, key, command });
}

/** The time of day, as commands of sessions are stamped with it. */
export function stampNow(): number {
  return Math.max(0, Date.now());
}

function invalid(message: string): ApiError {
  return new ApiError("invalid_argument", message);
}
