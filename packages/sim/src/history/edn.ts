import { HistoryError } from "./history-error.ts";

/**
 * A value in EDN, the notation of Clojure's data. Integers that are too large for a number are their
 * digits, as a string; the tag of a tagged value is dropped.
 */
export type Edn = null | boolean | number | string | EdnName | EdnMap | EdnSequence;

/** A keyword, with its colon, or a symbol. */
export interface EdnName {
  readonly kind: "name";
  readonly name: string;
}

/** A list, a vector or a set. */
export interface EdnSequence {
  readonly kind: "sequence";
  readonly items: readonly Edn[];
}

/** A map, of which only entries whose key is a keyword are kept: by its name, without the colon. */
export interface EdnMap {
  readonly kind: "map";
  /** Where it begins, from 1 on. */
  readonly line: number;
  readonly entries: ReadonlyMap<string, Edn>;
}

const depthMax = 64;
const closers: Readonly<Record<string, string>> = { "[": "]", "(": ")", "{": "}" };
const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };
const characters: Readonly<Record<string, string>> = {
  newline: "\n",
  return: "\r",
  space: " ",
  tab: "\t",
};

/** All values in `text`, one after the other. Throws a `HistoryError` that names the line. */
export function parseEdn(text: string): readonly Edn[] {
  return new EdnReader(text).all();
}

/** Reads from left to right. What stands at `#at` is looked at next. */
class EdnReader {
  readonly #text: string;
  readonly #tokenPattern = /[^\s,;"[\](){}]*/y;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  all(): readonly Edn[] {
    const values: Edn[] = [];
    for (;;) {
      const value = this.#value(0);
      if (value === undefined) {
        if (this.#at === this.#text.length) return values;
        throw this.#wrong(`${this.#peek()} closes nothing`);
      }
      values.push(value);
    }
  }

  /** The next value, or undefined at a closing bracket or the end. */
  #value(depth: number): Edn | undefined {
    for (;;) {
      this.#skipSpace();
      const first = this.#peek();
      if (first === "" || first === "]" || first === ")" || first === "}") return undefined;
      if (depth > depthMax) throw this.#wrong(`is nested more than ${depthMax} deep`);
      if (first === '"') return this.#string();
      if (first === "\\") return this.#character();
      if (first === "{") return this.#map(depth);
      if (first === "[" || first === "(") return this.#sequence(depth);
      if (first !== "#") return this.#atom();
      this.#at += 1;
      if (this.#peek() === "{") return this.#sequence(depth);
      // A value that is left out, or a tag.
      if (this.#peek() === "_") {
        this.#at += 1;
        this.#need(depth);
      } else {
        this.#token();
      }
    }
  }

  #need(depth: number): Edn {
    const value = this.#value(depth + 1);
    if (value === undefined) throw this.#wrong("a value is missing");
    return value;
  }

  #sequence(depth: number): EdnSequence {
    return { kind: "sequence", items: this.#items(depth) };
  }

  #items(depth: number): readonly Edn[] {
    const line = this.#line;
    const closer = closers[this.#peek()] ?? "";
    this.#at += 1;
    const values: Edn[] = [];
    for (;;) {
      const value = this.#value(depth + 1);
      if (value === undefined) break;
      values.push(value);
    }
    if (this.#peek() !== closer) throw this.#wrong(`${closer} is missing, opened on line ${line}`);
    this.#at += 1;
    return values;
  }

  #map(depth: number): EdnMap {
    const line = this.#line;
    const values = this.#items(depth);
    if (values.length % 2 !== 0) throw this.#wrong("a map has a key without a value");
    const entries = new Map<string, Edn>();
    for (let offset = 0; offset < values.length; offset += 2) {
      const name = nameOf(values[offset]);
      const value = values[offset + 1];
      if (name !== undefined && value !== undefined) entries.set(name, value);
    }
    return { kind: "map", line, entries };
  }

  #string(): string {
    const line = this.#line;
    let value = "";
    for (this.#at += 1; ; this.#at++) {
      const character = this.#peek();
      if (character === "") throw new HistoryError("syntax", line, "a string is not closed");
      if (character === '"') break;
      if (character === "\n") this.#line += 1;
      value += character === "\\" ? this.#escape() : character;
    }
    this.#at += 1;
    return value;
  }

  #escape(): string {
    this.#at += 1;
    const character = this.#peek();
    if (character !== "u") return escapes[character] ?? character;
    const digits = this.#text.slice(this.#at + 1, this.#at + 5);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#wrong("\\u has no four digits");
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #character(): string {
    this.#at += 1;
    const first = this.#peek();
    this.#at += 1;
    const name = first + this.#token();
    return characters[name] ?? name;
  }

  #atom(): Edn {
    const token = this.#token();
    if (token === "") throw this.#wrong(`${this.#peek()} is not expected`);
    if (token === "nil") return null;
    if (token === "true" || token === "false") return token === "true";
    if (/^[+-]?\d+N?$/.test(token)) {
      const value = Number(token.replace("N", ""));
      return Number.isSafeInteger(value) ? value : token.replace(/^\+|N$/g, "");
    }
    if (/^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?M?$/.test(token)) return Number(token.replace("M", ""));
    return { kind: "name", name: token };
  }

  /** What stands here up to the next space, bracket or quote. */
  #token(): string {
    this.#tokenPattern.lastIndex = this.#at;
    const token = this.#tokenPattern.exec(this.#text)?.[0] ?? "";
    this.#at += token.length;
    return token;
  }

  #skipSpace(): void {
    for (; ; this.#at++) {
      const character = this.#peek();
      if (character === "\n") this.#line += 1;
      else if (character === ";") {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = (end < 0 ? this.#text.length : end) - 1;
      } else if (character !== "," && !/^\s$/.test(character)) return;
    }
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #wrong(what: string): HistoryError {
    return new HistoryError("syntax", this.#line, what);
  }
}

/** The name of a keyword, or undefined. */
export function nameOf(value: Edn | undefined): string | undefined {
  if (typeof value !== "object" || value?.kind !== "name") return undefined;
  return value.name.startsWith(":") ? value.name.slice(1) : undefined;
}

/** The value if it is a map, or undefined. */
export function mapOf(value: Edn | undefined): EdnMap | undefined {
  return typeof value === "object" && value?.kind === "map" ? value : undefined;
}

/** The items of a list, vector or set, or undefined. */
export function itemsOf(value: Edn | undefined): readonly Edn[] | undefined {
  return typeof value === "object" && value?.kind === "sequence" ? value.items : undefined;
}
