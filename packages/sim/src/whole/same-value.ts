/**
 * Whether two plain values are the same: numbers, texts and the like, byte arrays, lists, maps, sets, and
 * objects of such, compared by what they hold.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, offset) => byte === b[offset]);
  }
  if (a instanceof Map && b instanceof Map) return sameValue([...a], [...b]);
  if (a instanceof Set && b instanceof Set) return sameValue([...a], [...b]);
  const left = Object.entries(a);
  const right = new Map(Object.entries(b));
  return (
    left.length === right.size &&
    left.every(([name, value]) => right.has(name) && sameValue(value, right.get(name)))
  );
}

/** A plain value as a short text. */
export function valueText(value: unknown): string {
  if (value instanceof Uint8Array) {
    return [...value].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  if (value instanceof Map || value instanceof Set) return valueText([...value]);
  return JSON.stringify(value) ?? String(value);
}
