import { ApiError } from "./api-error.ts";

/**
 * The fields of a JSON object that somebody sent, taken one by one. Each method throws
 * `invalid_argument` if the field is there and of another kind; null is as good as absent.
 */
export class JsonFields {
  readonly #fields: Map<string, unknown>;
  /** Where the object stands, for messages: empty, or such as `by.`. */
  readonly #path: string;

  constructor(fields: Map<string, unknown>, path: string) {
    this.#fields = fields;
    this.#path = path;
  }

  /** The fields of the object in `bytes`; none if they are empty. Throws `invalid_argument`. */
  static parse(bytes: Uint8Array): JsonFields {
    if (bytes.length === 0) return new JsonFields(new Map(), "");
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      throw new ApiError("invalid_argument", "the body is not JSON");
    }
    return JsonFields.of(value, "");
  }

  /** The fields of `value`, which stands at `path`. Throws `invalid_argument` if it is no object. */
  static of(value: unknown, path: string): JsonFields {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      const what = path === "" ? "the body" : path;
      throw new ApiError("invalid_argument", `${what} must be an object`);
    }
    return new JsonFields(new Map(Object.entries(value)), path === "" ? "" : `${path}.`);
  }

  /** The integer of at least `least` at `name`. */
  integer(name: string, least: number): number | undefined {
    return this.#take(name, `an integer of at least ${least}`, (value): value is number => {
      return Number.isSafeInteger(value) && Number(value) >= least;
    });
  }

  text(name: string): string | undefined {
    return this.#take(name, "a string", (value): value is string => typeof value === "string");
  }

  boolean(name: string): boolean | undefined {
    return this.#take(name, "true or false", (value): value is boolean => {
      return typeof value === "boolean";
    });
  }

  /** The fields of the object at `name`. */
  object(name: string): JsonFields | undefined {
    const value = this.#take(name, "an object", (found): found is object => {
      return typeof found === "object";
    });
    return value === undefined ? undefined : JsonFields.of(value, `${this.#path}${name}`);
  }

  /** What is in the list at `name`, each with where it stands. */
  list(name: string): readonly { readonly value: unknown; readonly path: string }[] | undefined {
    const list = this.#take(name, "a list", (value): value is unknown[] => Array.isArray(value));
    return list?.map((value, at) => ({ value, path: `${this.#path}${name}[${at}]` }));
  }

  /** `value` of field `name`, which must be there. Throws `invalid_argument` if it is not. */
  require<T>(name: string, value: T | undefined): T {
    if (value !== undefined) return value;
    throw new ApiError("invalid_argument", `${this.#path}${name} is missing`);
  }

  /** Throws `invalid_argument` if there is a field that was not taken. */
  finish(): void {
    const [name] = this.#fields.keys();
    if (name === undefined) return;
    throw new ApiError("invalid_argument", `unknown field "${this.#path}${name}"`);
  }

  #take<T>(name: string, what: string, isRight: (value: unknown) => value is T): T | undefined {
    const value = this.#fields.get(name) ?? undefined;
    this.#fields.delete(name);
    if (value === undefined || isRight(value)) return value;
    throw new ApiError("invalid_argument", `${this.#path}${name} must be ${what}`);
  }
}
