import type { Fields, Scalar } from "./fields.ts";

/** The fields of an event that are about its operation. */
export type Written = Readonly<Record<string, Scalar | readonly Scalar[]>>;

/** How the operations of a model are written down, as HISTORY.md specifies. */
export interface Vocabulary<Input, Output> {
  /** The names of its operations. */
  readonly names: readonly string[];
  /** The input that an event `invoke` tells. Throws a `HistoryError`. */
  readInput(name: string, fields: Fields): Input;
  /** The output that an event `ok` tells. Throws a `HistoryError`. */
  readOutput(input: Input, fields: Fields): Output;
  /** The name of an operation with this input. */
  nameOf(input: Input): string;
  writeInput(input: Input): Written;
  writeOutput(input: Input, output: Output): Written;
}
