import { RaftError } from "@quorate/core";
import { ApiError } from "@quorate/server";
import { type Draw, mutate } from "./mutation.ts";

/** Something that reads bytes which anybody may have written. */
export interface Target {
  readonly name: string;
  /** Bytes that it takes; all that it is tried with is made of these. */
  readonly samples: readonly Uint8Array[];
  readonly read: (bytes: Uint8Array) => unknown;
  /** What share of the inputs it gets: 1, or less for what is slow. */
  readonly share: number;
  /** The codes that its errors may have. */
  readonly codes: readonly string[];
}

/** The decoders that a module exports, by their names. */
export type DecoderOf<Module> = Extract<keyof Module, `${"decode" | "parse"}${string}`>;

/** How a decoder is tried beyond its samples. */
export interface TargetOptions<Value> {
  /** Default: that of the function. */
  readonly name?: string;
  /** Default: `malformed`. */
  readonly codes?: readonly string[];
  /** Default: 1. */
  readonly share?: number;
  /** Writes what was read: written, read and written again, it must come to the same bytes. */
  readonly encode?: (value: Value) => Uint8Array | readonly Uint8Array[];
}

/** Tries `decode` with what is made of `samples`. */
export function target<Value>(
  decode: (bytes: Uint8Array) => Value,
  samples: readonly Uint8Array[],
  options: TargetOptions<Value> = {},
): Target {
  const { name = decode.name, codes = ["malformed"], share = 1, encode } = options;
  const read = (bytes: Uint8Array): unknown => {
    const value = decode(bytes);
    if (encode === undefined) return value;
    const written = join(encode(value));
    const again = join(encode(decode(written.slice())));
    if (Buffer.compare(written, again) === 0) return value;
    throw new Error("it is written in one way, and in another once it was read again");
  };
  return { name, read, samples, codes, share };
}

/** Tries what reads text with what is made of `samples`, which are Latin-1. */
export function textTarget(
  parse: (text: string) => unknown,
  samples: readonly string[],
  options: TargetOptions<unknown> = {},
): Target {
  const texts = samples.map((text) => Buffer.from(text, "latin1"));
  const read = (bytes: Uint8Array): unknown => parse(Buffer.from(bytes).toString("latin1"));
  return target(read, texts, { name: parse.name, ...options });
}

/** Chunks in one piece. */
export function join(chunks: Uint8Array | readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(chunks instanceof Uint8Array ? chunks : Buffer.concat(chunks));
}

/** What became of the inputs of a target. */
export interface TargetReport {
  readonly name: string;
  readonly inputCount: number;
  readonly seconds: number;
  /** How many ended how: `read`, or the code of an error. */
  readonly outcomes: ReadonlyMap<string, number>;
}

/** An input that a target did not stand. */
export class Broken extends Error {
  override readonly name = "Broken";
}

/** Tries `subject` with inputs until `isOver`, which is asked now and then. Rejects with `Broken`. */
export async function tryTarget(
  subject: Target,
  draw: Draw,
  isOver: (inputCount: number) => boolean,
): Promise<TargetReport> {
  const { name, samples, read } = subject;
  const startMs = performance.now();
  const outcomes = new Map<string, number>();
  let inputCount = 0;
  while (!isOver(inputCount)) {
    for (let batch = 0; batch < 100; batch++) {
      const bytes = mutate(draw, samples);
      const pending = outcomeOf(subject, () => read(bytes), bytes);
      const outcome = pending instanceof Promise ? await pending : pending;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      inputCount += 1;
    }
  }
  return { name, inputCount, seconds: (performance.now() - startMs) / 1000, outcomes };
}

function outcomeOf(
  subject: Target,
  read: () => unknown,
  bytes: Uint8Array,
): string | Promise<string> {
  try {
    const result = read();
    if (!(result instanceof Promise)) return "read";
    return result.then(
      () => "read",
      (error: unknown) => codeOf(subject, error, bytes),
    );
  } catch (error) {
    return codeOf(subject, error, bytes);
  }
}

/** The code of an error that the target may throw. Throws `Broken` for any other. */
function codeOf({ name, codes }: Target, error: unknown, bytes: Uint8Array): string {
  const isCoded = error instanceof RaftError || error instanceof ApiError;
  if (isCoded && codes.includes(error.code)) return error.code;
  const hex = Buffer.from(bytes).toString("hex");
  throw new Broken(`${name} failed with ${String(error)} on ${hex}`, { cause: error });
}
