import { assert, type LogIndex, none } from "@quorate/core";
import { type InvariantNumber, Violation } from "../judge.ts";
import { RangeMax } from "./range-max.ts";

/** A call to a store of single values. No two writes of a key, in the whole run, write the same. */
export type OracleCall =
  | { readonly kind: "read"; readonly key: string }
  | { readonly kind: "write"; readonly key: string; readonly value: string }
  | { readonly kind: "delete"; readonly key: string };

/** How a call ended. Indexes that the service does not tell are undefined. */
export type OracleOutcome =
  /** A write or a delete took effect: `index` is its place in the log. */
  | { readonly kind: "done"; readonly index?: LogIndex }
  /**
   * A read gave `value`, or undefined for none. `index` is how far the one who answered had applied
   * the log, `modifiedIndex` where the value was written.
   */
  | {
      readonly kind: "found";
      readonly value: string | undefined;
      readonly index?: LogIndex;
      readonly modifiedIndex?: LogIndex;
    }
  /** It never took effect and never will. */
  | { readonly kind: "failed" }
  /** Nobody knows. */
  | { readonly kind: "unknown" };

/**
 * One value of a key, or that there is none yet, and those who had to do with it: the write and the
 * reads that showed it. In any order that explains the run they are side by side.
 */
interface Value {
  readonly text: string | undefined;
  isFailed: boolean;
  /** The first end of those: by then it was there. Infinity until one ended. */
  firstEnd: number;
  /** The last call of those: until then it was not replaced. */
  lastCall: number;
  /** Where it is among the values of the key that were seen, by `firstEnd`. */
  seenOffset: number;
  /** Where in the log it was written, once that is known. */
  index: LogIndex | undefined;
}

interface KeyState {
  readonly values: Map<string | undefined, Value>;
  /** The values that are known to have been there, in the order of their first ends. */
  readonly seen: Value[];
  /** The last calls of these. */
  readonly lastCalls: RangeMax;
  /** Whether a delete was called that did not fail: then having no value says nothing. */
  deleteCount: number;
  /** The highest index known at which this key was changed. */
  floorIndex: LogIndex;
}

/** A call under way, with what was known when it began. */
interface Open {
  readonly call: OracleCall;
  readonly order: number;
  readonly floorIndex: LogIndex;
  readonly keyFloorIndex: LogIndex;
}

/**
 * Judges what clients of a key-value store are told while they are told it, in logarithmic time per
 * call, so that it can watch every run: no read shows what was never written, or what failed; no read
 * is older than what any client knew before it began; in the end, nothing acknowledged is lost. Where
 * the service tells indexes of the log, they must grow with time and always say the same.
 *
 * With reads and writes alone it finds every history that is not linearizable: where each write has
 * a value of its own, it is enough to look at the values in pairs (Gibbons and Korach). Of a key that
 * may have been deleted, that there is no value says nothing. Reads must be meant to be linearizable.
 *
 * Each method throws a `Violation`: I12 for what was lost, else I11.
 */
export class KvOracle {
  readonly #keys = new Map<string, KeyState>();
  readonly #open = new Map<number, Open>();
  /** Which value was written at an index. */
  readonly #indexes = new Map<LogIndex, string>();
  #floorIndex: LogIndex = none;
  /** Counts calls and ends. */
  #now = 0;

  /** A client calls. `id` is unique in the run. */
  invoked(id: number, call: OracleCall): void {
    assert(!this.#open.has(id), "the id of a call is its own");
    this.#now += 1;
    const key = this.#key(call.key);
    if (call.kind === "write") {
      assert(!key.values.has(call.value), "each write of a key has a value of its own");
      key.values.set(call.value, newValue(call.value, this.#now));
    } else if (call.kind === "delete") {
      key.deleteCount += 1;
    }
    this.#open.set(id, {
      call,
      order: this.#now,
      floorIndex: this.#floorIndex,
      keyFloorIndex: key.floorIndex,
    });
  }

  /** The call `id` ended. One that never ends is as one of unknown outcome. */
  ended(id: number, outcome: OracleOutcome): void {
    const open = this.#open.get(id);
    assert(open !== undefined, "a call ends once, after it began");
    this.#open.delete(id);
    this.#now += 1;
    switch (outcome.kind) {
      case "done":
        this.#changed(open, outcome.index);
        break;
      case "found":
        this.#found(open, outcome.value, outcome);
        break;
      case "failed":
        this.#failed(open);
        break;
      case "unknown":
        break;
    }
  }

  /**
   * The run is over, and this is what the service holds. Calls under way may have taken effect.
   * Throws I12 if something that was acknowledged is not there and was not replaced.
   */
  finish(final: ReadonlyMap<string, string>): void {
    this.#now += 1;
    for (const name of final.keys()) this.#key(name);
    for (const [name, key] of this.#keys) {
      const order = this.#now;
      this.#shown(
        key,
        `at the end, key ${JSON.stringify(name)} has`,
        final.get(name),
        order,
        "I12",
      );
    }
  }

  #changed(open: Open, index: LogIndex | undefined): void {
    const { call } = open;
    assert(call.kind !== "read", "a read ends with what it found");
    const key = this.#key(call.key);
    const what = `${call.kind} of key ${JSON.stringify(call.key)}`;
    if (call.kind === "write") {
      const value = key.values.get(call.value);
      assert(value !== undefined, "a write is known from its call on");
      this.#see(key, value);
      if (index !== undefined) this.#locate(call.key, value, index);
    }
    if (index === undefined) return;
    if (index <= open.floorIndex) {
      throw new Violation(
        "I11",
        `the ${what} is at index ${index}, but began when index ${open.floorIndex} was known`,
      );
    }
    key.floorIndex = Math.max(key.floorIndex, index);
    this.#floorIndex = Math.max(this.#floorIndex, index);
  }

  #found(
    open: Open,
    text: string | undefined,
    indexes: { readonly index?: LogIndex; readonly modifiedIndex?: LogIndex },
  ): void {
    const { call, order, floorIndex, keyFloorIndex } = open;
    assert(call.kind === "read", "only a read finds something");
    const key = this.#key(call.key);
    const what = `a read of key ${JSON.stringify(call.key)} gave`;
    const value = this.#shown(key, what, text, order, "I11");
    const { index, modifiedIndex } = indexes;
    if (index !== undefined) {
      if (index < floorIndex) {
        throw new Violation(
          "I11",
          `${what} index ${index}, but began when ${floorIndex} was known`,
        );
      }
      this.#floorIndex = Math.max(this.#floorIndex, index);
    }
    if (modifiedIndex === undefined || text === undefined || value === undefined) return;
    this.#locate(call.key, value, modifiedIndex);
    if (modifiedIndex < keyFloorIndex) {
      const known = `one of index ${keyFloorIndex} was known when it began`;
      throw new Violation("I11", `${what} a value of index ${modifiedIndex}, but ${known}`);
    }
    key.floorIndex = Math.max(key.floorIndex, modifiedIndex);
    this.#floorIndex = Math.max(this.#floorIndex, modifiedIndex);
  }

  #failed({ call }: Open): void {
    const key = this.#key(call.key);
    if (call.kind === "delete") key.deleteCount -= 1;
    if (call.kind !== "write") return;
    const value = key.values.get(call.value);
    assert(value !== undefined, "a write is known from its call on");
    value.isFailed = true;
    if (value.firstEnd === Infinity) return;
    throw failedButThere(`key ${JSON.stringify(call.key)} had`, call.value);
  }

  /** Someone saw `text` who had begun at `order`. Returns the value, unless it says nothing. */
  #shown(
    key: KeyState,
    what: string,
    text: string | undefined,
    order: number,
    invariant: InvariantNumber,
  ): Value | undefined {
    const value = key.values.get(text);
    if (text === undefined && key.deleteCount > 0) return undefined;
    if (value === undefined) {
      throw new Violation("I11", `${what} ${JSON.stringify(text)}, which nobody wrote`);
    }
    if (value.isFailed) throw failedButThere(what, value.text);
    this.#see(key, value);
    if (order <= value.lastCall) return value;
    value.lastCall = order;
    key.lastCalls.raise(value.seenOffset, order);
    const newer = newerOf(key, value);
    if (newer === undefined) return value;
    const shown = text === undefined ? "nothing" : JSON.stringify(text);
    const than = newer.text === undefined ? "nothing" : JSON.stringify(newer.text);
    throw new Violation(invariant, `${what} ${shown}, but ${than} was known to be newer before`);
  }

  /** The value was there, at the latest now. */
  #see(key: KeyState, value: Value): void {
    if (value.firstEnd !== Infinity) return;
    value.firstEnd = this.#now;
    value.seenOffset = key.seen.length;
    key.seen.push(value);
    key.lastCalls.push(value.lastCall);
  }

  /** An index names one value, and a value has one index. */
  #locate(key: string, value: Value, index: LogIndex): void {
    const name = `${JSON.stringify(key)} = ${JSON.stringify(value.text)}`;
    if (value.index !== undefined && value.index !== index) {
      throw new Violation("I11", `${name} is at index ${value.index} and at index ${index}`);
    }
    const other = this.#indexes.get(index);
    if (other !== undefined && other !== name) {
      throw new Violation("I11", `index ${index} is of ${other} and of ${name}`);
    }
    value.index = index;
    this.#indexes.set(index, name);
  }

  #key(name: string): KeyState {
    let key = this.#keys.get(name);
    if (key === undefined) {
      // That there is no value yet is as a value that was written and seen before the run.
      const nothing = { ...newValue(undefined, 0), firstEnd: 0, seenOffset: 0 };
      const values = new Map<string | undefined, Value>([[undefined, nothing]]);
      const lastCalls = new RangeMax();
      lastCalls.push(0);
      key = { values, seen: [nothing], lastCalls, deleteCount: 0, floorIndex: none };
      this.#keys.set(name, key);
    }
    return key;
  }
}

function newValue(text: string | undefined, order: number): Value {
  return {
    text,
    isFailed: false,
    firstEnd: Infinity,
    lastCall: order,
    seenOffset: 0,
    index: undefined,
  };
}

/**
 * A value that must have come before `value`, since it was seen before someone began who saw `value`,
 * and also after it, since someone who saw it began after `value` was seen.
 */
function newerOf(key: KeyState, value: Value): Value | undefined {
  // Those that were seen before the last call of `value`: the list is in the order of first ends.
  let low = 0;
  let high = key.seen.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((key.seen[middle]?.firstEnd ?? Infinity) < value.lastCall) low = middle + 1;
    else high = middle;
  }
  const { lastCalls } = key;
  const most = Math.max(
    lastCalls.max(0, value.seenOffset),
    lastCalls.max(value.seenOffset + 1, low),
  );
  if (most <= value.firstEnd) return undefined;
  return key.seen.find((other) => other !== value && other.lastCall === most);
}

function failedButThere(what: string, text: string | undefined): Violation {
  return new Violation("I11", `${what} ${JSON.stringify(text)}, the write of which failed`);
}
