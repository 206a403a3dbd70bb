import type { Fields, Scalar } from "./fields.ts";
import { illegal, type Model } from "./model.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** An operation on a list, which is empty at first. */
export type ListInput =
  | { readonly kind: "items" }
  /** Adds a value at the end. */
  | { readonly kind: "push"; readonly value: Scalar };

/** Of `items` all values, first to last; of a push nothing: an empty list. */
export type ListOutput = readonly Scalar[];

/** A list that only grows: reads show which changes took effect, in which order, and how often. */
export const listModel: Model<string, ListInput, ListOutput> = {
  // The state is the text of the items, so that a push does not copy and a comparison is short.
  initial: () => "",

  step(state, input, output) {
    if (input.kind === "push") return state + item(input.value);
    return output === undefined || output.map(item).join("") === state ? state : illegal;
  },

  nameOf: (state) => state,
  isReadOnly: (input) => input.kind === "items",

  describe(input, output) {
    const told = output === undefined ? "?" : JSON.stringify(output);
    if (input.kind === "items") return `items → ${told}`;
    return `push ${JSON.stringify(input.value)}${output === undefined ? " → ?" : ""}`;
  },

  describeState: (state) => `[${state.slice(0, -1)}]`,
};

function item(value: Scalar): string {
  return `${JSON.stringify(value)},`;
}

/** How operations on lists are written down. */
export const listVocabulary: Vocabulary<ListInput, ListOutput> = {
  names: ["items", "push"],

  readInput: (name: string, fields: Fields): ListInput =>
    name === "push" ? { kind: "push", value: fields.scalar("value") } : { kind: "items" },

  readOutput: (input: ListInput, fields: Fields): ListOutput =>
    input.kind === "items" ? fields.scalars("value") : [],

  nameOf: (input) => input.kind,
  writeInput: (input) => (input.kind === "push" ? { value: input.value } : {}),
  writeOutput: (input, output) => (input.kind === "items" ? { value: output } : {}),
};
