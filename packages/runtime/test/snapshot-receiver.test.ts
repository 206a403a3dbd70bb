import { confStateOf, type Entry, newEntry, origin, type Snapshot } from "@quorate/core";
import type { Network, SnapshotOptions } from "@quorate/runtime";
import {
  crc32c,
  decodeSnapshotReceipt,
  encodeBatch,
  encodeFrame,
  encodeSnapshotChunk,
  encodeSnapshotOffer,
  type SnapshotOffer,
} from "@quorate/wire";
import { expect, test } from "vitest";
import { bytesOf } from "./journal.ts";
import { Ledger } from "./ledger.ts";
import { type Machine, Outland, Outpost } from "./outpost.ts";

/** A node that says to another whatever a test wants. */
class Stranger {
  /** What the other answered: state, or code of the refusal, and bytes. */
  readonly answers: string[] = [];
  readonly #network: Network;
  readonly #land: Outland;

  private constructor(land: Outland, id: number) {
    this.#land = land;
    this.#network = land.hub.network(id);
  }

  static async open(land: Outland, id: number): Promise<Stranger> {
    const stranger = new Stranger(land, id);
    await stranger.#network.open({
      onFrame: (_, { type, payload }) => {
        if (type !== "snapshot-receipt") return;
        const receipt = decodeSnapshotReceipt(payload);
        const what = receipt.state === "refused" ? receipt.code : receipt.state;
        stranger.answers.push(`${receipt.streamId} ${what} ${receipt.received}`);
      },
      onConnected: () => {},
      onDisconnected: () => {},
      onRemoved: () => {},
      onPeerSeen: () => {},
    });
    return stranger;
  }

  async offer(change: Partial<SnapshotOffer> = {}): Promise<void> {
    const offer = { ...offered, ...change };
    this.#network.send(3, encodeFrame("snapshot-offer", encodeSnapshotOffer(offer)));
    await this.#land.settle();
  }

  /** Sends `text` as the piece at `offset`; with a checksum, it is the last. */
  async chunk(streamId: number, offset: number, text: string, checksum?: number): Promise<void> {
    const piece = { streamId, offset, data: bytesOf(text) };
    const chunk =
      checksum === undefined
        ? ({ ...piece, last: false } as const)
        : ({ ...piece, last: true, checksum } as const);
    this.#network.send(3, encodeFrame("snapshot-chunk", encodeSnapshotChunk(chunk)));
    await this.#land.settle();
  }

  /** Sends the first entries of the log, all of them committed, as the leader of term 1. */
  async append(entries: readonly Entry[]): Promise<void> {
    const append = {
      kind: "append-entries",
      from: 1,
      to: 3,
      term: 1,
      prev: origin,
      entries,
      commitIndex: entries.length,
    } as const;
    this.#network.send(3, encodeFrame("raft", encodeBatch([append])));
    await this.#land.settle();
  }

  /** Tells the other that this node leads in `term`. */
  async lead(id: number, term: number): Promise<void> {
    const heartbeat = {
      kind: "heartbeat",
      from: id,
      to: 3,
      term,
      commitIndex: 0,
      readRound: 0,
    } as const;
    this.#network.send(3, encodeFrame("raft", encodeBatch([heartbeat])));
    await this.#land.settle();
  }
}

const content = "one\ntwo\nthree\n";
const checksum = crc32c(bytesOf(content));
const snapshot: Snapshot = { term: 1, index: 20, confState: confStateOf([1, 2, 3]) };
const offered: SnapshotOffer = {
  streamId: 7,
  snapshotId: new Uint8Array(16).fill(5),
  term: 1,
  snapshot,
  members: Uint8Array.of(1),
  bytes: content.length,
};

/** Node 3, empty, and nodes 1 and 2 in the hands of the test. */
async function newScene(
  machine: Machine = new Ledger(),
  snapshots: SnapshotOptions = {},
): Promise<{ land: Outland; post: Outpost; one: Stranger; two: Stranger }> {
  const land = new Outland();
  const post = await Outpost.open(land, { id: 3, voters: [1, 2, 3], machine, snapshots });
  const [one, two] = [await Stranger.open(land, 1), await Stranger.open(land, 2)];
  await land.settle();
  return { land, post, one, two };
}

async function snapshotFileCount(post: Outpost): Promise<number> {
  return (await post.memory.list()).filter((name) => name.includes("snap")).length;
}

test("a snapshot is installed from its pieces, each told when it is written", async () => {
  const { post, one } = await newScene();
  await one.offer();
  await one.chunk(7, 0, content.slice(0, 5));
  await one.chunk(7, 5, content.slice(5), checksum);
  expect(one.answers).toEqual(["7 more 0", "7 more 5", "7 more 14", "7 installed 14"]);
  expect(post.machine.commands).toEqual(["one", "two", "three"]);
  expect(post.node.appliedIndex).toBe(20);
  expect(post.node.confState.voters).toEqual([1, 2, 3]);
  expect(post.wal.base).toMatchObject({ term: 1, index: 20 });
  await post.close();
});

test("pieces out of order, twice or overlapping leave neither holes nor doubles", async () => {
  const { post, one } = await newScene();
  await one.offer();
  await one.chunk(7, 5, content.slice(5, 9));
  await one.chunk(7, 0, content.slice(0, 5));
  await one.chunk(7, 0, content.slice(0, 5));
  await one.chunk(7, 2, content.slice(2, 10));
  await one.chunk(7, 9, content.slice(9), checksum);
  expect(post.machine.commands).toEqual(["one", "two", "three"]);
  await post.close();
});

test("a snapshot that does not match its checksum or length is refused, and removed", async () => {
  for (const change of [{ checksum: checksum ^ 1 }, { bytes: 13 }, { bytes: 15 }]) {
    const { post, one } = await newScene();
    await one.offer({ bytes: change.bytes ?? 14 });
    await one.chunk(7, 0, content, change.checksum ?? checksum);
    expect(one.answers.at(-1)).toBe("7 corrupt 0");
    expect(post.told).toEqual(["refused 1 corrupt"]);
    expect(await snapshotFileCount(post)).toBe(1);
    // A good one is welcome after it.
    await one.offer({ streamId: 8 });
    await one.chunk(8, 0, content, checksum);
    expect(post.machine.commands).toEqual(["one", "two", "three"]);
    await post.close();
  }
});

test("more than was announced is refused before its end", async () => {
  const { post, one } = await newScene();
  await one.offer({ bytes: 10 });
  await one.chunk(7, 0, content.slice(0, 11));
  expect(one.answers.at(-1)).toBe("7 corrupt 0");
  await post.close();
});

test("a snapshot of what is committed here already counts as installed", async () => {
  const { post, one } = await newScene();
  await one.offer();
  await one.chunk(7, 0, content, checksum);
  for (const index of [20, 19]) {
    await one.offer({
      streamId: 8,
      snapshotId: new Uint8Array(16),
      snapshot: { ...snapshot, index },
    });
    expect(one.answers.at(-1)).toBe("8 installed 0");
  }
  expect(post.told).toEqual(["received 20 from 1", "restored 20"]);
  await post.close();
});

test("a leader that was deposed is refused, and what it sent kept for the next", async () => {
  const { post, one, two } = await newScene();
  await one.offer();
  await one.chunk(7, 0, content.slice(0, 5));
  await two.lead(2, 2);
  await one.chunk(7, 5, content.slice(5), checksum);
  expect(one.answers.at(-1)).toBe("7 not_leader 0");
  await one.chunk(7, 5, content.slice(5), checksum);
  await one.offer({ streamId: 8 });
  expect(one.answers.slice(-2)).toEqual(["7 not_leader 0", "8 not_leader 0"]);

  await two.offer({ term: 2 });
  expect(two.answers).toEqual(["7 more 5"]);
  await two.chunk(7, 5, content.slice(5), checksum);
  expect(two.answers.at(-1)).toBe("7 installed 14");
  expect(post.machine.commands).toEqual(["one", "two", "three"]);
  await post.close();
});

test("a write that ends after its stream was refused is told to nobody, and counts", async () => {
  const { land, post, one, two } = await newScene();
  await one.offer();
  // All in one turn: the first piece is still being written when its leader is deposed and refused.
  const sent = [one.chunk(7, 0, content.slice(0, 5)), two.lead(2, 2)];
  sent.push(one.chunk(7, 5, content.slice(5), checksum));
  await Promise.all(sent);
  await land.settle();
  expect(post.failure).toBeUndefined();
  expect(one.answers).toEqual(["7 more 0", "7 not_leader 0"]);
  await two.offer({ term: 2 });
  expect(two.answers).toEqual(["7 more 5"]);
  await post.close();
});

test("an offer of a newer term takes the place of an older one, and not the other way", async () => {
  const { post, one, two } = await newScene();
  await one.offer();
  await two.offer({ term: 2, snapshotId: new Uint8Array(16).fill(6) });
  expect(two.answers).toEqual(["7 more 0"]);
  await one.offer({ streamId: 9 });
  await one.chunk(7, 0, content, checksum);
  expect(one.answers).toEqual(["7 more 0", "9 not_leader 0"]);
  await two.chunk(7, 0, content, checksum);
  expect(two.answers.at(-1)).toBe("7 installed 14");
  expect(post.node.term).toBe(2);
  await post.close();
});

test("a newer stream of the same leader takes the place of an older one", async () => {
  const { post, one } = await newScene();
  await one.offer();
  await one.chunk(7, 0, content.slice(0, 5));
  const newer = {
    streamId: 8,
    snapshotId: new Uint8Array(16).fill(6),
    snapshot: { ...snapshot, index: 30 },
  };
  await one.offer(newer);
  // The old one comes late.
  await one.offer();
  await one.chunk(7, 5, content.slice(5), checksum);
  await one.chunk(8, 0, content, checksum);
  expect(one.answers.slice(2)).toEqual(["8 more 0", "8 more 14", "8 installed 14"]);
  expect(post.node.appliedIndex).toBe(30);
  // What was there before it is gone.
  expect(await snapshotFileCount(post)).toBe(1);
  await post.close();
});

test("what was stored when its leader was deposed is installed for the next", async () => {
  const { land, post, one, two } = await newScene();
  await one.offer();
  post.disk.holdsSyncs = true;
  await one.chunk(7, 0, content, checksum);
  expect(one.answers.at(-1)).toBe("7 more 14");
  // Neither a newer snapshot nor the same one changes what is being made durable.
  await one.offer({
    streamId: 8,
    snapshotId: new Uint8Array(16),
    snapshot: { ...snapshot, index: 21 },
  });
  expect(one.answers.at(-1)).toBe("8 busy 0");
  await two.lead(2, 2);
  post.disk.release();
  await land.settle();
  expect(one.answers.at(-1)).toBe("7 not_leader 0");
  expect(post.store.newest?.snapshot.index).toBe(20);
  expect(post.node.commitIndex).toBe(0);
  await two.offer({
    term: 2,
    snapshotId: new Uint8Array(16).fill(9),
    snapshot: { ...snapshot, index: 15 },
  });
  expect(two.answers).toEqual(["7 installed 14"]);
  await land.settle();
  expect(post.machine.commands).toEqual(["one", "two", "three"]);
  expect(post.node.appliedIndex).toBe(20);
  await post.close();
});

test("what comes faster than the disk writes is passed over, but for one piece", async () => {
  const { land, post, one } = await newScene(new Ledger(), {
    snapshotWindowBytes: 8,
    snapshotChunkBytes: 8,
  });
  await one.offer();
  // Three pieces in one turn: the second still fits into the window, the third does not.
  const sent = [one.chunk(7, 0, content.slice(0, 6)), one.chunk(7, 6, content.slice(6, 8))];
  sent.push(one.chunk(7, 8, content.slice(8), checksum));
  await Promise.all(sent);
  await land.settle();
  expect(one.answers).toEqual(["7 more 0", "7 more 6", "7 more 8"]);
  await one.chunk(7, 8, content.slice(8), checksum);
  expect(one.answers.at(-1)).toBe("7 installed 14");
  await post.close();
});

test("a state machine that cannot be restored is sent nothing", async () => {
  const ledger = new Ledger();
  const machine = {
    commands: ledger.commands,
    apply: ledger.apply.bind(ledger),
    query: ledger.query.bind(ledger),
  };
  const { post, one } = await newScene(machine);
  await one.offer();
  expect(one.answers).toEqual(["7 snapshot_failed 0"]);
  await post.close();
});

test("a snapshot of a group that this node is no member of is installed all the same", async () => {
  const { post, one } = await newScene();
  await one.offer({ snapshot: { ...snapshot, confState: confStateOf([1, 2]) } });
  await one.chunk(7, 0, content, checksum);
  expect(one.answers.at(-1)).toBe("7 installed 14");
  expect(post.node.appliedIndex).toBe(20);
  await post.close();
});

test("what came of a snapshot is dropped when the log brings the rest", async () => {
  const { land, post, one } = await newScene();
  await one.offer({ snapshot: { ...snapshot, index: 2 } });
  await one.chunk(7, 0, content.slice(0, 5));
  await one.append([
    newEntry({ term: 1, index: 1 }, "no-op"),
    newEntry({ term: 1, index: 2 }, "no-op"),
  ]);
  await land.settle();
  expect(post.node.appliedIndex).toBe(2);
  expect(post.receiver.receiving).toBeUndefined();
  expect(await snapshotFileCount(post)).toBe(1);
  await post.close();
  expect(land.clock.timerCount).toBe(0);
});
