/** A hash of 64 bits, as two integers of 32. */
export interface Hash {
  readonly low: number;
  readonly high: number;
}

/**
 * A hash of `text` whose sums can be hashes of sets: each bit depends on the whole text, so that sums
 * of different sets of texts meet by chance alone, once in 2^64 pairs.
 */
export function hashText(text: string): Hash {
  let low = 0x243f6a88;
  let high = 0x85a308d3;
  for (let offset = 0; offset < text.length; offset++) {
    const code = text.charCodeAt(offset);
    low = Math.imul(low ^ code, 0x9e3779b1);
    high = Math.imul(high ^ code, 0x5f356495);
    low = (low << 13) | (low >>> 19);
    high = (high << 17) | (high >>> 15);
  }
  low = mix(low ^ text.length);
  high = mix(high ^ low);
  return { low: mix(low ^ high), high };
}

/** Spreads every bit of a 32-bit number over all of them; one to one. */
export function mix(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}
