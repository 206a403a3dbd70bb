import { type LogIndex, none } from "@quorate/core";
import type { Fields } from "./fields.ts";
import { illegal, type Model } from "./model.ts";
import type { Vocabulary, Written } from "./vocabulary.ts";

/** An operation on the value of a key, which at first has none. */
export type KvInput =
  | { readonly kind: "get" }
  | { readonly kind: "put"; readonly value: string }
  /** Puts the value that was there, followed by `value`. */
  | { readonly kind: "append"; readonly value: string }
  | { readonly kind: "delete" };

/** What a key-value store answers. Indexes it does not tell are undefined, and anything goes. */
export type KvOutput =
  /** Of a get: the value, or null for none, and where in the log it was put, or `none`. */
  | {
      readonly kind: "found";
      readonly value: string | null;
      readonly modifiedIndex: LogIndex | undefined;
    }
  /** Of a change: where it stands in the log, and where the key was put before, or `none`. */
  | {
      readonly kind: "written";
      readonly index: LogIndex | undefined;
      readonly previousIndex: LogIndex | undefined;
    };

/** The value of a key, or null for none. `index` is where it was put, `none` or, if unknown, undefined. */
export interface KvState {
  readonly value: string | null;
  readonly index: LogIndex | undefined;
}

/**
 * A key-value store with get, put, append and delete; with indexes, as the one of `quorate serve`.
 * `absent` is what a get gives where there is no value: null, or for some stores the empty string.
 */
export function kvModel(absent: string | null = null): Model<KvState, KvInput, KvOutput> {
  const nothing: KvState = { value: absent, index: none };
  return {
    initial: () => nothing,

    step(state, input, output) {
      if (output !== undefined && !agrees(state, output)) return illegal;
      const index = output?.kind === "written" ? output.index : undefined;
      switch (input.kind) {
        case "get":
          return output === undefined || (output.kind === "found" && output.value === state.value)
            ? state
            : illegal;
        case "put":
          return { value: input.value, index };
        case "append":
          return { value: (state.value ?? "") + input.value, index };
        case "delete":
          return nothing;
      }
    },

    nameOf: ({ value, index }) => `${index ?? "?"} ${JSON.stringify(value)}`,
    isReadOnly: (input) => input.kind === "get",

    isBlind: (input) => input.kind === "put" || input.kind === "delete",

    linkOf(input, output) {
      if (input.kind === "put") return input.value;
      return output?.kind === "found" ? (output.value ?? undefined) : undefined;
    },
    describe,

    describeState: ({ value, index }) =>
      index === undefined || index === none
        ? JSON.stringify(value)
        : `${JSON.stringify(value)} put at ${index}`,
  };
}

/** Whether the indexes that an answer tells fit the state. An index that nobody knows fits any. */
function agrees({ index }: KvState, output: KvOutput): boolean {
  if (index === undefined) return true;
  if (output.kind === "found") {
    return output.modifiedIndex === undefined || output.modifiedIndex === index;
  }
  if (output.previousIndex !== undefined && output.previousIndex !== index) return false;
  return output.index === undefined || output.index > index;
}

function describe(input: KvInput, output: KvOutput | undefined): string {
  const name =
    input.kind === "get" || input.kind === "delete"
      ? input.kind
      : `${input.kind} ${show(input.value)}`;
  if (output === undefined) return `${name} → ?`;
  if (output.kind === "found") return `${name} → ${show(output.value)}${at(output.modifiedIndex)}`;
  const before = output.previousIndex === undefined ? "" : `, before${at(output.previousIndex)}`;
  return `${name}${at(output.index)}${before}`;
}

function at(index: LogIndex | undefined): string {
  if (index === undefined) return "";
  return index === none ? " nowhere" : ` at ${index}`;
}

function show(value: string | null): string {
  return JSON.stringify(value);
}

/** How operations on a key-value store are written down. */
export const kvVocabulary: Vocabulary<KvInput, KvOutput> = {
  names: ["get", "put", "append", "delete"],

  readInput(name: string, fields: Fields): KvInput {
    switch (name) {
      case "put":
      case "append":
        return { kind: name, value: fields.text("value") };
      case "delete":
        return { kind: "delete" };
      default:
        return { kind: "get" };
    }
  },

  readOutput(input: KvInput, fields: Fields): KvOutput {
    if (input.kind === "get") {
      const modifiedIndex = fields.optionalCount("modifiedIndex");
      return { kind: "found", value: fields.textOrNull("value"), modifiedIndex };
    }
    const index = fields.optionalCount("index");
    return { kind: "written", index, previousIndex: fields.optionalCount("previousIndex") };
  },

  nameOf: (input) => input.kind,

  writeInput: (input): Written =>
    input.kind === "put" || input.kind === "append" ? { value: input.value } : {},

  writeOutput(_, output): Written {
    if (output.kind === "found") {
      const { value, modifiedIndex } = output;
      return modifiedIndex === undefined ? { value } : { value, modifiedIndex };
    }
    const { index, previousIndex } = output;
    return {
      ...(index === undefined ? {} : { index }),
      ...(previousIndex === undefined ? {} : { previousIndex }),
    };
  },
};
