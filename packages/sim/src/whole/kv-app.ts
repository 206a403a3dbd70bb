import { assert, at, type Entry } from "@quorate/core";
import { exactlyOnce, type MemorySnapshots, type StateMachine } from "@quorate/runtime";
import { crc32c } from "@quorate/wire";
import type { Draw } from "../draw.ts";
import { checkHistory } from "../history/check-history.ts";
import type { Operation } from "../history/history.ts";
import { illegal, type Model } from "../history/model.ts";
import { Violation } from "../judge.ts";
import type { App, AppCall } from "./app.ts";
import type { CallRecord } from "./call.ts";
import { SessionModel } from "./kv-model.ts";
import {
  commandOf,
  drawWish,
  happeningIn,
  prepared,
  type Together,
  together,
  wishedFor,
} from "./kv-sessions.ts";
import { valueText } from "./same-value.ts";

/** How many keys there are: few, so that calls meet. */
const keyCount = 4;

/** A query for one key. */
export interface KvQuery {
  readonly key: number;
}

/** Values are numbers; 0 is none. Commands and results are these, big-endian. */
class KvMachine implements StateMachine<KvQuery, number> {
  readonly values = new Map<number, number>();
  /** What no command put there and no query sees. */
  stray = 0;
  readonly snapshots: MemorySnapshots = {
    kind: "memory",
    save: () => chunksOf(encodeState(this.values, this.stray)),
    restore: async (chunks) => {
      const bytes: number[] = [];
      for await (const chunk of chunks) bytes.push(...chunk);
      this.values.clear();
      const { values, stray } = decodeState(Uint8Array.from(bytes));
      for (const [key, value] of values) this.values.set(key, value);
      this.stray = stray;
    },
  };

  apply(entries: readonly Entry[]): readonly Uint8Array[] {
    return entries.map(({ data }) => {
      const { kind, key, expected, value } = decodeCommand(data);
      const before = this.values.get(key) ?? 0;
      if (kind === "put" || before === expected) this.values.set(key, value);
      return encodeNumber(before);
    });
  }

  query({ key }: KvQuery): number {
    return this.values.get(key) ?? 0;
  }

  digest(): Uint8Array {
    return encodeNumber(crc32c(encodeState(this.values, this.stray)));
  }
}

/**
 * Registers under a few keys. A put sets one and gives what it held before; a swap sets it only where it
 * holds what is expected, and gives what it held. No two writes of a run set the same value. Many are
 * proposed in sessions, and again when it is not known what became of them.
 */
export const kvApp: App<KvQuery, number> = {
  stateMachine: () => {
    const machine = new KvMachine();
    const whole = exactlyOnce(machine);
    machines.set(whole, machine);
    return whole;
  },
  workload: (draw, number) => drawCall(draw, number),
  prepared,
  happening: happeningIn,
  model: () => new SessionModel(new KvMachine()),
  fingerprint: (machine) => {
    return Array.from({ length: keyCount }, (_, key) => valueText(machine.query({ key }))).join(
      ",",
    );
  },
  stray: {
    leave: (whole) => {
      machineIn(whole).stray = 1;
    },
    isIn: (whole) => machineIn(whole).stray !== 0,
  },
};

/** What each state machine of `kvApp` is made of: its sessions are around it. */
const machines = new WeakMap<StateMachine<KvQuery, number>, KvMachine>();

function machineIn(whole: StateMachine<KvQuery, number>): KvMachine {
  const machine = machines.get(whole);
  assert(machine !== undefined, "the state machine is one of this service");
  return machine;
}

/** How long a saved state is: longer than need be, so that it takes its time. */
const stateBytes = 300;

/** How often there is a value in it; what is stray comes last. */
const valueCount = stateBytes / 4 - 1;

/** All values, over and over again, and what is stray. */
function encodeState(values: ReadonlyMap<number, number>, stray: number): Uint8Array {
  const bytes = new Uint8Array(stateBytes);
  const view = new DataView(bytes.buffer);
  for (let place = 0; place < valueCount; place++) {
    view.setUint32(place * 4, values.get(place % keyCount) ?? 0);
  }
  view.setUint32(valueCount * 4, stray);
  return bytes;
}

function decodeState(bytes: Uint8Array): {
  readonly values: ReadonlyMap<number, number>;
  readonly stray: number;
} {
  assert(bytes.length === stateBytes, "a state that is restored is whole");
  const view = new DataView(bytes.buffer);
  const values = new Map<number, number>();
  for (let place = 0; place < valueCount; place++) {
    const [key, value] = [place % keyCount, view.getUint32(place * 4)];
    assert(
      place < keyCount || values.get(key) === value,
      "a state that is restored is what it was",
    );
    values.set(key, value);
  }
  return { values, stray: view.getUint32(valueCount * 4) };
}

function chunksOf(bytes: Uint8Array): readonly Uint8Array[] {
  const chunkBytes = 70;
  return Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, place) =>
    bytes.subarray(place * chunkBytes, (place + 1) * chunkBytes),
  );
}

/** What one command says. */
export interface KvCommand {
  readonly kind: "put" | "swap";
  readonly key: number;
  /** What a swap expects to find. */
  readonly expected: number;
  readonly value: number;
}

const consistencies = ["linearizable", "linearizable", "lease", "lease", "local"] as const;

function drawCall(draw: Draw, number: number): AppCall<KvQuery> {
  const key = draw.below(keyCount);
  if (draw.chance(450)) {
    const consistency = draw.pick(consistencies);
    const seesOwn = draw.chance(200);
    const read = { kind: "read", query: { key }, consistency, seesOwn } as const;
    if (consistency !== "local" || draw.chance(300)) return { ...read, label: `get ${key}` };
    const stalenessMsMax = draw.pick([0, 20, 200, 2000]);
    return { ...read, stalenessMsMax, label: `get ${key} of the last ${stalenessMsMax} ms` };
  }
  const isSwap = draw.chance(300);
  const expected = isSwap ? draw.below(number + 1) : 0;
  const command: KvCommand = { kind: isSwap ? "swap" : "put", key, expected, value: number };
  const padding = draw.pick([0, 0, 0, 20, 200]);
  const label = `${command.kind} ${key}${isSwap ? ` if ${expected}` : ""} = ${number}`;
  const bytes = encodeCommand(command, padding);
  const wish = drawWish(draw);
  return wish === undefined
    ? { kind: "write", command: bytes, label }
    : wishedFor(wish, bytes, label);
}

function encodeCommand({ kind, key, expected, value }: KvCommand, padding: number): Uint8Array {
  const bytes = new Uint8Array(10 + padding);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, kind === "put" ? 1 : 2);
  view.setUint8(1, key);
  view.setUint32(2, expected);
  view.setUint32(6, value);
  return bytes;
}

/** Reads a command back. */
export function decodeCommand(bytes: Uint8Array): KvCommand {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    kind: view.getUint8(0) === 1 ? "put" : "swap",
    key: view.getUint8(1),
    expected: view.getUint32(2),
    value: view.getUint32(6),
  };
}

function encodeNumber(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** The number in a result. */
export function decodeNumber(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0);
}

/** What a client asks of one key. */
type KeyInput = { readonly kind: "get" } | Pick<KvCommand, "kind" | "expected" | "value">;

/** One key, as it is supposed to be: every operation gives what was there before it. */
const keyModel: Model<number, KeyInput, number> = {
  initial: () => 0,
  step(state, input, output) {
    if (output !== undefined && output !== state) return illegal;
    if (input.kind === "get") return state;
    return input.kind === "put" || state === input.expected ? input.value : state;
  },
  nameOf: (state) => state,
  isReadOnly: (input) => input.kind === "get",
};

/**
 * Searches for an order of all calls that explains what clients were told, without a look at the log. All
 * attempts of a command of a session are one call. Throws a `Violation` of I11 if there is no such order,
 * and of I17 if such a command was answered in two ways.
 */
export function judgeKvHistory(records: readonly CallRecord<KvQuery, number>[]): void {
  const operations = records.filter((record) => {
    const { call } = record;
    if (call.kind === "read") return call.consistency !== "local";
    return commandOf(record) === undefined;
  });
  const verdict = checkHistory(keyModel, [
    ...operations.map(operationOf),
    ...commandsOfSessions(records).map((attempts, place) =>
      onceOf(attempts, records.length + place),
    ),
  ]);
  if (verdict.kind !== "illegal") return;
  throw new Violation("I11", `the history is not linearizable: ${JSON.stringify(verdict.window)}`);
}

/** The attempts of each command of a session. */
function commandsOfSessions(
  records: readonly CallRecord<KvQuery, number>[],
): (readonly CallRecord<KvQuery, number>[])[] {
  const attempts = new Map<number, CallRecord<KvQuery, number>[]>();
  for (const record of records) {
    const command = commandOf(record);
    if (command?.kind !== "command" && command?.kind !== "once") continue;
    attempts.set(record.number, [...(attempts.get(record.number) ?? []), record]);
  }
  return [...attempts.values()];
}

function onceOf(
  attempts: readonly CallRecord<KvQuery, number>[],
  id: number,
): Operation<KeyInput, number> {
  const first = at(attempts, 0);
  const command = commandOf(first);
  assert(command !== undefined && "command" in command, "it is a command of a session");
  const input = decodeCommand(command.command);
  const { client, order } = first;
  const operation = { id, client, key: String(input.key), input, order };
  return { ...operation, end: endOf(together(attempts)) };
}

function endOf(ending: Together): Operation<KeyInput, number>["end"] {
  switch (ending.kind) {
    case "applied":
      return { kind: "ok", output: decodeNumber(ending.result), order: ending.endOrder };
    case "failed":
      return { kind: "fail", order: ending.endOrder };
    case "unknown":
      return { kind: "unknown" };
  }
}

function operationOf(
  { call, client, order, endOrder = 0, ending }: CallRecord<KvQuery, number>,
  id: number,
): Operation<KeyInput, number> {
  const command = call.kind === "write" ? decodeCommand(call.command) : undefined;
  const key = call.kind === "write" ? command?.key : call.query.key;
  const input: KeyInput = command ?? { kind: "get" };
  const operation = { id, client, key: String(key), input, order };
  switch (ending.kind) {
    case "applied": {
      const output = decodeNumber(ending.result);
      return { ...operation, end: { kind: "ok", output, order: endOrder } };
    }
    case "answered":
      return { ...operation, end: { kind: "ok", output: ending.answer, order: endOrder } };
    case "failed":
      return { ...operation, end: { kind: "fail", order: endOrder } };
    default:
      return { ...operation, end: { kind: "unknown" } };
  }
}
