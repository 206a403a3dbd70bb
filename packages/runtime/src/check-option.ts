import { isSafe, RaftError } from "@quorate/core";

/** `value`, a number in the range; refuses any other. */
export function within(least: number, most: number, name: string, value: number): number {
  if (typeof value === "number" && value >= least && value <= most) return value;
  return refuse(`${name} must be a number from ${least} to ${most}: got ${String(value)}`);
}

/** `value`, an integer of at least 1; refuses any other. */
export function atLeastOne(name: string, value: number): number {
  return atLeast(1, name, value);
}

/** `value`, an integer of at least `least`; refuses any other. */
export function atLeast(least: number, name: string, value: number): number {
  if (isSafe(value) && value >= least) return value;
  return refuse(`${name} must be an integer of at least ${least}: got ${String(value)}`);
}

/** Throws `invalid_options`. */
export function refuse(message: string): never {
  throw new RaftError("invalid_options", message);
}
