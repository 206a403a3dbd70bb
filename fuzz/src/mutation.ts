/** Draws integers from 0 to `below` - 1. */
export type Draw = (below: number) => number;

/** xorshift32: many numbers, fast, and the same ones in every run of a seed. */
export function newDraw(seed: number): Draw {
  let state = (seed % 0x1_0000_0000) | 0 || 0x5eed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** One of `items`, of which there is at least one. */
export function pick<T>(draw: Draw, items: readonly T[]): T {
  const item = items[draw(items.length)];
  if (item === undefined) throw new RangeError("there is nothing to pick from");
  return item;
}

/** So many bytes of noise. */
export function noise(draw: Draw, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let offset = 0; offset < count; offset++) bytes[offset] = draw(256);
  return bytes;
}

/** Numbers at which programs err. */
const edges = [
  0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];

/** Noise, or one of `samples` with up to four things done to it. */
export function mutate(draw: Draw, samples: readonly Uint8Array[]): Uint8Array {
  if (draw(8) === 0) return noise(draw, draw(64));
  let bytes = pick(draw, samples);
  for (let left = draw(5); left > 0; left--) bytes = mutateOnce(draw, bytes, samples);
  return bytes;
}

function mutateOnce(draw: Draw, bytes: Uint8Array, samples: readonly Uint8Array[]): Uint8Array {
  const offset = draw(bytes.length + 1);
  switch (draw(8)) {
    case 0:
      return replaced(bytes, offset, 1, Uint8Array.of(draw(256)));
    case 1:
      return bytes.slice(0, offset);
    case 2:
      return replaced(bytes, offset, draw(8), new Uint8Array(0));
    case 3: {
      // Lengths and numbers that are longer than they should be.
      const run = noise(draw, draw(12)).map((byte) => byte | 0x80);
      return replaced(bytes, offset, 0, run);
    }
    case 4: {
      const other = pick(draw, samples);
      return replaced(bytes, offset, 0, other.subarray(draw(other.length + 1)).subarray(0, 32));
    }
    case 5: {
      const edge = Buffer.alloc(4);
      edge.writeUInt32BE(pick(draw, edges));
      if (draw(2) === 0) edge.reverse();
      return replaced(bytes, offset, 4, edge);
    }
    case 6:
      // The same again, as long as it does not grow without end.
      return bytes.length > 4096 ? bytes : replaced(bytes, offset, 0, bytes.subarray(0, 256));
    default:
      return replaced(bytes, offset, 1, Uint8Array.of((bytes[offset] ?? 0) ^ (1 << draw(8))));
  }
}

/** `bytes` with `count` of them at `offset` replaced by others. */
function replaced(bytes: Uint8Array, offset: number, count: number, by: Uint8Array): Uint8Array {
  const tail = bytes.subarray(Math.min(bytes.length, offset + count));
  const result = new Uint8Array(offset + by.length + tail.length);
  result.set(bytes.subarray(0, offset));
  result.set(by, offset);
  result.set(tail, offset + by.length);
  return result;
}
