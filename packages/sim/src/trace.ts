/**
 * A run as numbers and, if wanted, as text. Two runs with the same hash did the same; a run with a
 * `writer` also tells what it did, line by line, and does nothing else differently.
 */
export class Trace {
  #low = 0x811c9dc5;
  #high = 0x9e3779b9;
  readonly #writer: ((line: string) => void) | undefined;

  constructor(writer: ((line: string) => void) | undefined) {
    this.#writer = writer;
  }

  /** Adds one number to the hash: FNV-1a over its low 32 bits, twice with different primes. */
  mix(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193);
    this.#high = Math.imul(this.#high ^ value, 0x85ebca6b) ^ (this.#high >>> 15);
  }

  /** Writes the line that `text` makes, if anyone reads. */
  line(text: () => string): void {
    if (this.#writer !== undefined) this.#writer(text());
  }

  /** The hash of all that was mixed in: 16 hexadecimal digits. */
  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.#high) + hex(this.#low);
  }
}
