/**
 * What clients saw of one key that a single writer puts ever higher versions to, and whether a
 * linearizable store could have shown them that.
 *
 * Versions grow, so the store was at some version at every moment. A read must therefore not return
 * less than what was acknowledged, or returned to another read, before it began; nor more than what
 * was begun before it ended; nor a version that was refused as certainly not applied.
 */
export class VersionHistory {
  readonly violations: string[] = [];
  readonly #name: string;
  readonly #refused = new Set<number>();
  #begun = 0;
  #floor = 0;
  #acknowledged = 0;
  #closed = false;

  constructor(name: string) {
    this.#name = name;
  }

  /** The lowest version that a read which begins now may return. */
  get floor(): number {
    return this.#floor;
  }

  /** The highest version that was acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Whether the outcome of a write is unknown: it may land at any time, so no other may follow. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The writer begins to put the version that is returned. */
  beginWrite(): number {
    if (this.#closed) throw new Error(`${this.#name} is closed`);
    this.#begun += 1;
    return this.#begun;
  }

  /** The write of `version` was acknowledged, certainly not applied, or nobody knows. */
  endWrite(version: number, outcome: "acknowledged" | "not-applied" | "unknown"): void {
    switch (outcome) {
      case "acknowledged":
        this.#acknowledged = version;
        this.#floor = Math.max(this.#floor, version);
        return;
      case "not-applied":
        this.#refused.add(version);
        return;
      case "unknown":
        this.#closed = true;
    }
  }

  /** A read that began when the floor was `floor` returned `version`; 0: there was no value. */
  endRead(floor: number, version: number, reader: string): void {
    const seen = `${reader} read version ${version} of ${this.#name}`;
    if (version < floor) this.violations.push(`${seen} after ${floor} was known: stale`);
    if (version > this.#begun) this.violations.push(`${seen}, which nobody wrote`);
    if (this.#refused.has(version)) {
      this.violations.push(`${seen}, which was refused as not applied`);
    }
    this.#floor = Math.max(this.#floor, version);
  }
}
