import type { Fields } from "./fields.ts";
import { illegal, type Model } from "./model.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** An operation on a counter, which is 0 at first. */
export type CounterInput =
  | { readonly kind: "total" }
  | { readonly kind: "add"; readonly amount: number };

/** The total, after an add that tells it; undefined in the record of one that does not. */
export interface CounterOutput {
  readonly total: number | undefined;
}

/** A counter: a command that is carried out twice shows. All numbers are safe integers. */
export const counterModel: Model<number, CounterInput, CounterOutput> = {
  initial: () => 0,

  step(state, input, output) {
    const next = input.kind === "add" ? state + input.amount : state;
    return output?.total === undefined || output.total === next ? next : illegal;
  },

  nameOf: (state) => state,
  isReadOnly: (input) => input.kind === "total",

  describe(input, output) {
    const name = input.kind === "add" ? `add ${input.amount}` : "total";
    if (output === undefined) return `${name} → ?`;
    return output.total === undefined ? name : `${name} → ${output.total}`;
  },
};

/** How operations on counters are written down. */
export const counterVocabulary: Vocabulary<CounterInput, CounterOutput> = {
  names: ["total", "add"],

  readInput: (name: string, fields: Fields): CounterInput =>
    name === "add" ? { kind: "add", amount: fields.integer("value") } : { kind: "total" },

  readOutput(input: CounterInput, fields: Fields): CounterOutput {
    const isTold = input.kind === "total" || fields.has("value");
    return { total: isTold ? fields.integer("value") : undefined };
  },

  nameOf: (input) => input.kind,
  writeInput: (input) => (input.kind === "add" ? { value: input.amount } : {}),
  writeOutput: (_, { total }) => (total === undefined ? {} : { value: total }),
};
