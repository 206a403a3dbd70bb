/**
 * Tells for how long something has stood still. It is looked at now and then, so it knows as exactly as it
 * is looked at.
 */
export class Stall {
  #mark: unknown;
  #sinceMs = 0;

  /** Looks at `mark`: where it stands, or undefined if it has nothing to do. */
  look(mark: unknown, nowMs: number): void {
    if (mark !== undefined && mark === this.#mark) return;
    this.#mark = mark;
    this.#sinceMs = nowMs;
  }

  /** For how long it was seen to stand where it stands, in milliseconds; 0 if it has nothing to do. */
  lastedMs(nowMs: number): number {
    return this.#mark === undefined ? 0 : nowMs - this.#sinceMs;
  }
}
