import type { NodeId } from "@quorate/core";

/** A text that is not a scenario. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";
  /** Where, counted from 1. */
  readonly line: number;

  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`);
    this.line = line;
  }
}

/** How a number is read. */
export interface NumberOptions {
  /** What is meant where nothing is said; without it, something must be. */
  readonly fallback?: number;
  /** At most this, and at most `Number.MAX_SAFE_INTEGER`. */
  readonly most?: number;
}

/** One line of a scenario, word by word. What is wrong with it is a `ScenarioError`. */
export class Words {
  /** The first word. Empty for an empty line, `#` for a comment. */
  readonly verb: string;
  /** All behind the first word, as it stands there. */
  readonly text: string;
  readonly #line: number;
  readonly #words: string[];

  /** `line` counts from 1. */
  constructor(raw: string, line: number) {
    const row = raw.trim();
    const end = row.startsWith("#") ? 1 : row.search(/\s|$/);
    this.verb = row.slice(0, end);
    const rest = row.slice(end);
    // A comment keeps its indentation.
    this.text = this.verb === "#" ? rest.replace(/^ /, "") : rest.trimStart();
    this.#line = line;
    this.#words = this.text.split(/\s+/).filter((word) => word !== "");
  }

  get hasNode(): boolean {
    return /^n\d/.test(this.#words[0] ?? "");
  }

  node(): NodeId {
    const word = this.#words.shift() ?? "";
    if (!/^n\d{1,4}$/.test(word)) this.fail(`not a node: ${word}`);
    return Number(word.slice(1));
  }

  /** A node behind one of `marks`, if that is next: `+n4`. */
  marked(marks: string): { readonly mark: string; readonly id: NodeId } | undefined {
    const [, mark = "", digits] = /^(.)n(\d{1,4})$/.exec(this.#words[0] ?? "") ?? [];
    if (digits === undefined || !marks.includes(mark)) return undefined;
    this.#words.shift();
    return { mark, id: Number(digits) };
  }

  oneOf<T extends string>(choices: readonly T[]): T {
    const word = this.#words.shift() ?? "";
    const choice = choices.find((candidate) => candidate === word);
    return choice ?? this.fail(`${this.verb} is one of ${choices.join(", ")}: got ${word}`);
  }

  /** Whether `word` is next; if so, takes it. */
  maybe(word: string): boolean {
    if (this.#words[0] !== word) return false;
    this.#words.shift();
    return true;
  }

  /** `name=<integer>`, anywhere in the rest. */
  number(name: string, { fallback, most = Number.MAX_SAFE_INTEGER }: NumberOptions = {}): number {
    const offset = this.#words.findIndex((word) => word.startsWith(`${name}=`));
    const [word] = offset < 0 ? [] : this.#words.splice(offset, 1);
    const digits = word?.slice(name.length + 1);
    if (digits === undefined && fallback !== undefined) return fallback;
    const value = Number(digits);
    if (digits === undefined || !/^\d{1,16}$/.test(digits) || !Number.isSafeInteger(value)) {
      return this.fail(`${this.verb} needs ${name}=<integer>`);
    }
    if (value > most) return this.fail(`${name} is at most ${most}: got ${value}`);
    return value;
  }

  /** `name=value` for each of the rest. */
  *pairs(): Generator<readonly [name: string, value: string]> {
    for (let word = this.#words.shift(); word !== undefined; word = this.#words.shift()) {
      const [, name, value] = /^([^=]+)=([^=]+)$/.exec(word) ?? [];
      if (name === undefined || value === undefined) return this.fail(`not an option: ${word}`);
      yield [name, value];
    }
  }

  /** Ends the line: nothing may be left. */
  end(): void {
    const [word] = this.#words;
    if (word !== undefined) this.fail(`${this.verb} has no ${word}`);
  }

  fail(what: string): never {
    throw new ScenarioError(this.#line, what);
  }
}
