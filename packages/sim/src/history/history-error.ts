import { RaftError } from "@quorate/core";

/** What is wrong with a history in text form. Stable: programs may rely on these. */
export type HistoryProblem =
  /** Not in the syntax of the format. */
  | "syntax"
  /** A field is missing or has the wrong type or range. */
  | "field"
  /** The format or its version is not one that this program reads. */
  | "version"
  /** The operation is not one of the model, or none of the models has it. */
  | "operation"
  /** A client calls while its last call has not ended. */
  | "client-busy"
  /** A call ends that was not under way, or another one than was. */
  | "no-call"
  /** There is no operation in it. */
  | "empty"
  /** A limit on the size of the text, of a line, or on the number of events is passed. */
  | "limit";

/** A history in text form that cannot be used. Its code is `too_large` for a limit, else `malformed`. */
export class HistoryError extends RaftError {
  readonly problem: HistoryProblem;
  /** Where, from 1 on, or 0 if it is about the whole. */
  readonly line: number;

  constructor(problem: HistoryProblem, line: number, what: string) {
    const where = line === 0 ? "" : `line ${line}: `;
    super(problem === "limit" ? "too_large" : "malformed", where + what);
    this.problem = problem;
    this.line = line;
  }
}
