import fc from "fast-check";
import { expect, test } from "vitest";
import { type SnapshotChunks, SnapshotContent } from "./snapshot-content.ts";

async function takeAll(content: SnapshotContent, length: number): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const piece = await content.take(length);
    if (piece.length === 0) return pieces;
    pieces.push(piece);
  }
}

async function* slowly(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  for (const chunk of chunks) yield chunk;
}

test("SnapshotContent cuts chunks of any lengths into pieces of the one asked for", async () => {
  const property = async (
    chunks: readonly Uint8Array[],
    length: number,
    isSlow: boolean,
  ): Promise<void> => {
    const whole = chunks.flatMap((chunk) => [...chunk]);
    const pieces = await takeAll(new SnapshotContent(isSlow ? slowly(chunks) : chunks), length);
    expect(pieces.flatMap((piece) => [...piece])).toEqual(whole);
    expect(pieces.slice(0, -1).every((piece) => piece.length === length)).toBe(true);
  };
  const chunks = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 1, max: 12 }), fc.boolean(), property),
  );
});

/** Chunks that end badly. */
function newFailing(): SnapshotChunks {
  return {
    *[Symbol.iterator]() {
      yield Uint8Array.of(1);
      throw new RangeError("no more");
    },
  };
}

/** A value of a type that only JavaScript would give. */
function untyped<T>(value: unknown): T {
  return value as T;
}

test.each([
  ["throw", newFailing(), "no more"],
  ["are none", untyped<SnapshotChunks>(7), "operator"],
  ["are no bytes", untyped<SnapshotChunks>(["text"]), "no Uint8Array"],
] as const)(
  "SnapshotContent.take rejects with snapshot_failed if the chunks %s",
  async (_, chunks, text) => {
    const taking = takeAll(new SnapshotContent(chunks), 1);
    await expect(taking).rejects.toMatchObject({ code: "snapshot_failed" });
    await expect(taking).rejects.toThrow(text);
  },
);

test("SnapshotContent.close lets the state machine know, unless it knows", async () => {
  let endCount = 0;
  const chunks = {
    *[Symbol.iterator]() {
      try {
        yield Uint8Array.of(1);
        yield Uint8Array.of(2);
      } finally {
        endCount++;
      }
    },
  };
  const content = new SnapshotContent(chunks);
  await content.take(1);
  await content.close();
  await content.close();
  expect(endCount).toBe(1);
  expect(await content.take(1)).toHaveLength(0);

  const whole = new SnapshotContent(chunks);
  await takeAll(whole, 1);
  await whole.close();
  expect(endCount).toBe(2);
});
