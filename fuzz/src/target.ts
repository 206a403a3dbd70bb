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

/** Tries `target` with inputs until `isOver`, which is asked now and then. Rejects with `Broken`. */
export async function tryTarget(
  target: Target,
  draw: Draw,
  isOver: (inputCount: number) => boolean,
): Promise<TargetReport> {
  const { name, samples, read } = target;
  const startMs = performance.now();
  const outcomes = new Map<string, number>();
  let inputCount = 0;
  while (!isOver(inputCount)) {
    for (let batch = 0; batch < 100; batch++) {
      const bytes = mutate(draw, samples);
      const pending = outcomeOf(target, () => read(bytes), bytes);
      const outcome = pending instanceof Promise ? await pending : pending;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      inputCount += 1;
    }
  }
  return { name, inputCount, seconds: (performance.now() - startMs) / 1000, outcomes };
}

function outcomeOf(
  target: Target,
  read: () => unknown,
  bytes: Uint8Array,
): string | Promise<string> {
  try {
    const result = read();
    if (!(result instanceof Promise)) return "read";
    return result.then(
      () => "read",
      (error: unknown) => codeOf(target, error, bytes),
    );
  } catch (error) {
    return codeOf(target, error, bytes);
  }
}

/** The code of an error that the target may throw. Throws `Broken` for any other. */
function codeOf({ name, codes }: Target, error: unknown, bytes: Uint8Array): string {
  const isCoded = error instanceof RaftError || error instanceof ApiError;
  if (isCoded && codes.includes(error.code)) return error.code;
  const hex = Buffer.from(bytes).toString("hex");
  throw new Broken(`${name} failed with ${String(error)} on ${hex}`, { cause: error });
}
