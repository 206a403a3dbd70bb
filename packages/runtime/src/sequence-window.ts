import { sessionResultCountMax } from "./session-table.ts";

/**
 * Numbers the commands of one session, and knows the floor: all commands below it have ended. No number is
 * so far from the floor that the group might forget the result of an earlier one.
 */
export class SequenceWindow {
  #next = 1;
  /** Those that have not ended, in order. */
  readonly #pending = new Set<number>();

  /** The least number that has not ended, or the next one if all have. */
  get floor(): number {
    const [first] = this.#pending;
    return first ?? this.#next;
  }

  /** Gives the next number, until `end`; undefined if too many have not ended. */
  begin(): number | undefined {
    if (this.#next - this.floor >= sessionResultCountMax) return undefined;
    const sequence = this.#next;
    this.#next += 1;
    this.#pending.add(sequence);
    return sequence;
  }

  /** The command of this number has ended, and is not repeated again. */
  end(sequence: number): void {
    this.#pending.delete(sequence);
  }
}
