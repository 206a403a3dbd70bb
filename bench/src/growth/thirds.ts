/** The first and the last third of `values`, which must be at least three. */
export function thirdsOf(values: readonly number[]): {
  readonly first: readonly number[];
  readonly last: readonly number[];
} {
  if (values.length < 3) throw new Error(`${values.length} values have no thirds`);
  const length = Math.floor(values.length / 3);
  return { first: values.slice(0, length), last: values.slice(-length) };
}
