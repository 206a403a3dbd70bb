import { type LogIndex, RaftError } from "@quorate/core";
import { isUint48, readUint48, uint48Bytes, uint48Max, writeUint48 } from "./uint48.ts";

/**
 * The commands of a state machine behind `exactlyOnce`, as bytes. They live in logs for years and cross
 * the network between versions, so the format only ever grows by a new version number.
 *
 * ```text
 * command := plain | 81 kind fields
 *
 * plain    any bytes of which the first is less than 80: a command of the inner machine, whole
 *
 * kind          fields
 * 1  plain      command
 * 2  open       stamp ttlMs
 * 3  close      stamp session
 * 4  command    stamp session sequence floor command
 * 5  once       stamp ttlMs keyBytes key command
 *
 * size      field     value
 * 6         stamp     the time of day of whoever proposed it, in milliseconds since 1970
 * 6         ttlMs     how long the session, or the key, is remembered after its last use; at least 1
 * 6         session   the log index of the command that opened the session, at least 1
 * 6         sequence  numbers the commands of a session; at least 1
 * 6         floor     1 to `sequence`; all commands of the session below it are answered
 * 1         keyBytes  1 to 64
 * keyBytes  key       any bytes
 * the rest  command   any bytes: a command of the inner machine
 * ```
 *
 * The first byte, 81 in hexadecimal, says that this is version 1 of the format. Numbers are big-endian.
 *
 * Example: at 1 ms after the beginning of 1970, the command `hi` of session 258, with number 7, all below
 * 5 being answered, is `81 04 000000000001 000000000102 000000000007 000000000005 6869`.
 *
 * A command that breaks these rules is malformed for every replica alike: it is skipped with a result that
 * says so. One of a later version is not: replicas that know the version carry it out, so one that does not
 * must stop instead of falling silently behind.
 */
const version = 0x81;
const kinds = { plain: 1, open: 2, close: 3, command: 4, once: 5 } as const;
const headBytes = 2;

/** The longest key of a command that is applied once, in bytes. The shortest has one. */
export const onceKeyBytesMax = 64;

/** A command of the inner machine that belongs to a session. */
export interface CommandOfSession {
  readonly kind: "command";
  /** The proposer's time of day, in milliseconds since 1970. */
  readonly stamp: number;
  /** Where in the log the session was opened. */
  readonly session: LogIndex;
  /** Numbers the commands of the session, from 1 on: a command keeps its number when it is repeated. */
  readonly sequence: number;
  /** 1 to `sequence`: whoever proposes has the answers of all commands below it, and repeats none. */
  readonly floor: number;
  readonly command: Uint8Array;
}

/** A command of the inner machine that is its own session: the key opens it. */
export interface CommandOnce {
  readonly kind: "once";
  readonly stamp: number;
  /** How long the key is remembered after its last use, in milliseconds of log time. */
  readonly ttlMs: number;
  /** 1 to 64 bytes that no other command has. */
  readonly key: Uint8Array;
  readonly command: Uint8Array;
}

/** What is proposed to a machine behind `exactlyOnce`. */
export type SessionCommand =
  /** Applied whenever it is in the log, as often as it is there. */
  | { readonly kind: "plain"; readonly command: Uint8Array }
  /** Opens a session, which is named by the index that the command gets in the log. */
  | { readonly kind: "open"; readonly stamp: number; readonly ttlMs: number }
  /** Forgets a session. */
  | { readonly kind: "close"; readonly stamp: number; readonly session: LogIndex }
  | CommandOfSession
  | CommandOnce;

/** What bytes from the log turned out to be. The arrays of a command are views of the bytes. */
export type DecodedSessionCommand =
  | SessionCommand
  /** Breaks the format. `reason` is for people. */
  | { readonly kind: "malformed"; readonly reason: string }
  /** Written by a later version of this program. */
  | { readonly kind: "unsupported"; readonly version: number };

/** The bytes of `command`. Throws `invalid_argument` for a field outside its range. */
export function encodeSessionCommand(command: SessionCommand): Uint8Array {
  switch (command.kind) {
    case "plain": {
      const { command: inner } = command;
      // What cannot be mistaken for anything else needs no head.
      if (inner.length === 0 || (inner[0] ?? 0) < 0x80) return inner;
      return encoded("plain", [], inner);
    }
    case "open": {
      const { stamp, ttlMs } = command;
      return encoded("open", [field("stamp", stamp, 0), field("ttlMs", ttlMs, 1)]);
    }
    case "close": {
      const { stamp, session } = command;
      return encoded("close", [field("stamp", stamp, 0), field("session", session, 1)]);
    }
    case "command":
      return encodeCommandOfSession(command);
    case "once":
      return encodeOnce(command);
  }
}

function encodeCommandOfSession(given: CommandOfSession): Uint8Array {
  const { stamp, session, sequence, floor, command } = given;
  if (floor > sequence) {
    throw new RaftError("invalid_argument", `floor is ${floor}, must be at most ${sequence}`);
  }
  const numbers = [
    field("stamp", stamp, 0),
    field("session", session, 1),
    field("sequence", sequence, 1),
    field("floor", floor, 1),
  ];
  return encoded("command", numbers, command);
}

function encodeOnce({ stamp, ttlMs, key, command }: CommandOnce): Uint8Array {
  if (key.length < 1 || key.length > onceKeyBytesMax) {
    const range = `must have 1 to ${onceKeyBytesMax}`;
    throw new RaftError("invalid_argument", `the key has ${key.length} bytes, ${range}`);
  }
  const rest = new Uint8Array(1 + key.length + command.length);
  rest[0] = key.length;
  rest.set(key, 1);
  rest.set(command, 1 + key.length);
  return encoded("once", [field("stamp", stamp, 0), field("ttlMs", ttlMs, 1)], rest);
}

function encoded(
  kind: keyof typeof kinds,
  numbers: readonly number[],
  rest: Uint8Array = nothing,
): Uint8Array {
  const bytes = new Uint8Array(headBytes + numbers.length * uint48Bytes + rest.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = version;
  bytes[1] = kinds[kind];
  let offset = headBytes;
  for (const value of numbers) offset = writeUint48(view, offset, value);
  bytes.set(rest, offset);
  return bytes;
}

const nothing = new Uint8Array(0);

function field(name: string, value: number, least: number): number {
  if (isUint48(value, least)) return value;
  const range = `must be an integer from ${least} to ${uint48Max}`;
  throw new RaftError("invalid_argument", `${name} is ${value}, ${range}`);
}

/** What `bytes` say. Never throws. */
export function decodeSessionCommand(bytes: Uint8Array): DecodedSessionCommand {
  const [found = 0, kind = 0] = bytes;
  if (found < 0x80) return { kind: "plain", command: bytes };
  if (found > version) return { kind: "unsupported", version: found };
  if (found !== version) return malformed(`version is ${found}, must be ${version}`);
  if (kind === kinds.plain) return { kind: "plain", command: bytes.subarray(headBytes) };

  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const needed = neededBytes[kind];
  if (needed === undefined) return malformed(`kind is ${kind}`);
  if (bytes.length < needed) return malformed("it is cut short");
  const stamp = readUint48(view, headBytes);
  const number = (place: number): number => readUint48(view, headBytes + place * uint48Bytes);
  switch (kind) {
    case kinds.command:
      return decodeCommandOfSession(bytes, stamp, number);
    case kinds.once:
      return decodeOnce(bytes, stamp, number(1));
    default:
      break;
  }
  if (bytes.length > needed) return malformed("bytes follow its end");
  if (number(1) < 1) return malformed("the second number is 0");
  return kind === kinds.open
    ? { kind: "open", stamp, ttlMs: number(1) }
    : { kind: "close", stamp, session: number(1) };
}

/** How long a command of each kind is at least, in bytes. */
const neededBytes: Readonly<Record<number, number>> = {
  [kinds.open]: headBytes + 2 * uint48Bytes,
  [kinds.close]: headBytes + 2 * uint48Bytes,
  [kinds.command]: headBytes + 4 * uint48Bytes,
  [kinds.once]: headBytes + 2 * uint48Bytes + 1,
};

function decodeCommandOfSession(
  bytes: Uint8Array,
  stamp: number,
  number: (place: number) => number,
): DecodedSessionCommand {
  const [session, sequence, floor] = [number(1), number(2), number(3)];
  if (session < 1) return malformed("session is 0");
  if (floor < 1 || floor > sequence) return malformed(`floor is ${floor} of ${sequence}`);
  const command = bytes.subarray(headBytes + 4 * uint48Bytes);
  return { kind: "command", stamp, session, sequence, floor, command };
}

function decodeOnce(bytes: Uint8Array, stamp: number, ttlMs: number): DecodedSessionCommand {
  if (ttlMs < 1) return malformed("ttlMs is 0");
  const start = headBytes + 2 * uint48Bytes + 1;
  const keyBytes = bytes[start - 1] ?? 0;
  if (keyBytes < 1 || keyBytes > onceKeyBytesMax) {
    return malformed(`the key has ${keyBytes} bytes, must have 1 to ${onceKeyBytesMax}`);
  }
  if (bytes.length < start + keyBytes) return malformed("the key is cut short");
  const key = bytes.subarray(start, start + keyBytes);
  return { kind: "once", stamp, ttlMs, key, command: bytes.subarray(start + keyBytes) };
}

function malformed(reason: string): DecodedSessionCommand {
  return { kind: "malformed", reason };
}
