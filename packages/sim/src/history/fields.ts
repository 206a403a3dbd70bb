import { HistoryError } from "./history-error.ts";

/** A value that can be compared and written down: what registers hold. */
export type Scalar = string | number | boolean | null;

/** The fields of one event, as some format gave them. Every reading throws a `HistoryError` of the line. */
export class Fields {
  readonly line: number;
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(line: number, values: ReadonlyMap<string, unknown>) {
    this.line = line;
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** A string, a number, a boolean or null. Large integers lose digits, so they are refused. */
  scalar(name: string): Scalar {
    const value = this.#values.get(name);
    if (value === null || typeof value === "string" || typeof value === "boolean") return value;
    if (typeof value === "number" && !isRounded(value)) return value;
    if (typeof value === "number") throw this.#wrong(name, `${value}, too large: write a string`);
    throw this.#wrong(name, `${nameOf(value)}, must be a string, a number, a boolean or null`);
  }

  text(name: string): string {
    const value = this.#values.get(name);
    if (typeof value === "string") return value;
    throw this.#wrong(name, `${nameOf(value)}, must be a string`);
  }

  textOrNull(name: string): string | null {
    return this.#values.get(name) === null ? null : this.text(name);
  }

  optionalText(name: string): string | undefined {
    return this.#values.has(name) ? this.text(name) : undefined;
  }

  integer(name: string): number {
    const value = this.#values.get(name);
    if (typeof value === "number" && Number.isSafeInteger(value)) return value;
    throw this.#wrong(name, `${shown(value)}, must be a safe integer`);
  }

  /** An integer of at least 0. */
  count(name: string): number {
    const value = this.integer(name);
    if (value >= 0) return value;
    throw this.#wrong(name, `${value}, must be at least 0`);
  }

  optionalCount(name: string): number | undefined {
    return this.#values.has(name) ? this.count(name) : undefined;
  }

  flag(name: string, missing: boolean): boolean {
    const value = this.#values.has(name) ? this.#values.get(name) : missing;
    if (typeof value === "boolean") return value;
    throw this.#wrong(name, `${shown(value)}, must be true or false`);
  }

  scalars(name: string): readonly Scalar[] {
    const value = this.#values.get(name);
    if (!Array.isArray(value)) throw this.#wrong(name, `${nameOf(value)}, must be an array`);
    return value.map((_, offset) =>
      new Fields(this.line, new Map([[name, value[offset]]])).scalar(name),
    );
  }

  #wrong(name: string, what: string): HistoryError {
    return new HistoryError("field", this.line, `${name} is ${what}`);
  }
}

function isRounded(value: number): boolean {
  return Number.isInteger(value) && !Number.isSafeInteger(value);
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : nameOf(value);
}

function nameOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
