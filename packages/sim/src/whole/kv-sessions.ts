import { at, type LogIndex } from "@quorate/core";
import {
  decodeSessionCommand,
  decodeSessionResult,
  encodeSessionCommand,
  type SessionCommand,
} from "@quorate/runtime";
import type { Draw } from "../draw.ts";
import { Violation } from "../judge.ts";
import type { AppCall, Told } from "./app.ts";
import type { CallRecord } from "./call.ts";
import { scatter } from "./scatter.ts";

/** What the clock of a node that is right shows at the beginning, in milliseconds. */
const stampAtStart = 1_000_000;

/** How far clocks are off, in milliseconds: one of these for each node. */
const clockErrorsMs = [0, 0, 300, -300, 5000] as const;

/** Longer than any run: whoever has this is never forgotten. */
const ttlMsForEver = 2 ** 40;

/** How long sessions are remembered: some so briefly that they expire under their commands. */
const ttlsMs = [40, 200, 1000, ttlMsForEver] as const;

/**
 * How a command is to be proposed. It is written in front of the command, since only when the call is made
 * is it known which sessions there are: then `prepared` puts the real head in its place.
 */
const wishes = ["open", "session", "session-from-here", "once"] as const;

/** One way to propose. */
export type Wish = (typeof wishes)[number];

/** Draws how a command is proposed; undefined: as it is. */
export function drawWish(draw: Draw): Wish | undefined {
  if (draw.chance(400)) return undefined;
  if (draw.chance(150)) return "open";
  if (draw.chance(150)) return "once";
  return draw.chance(150) ? "session-from-here" : "session";
}

/** A first byte that begins no command of the service, nor of `exactlyOnce`. */
const wishByte = 0x70;

/** A call for `command` that is wished for; `prepared` makes a real one of it. */
export function wishedFor(wish: Wish, command: Uint8Array, label: string): AppCall<never> {
  const bytes = Uint8Array.of(wishByte + wishes.indexOf(wish), ...command);
  // One more session does no harm, but nobody may use one before it is known.
  return { kind: "write", command: bytes, label: `${label} (${wish})`, repeats: wish !== "open" };
}

/** The call as it is made: in a session that its client could know, and stamped by the clock of a node. */
export function prepared<Query>(call: AppCall<Query>, told: Told<Query>): AppCall<Query> {
  if (call.kind !== "write") return call;
  const wish = wishes[(call.command[0] ?? 0) - wishByte];
  if (wish === undefined) return call;
  const error = at(clockErrorsMs, scatter(clockErrorsMs.length, told.seed, 90, told.node));
  const stamp = stampAtStart + Math.floor(told.nowMs) + error;
  const before = told.records.find(({ number }) => number === told.number);
  const command = before === undefined ? undefined : commandOf(before);
  // What was proposed before is proposed again, or it would be another command.
  const first = command ?? begin(wish, call.command.subarray(1), told);
  return { ...call, command: encodeSessionCommand({ ...first, stamp }) };
}

function begin<Query>(
  wish: Wish,
  command: Uint8Array,
  { number, seed, records }: Told<Query>,
): Exclude<SessionCommand, { readonly kind: "plain" }> {
  if (wish === "open") {
    return { kind: "open", stamp: 0, ttlMs: at(ttlsMs, scatter(ttlsMs.length, seed, 91, number)) };
  }
  const opened = records.filter((record) => isDone(record) && commandOf(record)?.kind === "open");
  const last = opened.slice(-2);
  const chosen = last[scatter(Math.max(1, last.length), seed, 92, number)];
  if (wish === "once" || chosen === undefined || !("index" in chosen.ending)) {
    const key = Uint8Array.of(number >> 16, number >> 8, number);
    return { kind: "once", stamp: 0, ttlMs: ttlMsForEver, key, command };
  }
  const session = chosen.ending.index;
  const place = { kind: "command", stamp: 0, session, sequence: number, command } as const;
  // From here on, everything before is forgotten: whether it was answered or not.
  if (wish === "session-from-here") return { ...place, floor: number };
  return { ...place, floor: floorOf(session, number, records) };
}

/** The least number of a session that may be made again, at most `number`. */
function floorOf<Query>(
  session: LogIndex,
  number: number,
  records: readonly CallRecord<Query, unknown>[],
): number {
  let floor = number;
  for (const record of records) {
    const command = commandOf(record);
    if (command?.kind !== "command" || command.session !== session) continue;
    if (record.ending.kind !== "applied") floor = Math.min(floor, record.number);
  }
  return floor;
}

/** What a write of the service is behind `exactlyOnce`; undefined: it is as plain as it looks. */
export function commandOf<Query>({
  call,
}: Pick<CallRecord<Query, unknown>, "call">):
  | Exclude<SessionCommand, { readonly kind: "plain" }>
  | undefined {
  if (call.kind !== "write") return undefined;
  const command = decodeSessionCommand(call.command);
  switch (command.kind) {
    case "plain":
    case "malformed":
    case "unsupported":
      return undefined;
    default:
      return command;
  }
}

function isDone<Query>({ ending }: CallRecord<Query, unknown>): boolean {
  return ending.kind === "applied" && decodeSessionResult(ending.result)?.kind === "done";
}

/** What there is to be seen in a result, as coverage calls it; undefined if it is nothing of sessions. */
export function happeningIn(call: AppCall<unknown>, result: Uint8Array): string | undefined {
  const command = commandOf({ call });
  if (command === undefined) return undefined;
  return `session-${command.kind}-${decodeSessionResult(result)?.kind ?? "other"}`;
}

/** How all attempts of one command came out together. */
export type Together =
  | { readonly kind: "applied"; readonly result: Uint8Array; readonly endOrder: number }
  | { readonly kind: "failed"; readonly endOrder: number }
  | { readonly kind: "unknown" };

/**
 * What became of a command that was made so often: applied if one attempt was, when the first one was told
 * so; with one and the same result for all. Throws a `Violation` of I17 if they were told different ones.
 */
export function together(attempts: readonly CallRecord<unknown, unknown>[]): Together {
  let applied: { readonly result: Uint8Array; readonly endOrder: number } | undefined;
  let isUnknown = false;
  let lastOrder = 0;
  for (const { number, ending, endOrder = 0 } of attempts) {
    lastOrder = Math.max(lastOrder, endOrder);
    if (ending.kind === "unknown" || ending.kind === "pending") isUnknown = true;
    if (ending.kind !== "applied") continue;
    const told = decodeSessionResult(ending.result);
    if (told?.kind === "expired") continue;
    if (told?.kind !== "applied" && told?.kind !== "replayed") {
      throw new Violation("I17", `call ${number} was answered ${told?.kind ?? "other bytes"}`);
    }
    if (applied !== undefined && String(applied.result) !== String(told.result)) {
      throw new Violation("I17", `call ${number} was made again, and had another result`);
    }
    if (applied === undefined || endOrder < applied.endOrder) {
      applied = { result: told.result, endOrder };
    }
  }
  if (applied !== undefined) return { kind: "applied", ...applied };
  return isUnknown ? { kind: "unknown" } : { kind: "failed", endOrder: lastOrder };
}
