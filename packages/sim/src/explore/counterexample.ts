import type { Violation } from "../judge.ts";
import { type Bound, describeBound } from "./bound.ts";

/** A schedule that breaks an invariant, and without any one of its steps does not. */
export class Counterexample extends Error {
  override readonly name = "Counterexample";
  /** What is broken by the last step. */
  readonly violation: Violation;
  /** The steps from the start, each a line; a crash is two. */
  readonly steps: readonly string[];

  constructor(violation: Violation, steps: readonly string[], bound: Bound) {
    const schedule = steps.map((step) => `  ${step}`).join("\n");
    super(`${violation.message}\nwithin ${describeBound(bound)}, by\n${schedule}`, {
      cause: violation,
    });
    this.violation = violation;
    this.steps = steps;
  }
}
