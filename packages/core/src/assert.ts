/** A broken invariant: a defect in this library, never bad input or bad luck. Stop the node. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Checks what must hold if the code is correct. Stays on in production. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionError(claim);
}

/** Marks the branch that the compiler has shown to be impossible. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`);
}

/** The element at `offset`, which must exist. */
export function at<T>(array: readonly T[], offset: number): T {
  assert(offset >= 0 && offset < array.length, "the offset is inside the array");
  return array[offset] as T;
}
