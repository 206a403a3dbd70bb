import type { SnapshotOptions } from "@quorate/runtime";
import type { LoopbackFrame } from "@quorate/runtime/testing";
import type { MemoryDisk } from "@quorate/wal/testing";
import { decodeSnapshotChunk, decodeSnapshotOffer, decodeSnapshotReceipt } from "@quorate/wire";
import { expect } from "vitest";
import { type Machine, Outland, Outpost } from "./outpost.ts";

/** The nodes of a trio. */
export const voters: readonly number[] = [1, 2, 3];

/** Three nodes, the first of which leads. */
export class Trio<M extends Machine> {
  readonly land: Outland = new Outland();
  readonly posts = new Map<number, Outpost>();
  readonly machines = new Map<number, M>();
  readonly #newMachine: (id: number) => M;
  readonly #snapshots: SnapshotOptions;

  constructor(newMachine: (id: number) => M, snapshots: SnapshotOptions) {
    this.#newMachine = newMachine;
    this.#snapshots = snapshots;
  }

  static async ready<M extends Machine>(
    newMachine: (id: number) => M,
    snapshots: SnapshotOptions = {},
  ): Promise<Trio<M>> {
    const trio = new Trio(newMachine, snapshots);
    for (const id of voters) await trio.start(id);
    await trio.land.settle();
    trio.post(1).do((node) => node.campaign());
    await trio.land.until(() => voters.every((id) => trio.post(id).node.appliedIndex === 1));
    return trio;
  }

  /** The third cut off, and so far behind that the others have forgotten what it needs. */
  static async lagging<M extends Machine>(
    newMachine: (id: number) => M,
    snapshots: SnapshotOptions = {},
  ): Promise<Trio<M>> {
    const trio = await Trio.ready(newMachine, snapshots);
    trio.land.hub.isolate(3);
    // Long enough for nobody to count on it any more.
    await trio.land.run(300);
    await trio.write(1, 40);
    expect(trio.post(1).firstIndex).toBeGreaterThan(30);
    return trio;
  }

  async start(id: number, memory?: MemoryDisk): Promise<Outpost> {
    const machine = this.#newMachine(id);
    const options = { id, voters, machine, snapshots: this.#snapshots };
    const given = memory === undefined ? options : { ...options, memory };
    const post = await Outpost.open(this.land, given);
    this.posts.set(id, post);
    this.machines.set(id, machine);
    return post;
  }

  post(id: number): Outpost {
    return this.posts.get(id) ?? expect.unreachable();
  }

  machine(id: number): M {
    return this.machines.get(id) ?? expect.unreachable();
  }

  /** Has the first propose commands, one by one. */
  async write(from: number, to: number): Promise<void> {
    for (let number = from; number <= to; number++) {
      this.post(1).propose(number, number);
      await this.land.settle();
    }
  }

  /** Waits until all have the same commands, as many as there are. */
  async untilEqual(count: number): Promise<void> {
    await this.land.until(() => voters.every((id) => this.machine(id).commands.length === count));
    for (const id of voters) {
      expect(this.machine(id).commands).toEqual(this.machine(1).commands);
      expect(this.post(id).failure).toBeUndefined();
    }
  }

  async close(): Promise<void> {
    const closing = [...this.posts.values()].map((post) => post.close());
    await this.land.settle();
    await Promise.all(closing);
    expect(this.land.clock.timerCount).toBe(0);
  }
}

/** Counts the frames of snapshots on the hub, and decides how often each is delivered. */
export class Wiretap {
  readonly offers: number[] = [];
  chunkCount = 0;
  chunkBytes = 0;
  largestChunk = 0;
  /** The most that was sent and not acknowledged. */
  inFlightMost = 0;
  readonly receipts: string[] = [];
  #sentTo = 0;
  copies: (frame: LoopbackFrame) => number = () => 1;

  constructor(land: Outland) {
    land.hub.meddle((frame) => {
      this.#note(frame);
      return this.copies(frame);
    });
  }

  #note({ frame: { type, payload } }: LoopbackFrame): void {
    if (type === "snapshot-offer") this.offers.push(decodeSnapshotOffer(payload).streamId);
    if (type === "snapshot-chunk") {
      const { offset, data } = decodeSnapshotChunk(payload);
      this.chunkCount++;
      this.chunkBytes += data.length;
      this.largestChunk = Math.max(this.largestChunk, data.length);
      this.#sentTo = offset + data.length;
    }
    if (type === "snapshot-receipt") {
      const receipt = decodeSnapshotReceipt(payload);
      this.receipts.push(receipt.state === "refused" ? receipt.code : receipt.state);
      this.inFlightMost = Math.max(this.inFlightMost, this.#sentTo - receipt.received);
    }
  }
}
