import { Writable } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Lane, type LaneLimits, SendQueue } from "../src/send-queue.ts";

const unlimited: LaneLimits = {
  urgent: Number.MAX_SAFE_INTEGER,
  bulk: Number.MAX_SAFE_INTEGER,
};

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
  const queue = new SendQueue(socket, { urgent: 1000, bulk: 1000 });
  for (const text of ["ab", "c", "def"]) {
    expect(queue.push([Buffer.from(text), new Uint8Array(0), Buffer.from("-")], "urgent")).toBe(
      true,
    );
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
  const queue = new SendQueue(socket, { urgent: 10, bulk: 5 });
  expect(queue.push([Buffer.alloc(6, "a")], "urgent")).toBe(true);
  expect(queue.push([Buffer.alloc(2, "b"), Buffer.alloc(3, "b")], "urgent")).toBe(false);
  expect(queue.push([Buffer.alloc(4, "c")], "urgent")).toBe(true);
  expect(queue.push([Buffer.alloc(1, "d")], "urgent")).toBe(false);
  await turn();
  await socket.take();
  expect(queue.push([Buffer.alloc(10, "e")], "urgent")).toBe(true);
  await turn();
  await socket.take();
  expect(Buffer.concat(socket.taken).toString()).toBe("aaaaaacccceeeeeeeeee");
});

test("a lane that is full takes nothing, and the other still does", async () => {
  const socket = new SlowSocket();
  const queue = new SendQueue(socket, { urgent: 10, bulk: 5 });
  expect(queue.push([Buffer.alloc(6, "a")], "bulk")).toBe(false);
  expect(queue.push([Buffer.alloc(5, "b")], "bulk")).toBe(true);
  expect(queue.push([Buffer.alloc(1, "c")], "bulk")).toBe(false);
  expect(queue.push([Buffer.alloc(10, "d")], "urgent")).toBe(true);
  expect(queue.push([Buffer.alloc(1, "e")], "urgent")).toBe(false);
  expect(queue.bytes).toBe(15);
  await turn();
  await socket.take();
  // What has left makes room in its own lane.
  expect(queue.push([Buffer.alloc(1, "f")], "bulk")).toBe(false);
  expect(queue.push([Buffer.alloc(10, "g")], "urgent")).toBe(true);
  while (queue.bytes > 0) await socket.take();
  expect(Buffer.concat(socket.taken).toString()).toBe("ddddddddddbbbbbgggggggggg");
  expect(queue.push([Buffer.alloc(5, "h")], "bulk")).toBe(true);
});

test("an urgent frame waits for one bulk frame at most, which it does not cut up", async () => {
  const socket = new SlowSocket();
  const queue = new SendQueue(socket, unlimited);
  const bulk = (letter: string): Buffer => Buffer.alloc(600_000, letter);
  for (const letter of "abc") queue.push([bulk(letter), bulk(letter)], "bulk");
  await turn();
  queue.push([Buffer.from("first")], "urgent");
  await socket.take();
  queue.push([Buffer.from("second")], "urgent");
  while (queue.bytes > 0) await socket.take();
  const expected = [bulk("a"), bulk("a"), Buffer.from("firstsecond")];
  expected.push(...["b", "b", "c", "c"].map(bulk));
  expect(Buffer.concat(socket.taken).equals(Buffer.concat(expected))).toBe(true);
});

test("a queue that is ended sends what it has, takes nothing more, and ends the connection", async () => {
  const socket = new SlowSocket();
  const queue = new SendQueue(socket, unlimited);
  queue.push([Buffer.from("bulk")], "bulk");
  queue.push([Buffer.from("urgent")], "urgent");
  queue.end();
  queue.end();
  expect(queue.push([Buffer.from("late")], "urgent")).toBe(false);
  while (queue.bytes > 0) {
    expect(socket.writableEnded).toBe(false);
    await turn();
    await socket.take();
  }
  expect(Buffer.concat(socket.taken).toString()).toBe("urgentbulk");
  expect(socket.writableEnded).toBe(true);
  const idle = new SlowSocket();
  new SendQueue(idle, unlimited).end();
  expect(idle.writableEnded).toBe(true);
});

test("frames leave whole, each lane in its order, whatever their pieces", async () => {
  const piece = fc.oneof(fc.nat({ max: 40 }), fc.integer({ min: 8000, max: 600_000 }));
  const frame = fc.record({
    sizes: fc.array(piece, { maxLength: 6 }),
    lane: fc.constantFrom("urgent" as const, "bulk" as const),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 12 }), async (frames) => {
      const socket = new SlowSocket();
      const queue = new SendQueue(socket, unlimited);
      const waiting: Record<Lane, Buffer[]> = { urgent: [], bulk: [] };
      let bytes = 0;
      for (const [position, { sizes, lane }] of frames.entries()) {
        const chunks = sizes.map((size) => Buffer.alloc(size, position + 1));
        const whole = Buffer.concat(chunks);
        bytes += whole.length;
        if (whole.length > 0) waiting[lane].push(whole);
        queue.push(chunks, lane);
        if (position % 3 === 2) await turn();
        if (position % 5 === 4) await socket.take();
      }
      await turn();
      while (queue.bytes > 0) await socket.take();
      let rest = Buffer.concat(socket.taken);
      expect([queue.takenBytes, rest.length]).toEqual([bytes, bytes]);
      while (rest.length > 0) {
        // Every frame is filled with a byte of its own.
        const lane = waiting.urgent[0]?.[0] === rest[0] ? "urgent" : "bulk";
        const next = waiting[lane].shift() ?? Buffer.alloc(1);
        expect(rest.subarray(0, next.length).equals(next)).toBe(true);
        rest = rest.subarray(next.length);
      }
    }),
    { numRuns: 40 },
  );
});
