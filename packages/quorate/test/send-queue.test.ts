import { Writable } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SendQueue } from "../src/send-queue.ts";

/** A connection that keeps what it gets, and takes more when it is told to. */
class SlowSocket extends Writable {
  readonly taken: Buffer[] = [];
  #done: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 16 });
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer }[],
    done: (error?: Error | null) => void,
  ): void {
    this.taken.push(Buffer.concat(chunks.map(({ chunk }) => chunk)));
    this.#done = done;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this._writev([{ chunk }], done);
  }

  /** Takes what it was given, and resolves when what follows was given. */
  async take(): Promise<void> {
    const done = this.#done;
    this.#done = undefined;
    done?.();
    await turn();
  }
}

/** Lets everything run that waits its turn. */
function turn(): Promise<void> {
  return new Promise((next) => {
    setImmediate(next);
  });
}

test("what is pushed within one turn leaves in one write", async () => {
  const socket = new SlowSocket();
  const queue = new SendQueue(socket, 1000);
  for (const text of ["ab", "c", "def"]) {
    expect(queue.push([Buffer.from(text), new Uint8Array(0), Buffer.from("-")])).toBe(true);
  }
  expect(socket.taken).toEqual([]);
  await turn();
  expect(socket.taken.map(String)).toEqual(["ab-c-def-"]);
  expect([queue.bytes, queue.takenBytes]).toEqual([9, 0]);
  await socket.take();
  expect([queue.bytes, queue.takenBytes]).toEqual([0, 9]);
});

test("a frame that does not fit is dropped whole, and fits later", async () => {
  const socket = new SlowSocket();
  const queue = new SendQueue(socket, 10);
  expect(queue.push([Buffer.alloc(6, "a")])).toBe(true);
  expect(queue.push([Buffer.alloc(2, "b"), Buffer.alloc(3, "b")])).toBe(false);
  expect(queue.push([Buffer.alloc(4, "c")])).toBe(true);
  expect(queue.push([Buffer.alloc(1, "d")])).toBe(false);
  await turn();
  await socket.take();
  expect(queue.push([Buffer.alloc(10, "e")])).toBe(true);
  await turn();
  await socket.take();
  expect(Buffer.concat(socket.taken).toString()).toBe("aaaaaacccceeeeeeeeee");
});

test("all bytes leave in order, whatever their pieces", async () => {
  const piece = fc.oneof(fc.nat({ max: 40 }), fc.integer({ min: 8000, max: 600_000 }));
  const frames = fc.array(fc.array(piece, { maxLength: 6 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(frames, async (sizes) => {
      const socket = new SlowSocket();
      const queue = new SendQueue(socket, Number.MAX_SAFE_INTEGER);
      const expected: Buffer[] = [];
      let seed = 0;
      for (const [position, frame] of sizes.entries()) {
        const chunks = frame.map((size) => Buffer.alloc(size, ++seed));
        expected.push(...chunks);
        queue.push(chunks);
        if (position % 3 === 2) await turn();
      }
      await turn();
      while (queue.bytes > 0) await socket.take();
      expect(Buffer.concat(socket.taken).equals(Buffer.concat(expected))).toBe(true);
      expect(queue.takenBytes).toBe(Buffer.concat(expected).length);
    }),
    { numRuns: 40 },
  );
});
