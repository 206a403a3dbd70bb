import type { Fields, Scalar } from "./fields.ts";
import { illegal, type Model } from "./model.ts";
import type { Vocabulary, Written } from "./vocabulary.ts";

/** An operation on a register, which holds one value and at first null. */
export type RegisterInput =
  | { readonly kind: "read" }
  | { readonly kind: "write"; readonly value: Scalar }
  /** Compare and set: writes `to` if it holds `from`. */
  | { readonly kind: "cas"; readonly from: Scalar; readonly to: Scalar };

/** Of a read the value, of a compare-and-set whether it set it, of a write null. */
export type RegisterOutput = Scalar;

/** A register with read, write and compare-and-set, for each key one. */
export const registerModel: Model<Scalar, RegisterInput, RegisterOutput> = {
  initial: () => null,

  step(state, input, output) {
    switch (input.kind) {
      case "read":
        return output === undefined || output === state ? state : illegal;
      case "write":
        return input.value;
      case "cas": {
        const isSet = state === input.from;
        if (output !== undefined && output !== isSet) return illegal;
        return isSet ? input.to : state;
      }
    }
  },

  nameOf: (state) => JSON.stringify(state),
  isReadOnly: (input, output) =>
    input.kind === "read" || (input.kind === "cas" && output === false),

  isBlind: (input) => input.kind === "write",

  linkOf(input, output) {
    if (input.kind === "read") return output === undefined ? undefined : JSON.stringify(output);
    if (input.kind === "cas") return output === false ? undefined : JSON.stringify(input.to);
    return JSON.stringify(input.value);
  },

  describe(input, output) {
    switch (input.kind) {
      case "read":
        return `read → ${show(output)}`;
      case "write":
        return `write ${show(input.value)}${output === undefined ? " → ?" : ""}`;
      case "cas":
        return `cas ${show(input.from)} to ${show(input.to)} → ${show(output)}`;
    }
  },

  describeState: show,
};

/** How operations on registers are written down. */
export const registerVocabulary: Vocabulary<RegisterInput, RegisterOutput> = {
  names: ["read", "write", "cas"],

  readInput(name: string, fields: Fields): RegisterInput {
    if (name === "read") return { kind: "read" };
    if (name === "write") return { kind: "write", value: fields.scalar("value") };
    return { kind: "cas", from: fields.scalar("from"), to: fields.scalar("to") };
  },

  readOutput(input: RegisterInput, fields: Fields): RegisterOutput {
    if (input.kind === "read") return fields.scalar("value");
    return input.kind === "cas" ? fields.flag("done", true) : null;
  },

  nameOf: (input) => input.kind,

  writeInput(input): Written {
    switch (input.kind) {
      case "read":
        return {};
      case "write":
        return { value: input.value };
      case "cas":
        return { from: input.from, to: input.to };
    }
  },

  writeOutput(input, output): Written {
    if (input.kind === "read") return { value: output };
    return input.kind === "cas" ? { done: output } : {};
  },
};

function show(value: Scalar | undefined): string {
  return value === undefined ? "?" : JSON.stringify(value);
}
