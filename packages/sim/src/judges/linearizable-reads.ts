import { type LogIndex, none, type Status } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";

/**
 * I11: a read sees everything that any node knew to be committed when the read began (thesis §6.4),
 * which includes all that any client was told. It ends once.
 */
export class LinearizableReads implements Judge {
  readonly invariant = "I11";
  #committedIndex: LogIndex = 0;
  /** For each read that has not ended, what it must see. */
  readonly #floors = new Map<number, LogIndex>();

  committed({ commitIndex }: Status): void {
    this.#committedIndex = Math.max(this.#committedIndex, commitIndex);
  }

  readStarted(read: number): void {
    this.#floors.set(read, this.#committedIndex);
  }

  readEnded(read: number, index: LogIndex): void {
    const floor = this.#floors.get(read);
    if (floor === undefined) throw new Violation("I11", `read ${read} ended, but was not waiting`);
    this.#floors.delete(read);
    if (index === none || index >= floor) return;
    throw new Violation("I11", `a read at ${index} began when entry ${floor} was committed`);
  }
}
