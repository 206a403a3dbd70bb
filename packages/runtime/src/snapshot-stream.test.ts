import { confStateOf } from "@quorate/core";
import type { SnapshotChunk } from "@quorate/wire";
import { expect, test } from "vitest";
import { validateSnapshotOptions } from "./snapshot-options.ts";
import type { SnapshotSource } from "./snapshot-source.ts";
import { SnapshotStream } from "./snapshot-stream.ts";
import { SnapshotThrottle } from "./snapshot-throttle.ts";
import { ManualClock } from "./testing.ts";

/** Reads that end when told to, of 40 bytes that say where they stand. */
class SlowSource implements SnapshotSource {
  readonly snapshot = { term: 1, index: 9, confState: confStateOf([1]) };
  readonly members = new Uint8Array(0);
  readonly id = new Uint8Array(16);
  readonly bytes = 40;
  readonly checksum = 7;
  readonly offsets: number[] = [];
  isClosed = false;
  #finish: (() => void) | undefined;

  read(offset: number, length: number): Promise<Uint8Array> {
    expect(this.#finish).toBeUndefined();
    expect(this.isClosed).toBe(false);
    this.offsets.push(offset);
    const data = Uint8Array.from({ length: 40 }, (_, at) => at).slice(offset, offset + length);
    return new Promise((resolve) => {
      this.#finish = () => resolve(data);
    });
  }

  async finish(): Promise<void> {
    const finish = this.#finish;
    this.#finish = undefined;
    finish?.();
    await turns();
  }

  async close(): Promise<void> {
    expect(this.#finish).toBeUndefined();
    this.isClosed = true;
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** A stream over a network that takes everything, and what it sent. */
async function newStream(bytesPerSecond = Infinity): Promise<{
  clock: ManualClock;
  source: SlowSource;
  stream: SnapshotStream;
  sent: SnapshotChunk[];
  told: string[];
  network: { hasRoom: boolean };
  more: (received: number) => Promise<void>;
}> {
  const clock = new ManualClock();
  const source = new SlowSource();
  const sent: SnapshotChunk[] = [];
  const told: string[] = [];
  const network = { hasRoom: true };
  const resume = (work: () => void): void => work();
  const stream = new SnapshotStream(
    { peer: 2, streamId: 5, term: 1, index: 8 },
    {
      clock,
      options: validateSnapshotOptions({
        snapshotChunkBytes: 10,
        snapshotWindowBytes: 20,
        snapshotStallMs: 4000,
      }),
      throttle: new SnapshotThrottle(clock, bytesPerSecond, resume),
      open: async () => source,
      sendOffer: () => {
        told.push("offer");
        return true;
      },
      sendChunk: (_, chunk) => {
        if (network.hasRoom) sent.push(chunk);
        return network.hasRoom;
      },
      onEnded: (_, ending) => told.push(ending.kind),
      resume,
    },
  );
  await turns();
  const more = async (received: number): Promise<void> => {
    stream.onReceipt({ streamId: 5, received, state: "more" });
    await turns();
  };
  return { clock, source, stream, sent, told, network, more };
}

test("a stream sends within its window, and names the checksum at the end", async () => {
  const { source, stream, sent, told, more } = await newStream();
  expect(stream.index).toBe(9);
  await more(0);
  for (let read = 0; read < 3; read++) await source.finish();
  expect(sent.map(({ offset }) => offset)).toEqual([0, 10]);
  await more(10);
  await source.finish();
  await more(30);
  for (let read = 0; read < 3; read++) await source.finish();
  expect(sent.at(-1)).toEqual({
    streamId: 5,
    offset: 40,
    data: new Uint8Array(0),
    last: true,
    checksum: 7,
  });
  stream.onReceipt({ streamId: 5, received: 40, state: "installed" });
  expect(told).toEqual(["offer", "installed"]);
  await stream.cancel();
  expect(source.isClosed).toBe(true);
});

test("what was read before the follower asked to go back is not sent in another place", async () => {
  const { clock, source, stream, sent, told, more } = await newStream();
  await more(0);
  await source.finish();
  expect(source.offsets).toEqual([0, 10]);
  // The first piece was lost: in silence, the snapshot is offered again.
  clock.advance(1000);
  expect(told).toEqual(["offer", "offer"]);
  await more(0);
  await source.finish();
  expect(source.offsets).toEqual([0, 10, 0]);
  await source.finish();
  expect(sent.map(({ offset, data }) => [offset, data[0]])).toEqual([
    [0, 0],
    [0, 0],
  ]);
  await Promise.all([stream.cancel(), source.finish()]);
});

test("a follower that is further than thought is sent what it lacks", async () => {
  const { source, stream, sent, more } = await newStream();
  await more(0);
  await source.finish();
  await more(30);
  await source.finish();
  await source.finish();
  expect(sent.map(({ offset }) => offset)).toEqual([0, 30]);
  await Promise.all([stream.cancel(), source.finish()]);
});

test("cancel waits for the read that runs, and then lets go of the source", async () => {
  const { source, stream, told, sent, more } = await newStream();
  await more(0);
  let isOver = false;
  const ending = stream.cancel().then(() => (isOver = true));
  await turns();
  expect(isOver).toBe(false);
  await source.finish();
  await ending;
  expect(source.isClosed).toBe(true);
  expect(sent).toEqual([]);
  await more(0);
  expect(told).toEqual(["offer"]);
});

test("a source that cannot be read ends the stream", async () => {
  const { stream, source, told, more } = await newStream();
  source.read = () => Promise.reject(new RangeError("no"));
  await more(0);
  expect(told).toEqual(["offer", "given-up"]);
  await stream.cancel();
  expect(source.isClosed).toBe(true);
});

test("a piece that the network has no room for is kept, and sent when it has", async () => {
  const { clock, source, stream, sent, network, more } = await newStream();
  network.hasRoom = false;
  await more(0);
  await source.finish();
  clock.advance(500);
  expect(source.offsets).toEqual([0]);
  network.hasRoom = true;
  clock.advance(50);
  expect(sent.map(({ offset }) => offset)).toEqual([0]);
  await Promise.all([stream.cancel(), source.finish()]);
  expect(clock.timerCount).toBe(0);
});

test("a follower hears of a snapshot that is held up here for long, and its turn is kept", async () => {
  const { clock, source, stream, sent, told, more } = await newStream(1);
  await more(0);
  await source.finish();
  await more(10);
  // The first piece left a debt of ten seconds.
  await source.finish();
  expect(sent).toHaveLength(1);
  for (let second = 0; second < 9; second++) clock.advance(1000);
  expect(told).toEqual(["offer", "offer", "offer"]);
  await more(10);
  expect(source.offsets).toEqual([0, 10]);
  clock.advance(1000);
  expect(sent.map(({ offset }) => offset)).toEqual([0, 10]);
  await Promise.all([stream.cancel(), source.finish()]);
});
