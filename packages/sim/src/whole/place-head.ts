/** How many bytes stand before a state, and say after how many commands it was. */
const headBytes = 4;

/** The chunks of a state after `count` commands, with that said before them. */
export async function* withPlace(
  count: number,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const head = new Uint8Array(headBytes);
  new DataView(head.buffer).setUint32(0, count);
  yield head;
  yield* chunks;
}

/** What `withPlace` gave, cut anywhere, without what it said, which `onPlace` is told. */
export async function* withoutPlace(
  chunks: AsyncIterable<Uint8Array>,
  onPlace: (count: number) => void,
): AsyncGenerator<Uint8Array, void> {
  const head = new Uint8Array(headBytes);
  let taken = 0;
  for await (const chunk of chunks) {
    const part = chunk.subarray(0, headBytes - taken);
    head.set(part, taken);
    taken += part.length;
    if (part.length > 0 && taken === headBytes) onPlace(new DataView(head.buffer).getUint32(0));
    if (chunk.length > part.length) yield chunk.subarray(part.length);
  }
}
