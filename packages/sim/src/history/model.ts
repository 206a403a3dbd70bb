/** What a step of a model returns if the output is impossible. */
export const illegal: unique symbol = Symbol("illegal");

/**
 * What one object is supposed to do, one operation after the other. A linearizable history is one
 * whose operations can be put in an order that the model allows, and in which no operation comes
 * before one that had ended when it was called. Methods are pure, and states never change.
 */
export interface Model<State, Input, Output> {
  /** The state before any operation. */
  initial(): State;

  /**
   * The state after an operation that began in `state`, or `illegal` if it cannot have given `output`
   * there. An `output` of undefined is one that nobody knows: any will do, so no output may be
   * undefined itself.
   */
  step(state: State, input: Input, output: Output | undefined): State | typeof illegal;

  /** Names a state: two states are the same if and only if their names are. */
  nameOf(state: State): string | number;

  /**
   * Whether an operation with this input and output certainly left the state as it was. Speeds up the
   * search greatly. Without it none are taken to be so.
   */
  isReadOnly?(input: Input, output: Output | undefined): boolean;

  /**
   * What ties a change to the reads that show what it left: of both it gives the same. Blind changes
   * (see `isBlind`) with the same link leave the same. An output of undefined is one that nobody knows,
   * a link of undefined is none. Makes the search faster, most of all where no two changes leave the
   * same.
   */
  linkOf?(input: Input, output: Output | undefined): string | number | undefined;

  /**
   * Whether an operation with this input is possible in any state and leaves the same, whatever it
   * was. Makes the search faster where there are many operations of unknown outcome.
   */
  isBlind?(input: Input): boolean;

  /** An operation as text, for people. Its JSON, without it. */
  describe?(input: Input, output: Output | undefined): string;

  /** A state as text, for people. Its name, without it. */
  describeState?(state: State): string;
}
