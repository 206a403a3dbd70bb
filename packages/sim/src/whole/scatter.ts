/**
 * A uniform integer from 0 up to and not including `bound`, decided by `keys` alone. For what needs no
 * decision of its own, so that it stays as it is whatever else is changed about a run: how long a frame
 * travels, which sectors survive.
 */
export function scatter(bound: number, ...keys: readonly number[]): number {
  let state = 0x9e3779b9;
  for (const key of keys) {
    state = spread(state ^ (key >>> 0)) + Math.floor(key / 2 ** 32);
  }
  return Math.floor((spread(state) / 2 ** 32) * bound);
}

/** Spreads every bit of a 32-bit number over all of them; one to one. */
function spread(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
