/** Whether a state machine, which may be written in JavaScript, returned what it must. */
export function isResults(results: unknown, count: number): boolean {
  if (!Array.isArray(results) || results.length !== count) return false;
  // Not `every`, which passes over holes.
  for (const result of results) if (!(result instanceof Uint8Array)) return false;
  return true;
}

/** Whether `value` is yet to come. */
export function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}
