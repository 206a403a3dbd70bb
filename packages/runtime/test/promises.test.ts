import { assert, isUpToDate, type Message, type NodeId, type Storage } from "@quorate/core";
import { SeededRandom } from "@quorate/runtime/testing";
import { openWal } from "@quorate/wal";
import type { MemoryDisk } from "@quorate/wal/testing";
import { decodeBatch, type Frame } from "@quorate/wire";
import { expect, test } from "vitest";
import { Cluster, type Member, Watched } from "./cluster.ts";
import { bytesOf } from "./journal.ts";

/** A message that promises something about its sender's disk, and what would have survived just then. */
interface Promised {
  readonly message: Message;
  readonly disk: MemoryDisk;
}

/** A call, and what its caller may conclude from how it ended. */
interface Write {
  readonly text: string;
  readonly call: Watched<unknown>;
}

/** One run of a cluster whose disks fill up, fail, stop and lose power, and whose callers give up. */
class HardTimes {
  readonly cluster: Cluster = new Cluster(3, {
    callTimeoutMs: 2000,
    diskFullRetryMs: 300,
    segmentBytes: 2048,
    unpersistedBytesMax: 3000,
  });
  readonly writes: Write[] = [];
  readonly reads: Watched<unknown>[] = [];
  readonly promises: Promised[] = [];
  readonly #random: SeededRandom;
  readonly #down = new Map<NodeId, MemoryDisk>();

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.cluster.hub.meddle(({ from, frame }) => {
      this.#note(from, frame);
      const draw = this.#below(40);
      return draw === 0 ? 0 : draw === 1 ? 2 : 1;
    });
  }

  async step(): Promise<void> {
    const { cluster } = this;
    const id = 1 + this.#below(3);
    const peer = 1 + ((id + this.#below(2)) % 3);
    const member = cluster.members.find((each) => each.id === id);
    if (member === undefined || member.replica.status().state === "failed") await this.#restart(id);
    else await this.#befall(member, peer);
    this.#release();
    await cluster.run(10 * this.#below(20));
  }

  async #befall(member: Member, peer: NodeId): Promise<void> {
    const { cluster } = this;
    const { id, disk, journal, memory } = member;
    switch (this.#below(16)) {
      case 0:
        cluster.hub.cut(id, peer);
        break;
      case 1:
        cluster.hub.rejoin(id);
        break;
      case 2:
        letApply(member);
        this.#down.set(id, await cluster.crash(id, () => this.#below(2) === 0));
        break;
      case 3:
        memory.intercept = ({ kind }) => (kind === "sync" ? "fail" : undefined);
        break;
      case 4:
        memory.intercept = ({ kind }) => (kind === "create" ? "full" : undefined);
        break;
      case 5:
        memory.intercept = undefined;
        break;
      case 6:
        disk.holdsSyncs = true;
        break;
      case 7:
        journal.holdsApplies = true;
        break;
      case 8:
        this.reads.push(cluster.ask(member));
        break;
      default:
        this.#write(member);
    }
  }

  #release(): void {
    for (const { disk, journal } of this.cluster.members) {
      if (this.#below(4) === 0) disk.release();
      if (this.#below(3) === 0) journal.holdsApplies = false;
      journal.release();
    }
  }

  async #restart(id: NodeId): Promise<void> {
    const { cluster } = this;
    const failed = cluster.members.find((member) => member.id === id);
    if (failed !== undefined) {
      failed.disk.release();
      letApply(failed);
      await failed.replica.close();
    }
    await cluster.start(id, failed?.memory.afterKill() ?? this.#down.get(id));
  }

  /** Ends all faults and waits until every call has settled. */
  async heal(): Promise<void> {
    const { cluster } = this;
    cluster.hub.meddle(({ from, frame }) => {
      this.#note(from, frame);
      return 1;
    });
    for (const id of cluster.voters) {
      const member = cluster.members.find((each) => each.id === id);
      if (member !== undefined) member.memory.intercept = undefined;
      if (member === undefined || member.replica.status().state === "failed") {
        await this.#restart(id);
      }
      cluster.hub.rejoin(id);
    }
    for (const member of cluster.members) {
      member.disk.release();
      letApply(member);
    }
    await cluster.untilLed();
    const calls = [...this.writes.map(({ call }) => call), ...this.reads];
    await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  }

  #write(member: Member): void {
    const text = `w${this.writes.length}`.padEnd(this.#below(4) === 0 ? 300 : 5, ".");
    const controller = new AbortController();
    const timeoutMs = this.#below(3) === 0 ? 1 + this.#below(200) : 2000;
    const { signal } = controller;
    const call = new Watched(member.replica.propose(bytesOf(text), { timeoutMs, signal }));
    const patienceMs = this.#below(800);
    if (patienceMs < 100) this.cluster.clock.setTimer(patienceMs, () => controller.abort());
    this.writes.push({ text, call });
  }

  #note(from: NodeId, frame: Frame): void {
    const member = this.cluster.members.find(({ id }) => id === from);
    assert(member !== undefined, "what was started sends");
    expect(["running", "full"]).toContain(member.replica.status().state);
    if (frame.type !== "raft") return;
    for (const message of decodeBatch(frame.payload)) {
      const isVote = message.kind === "request-vote-response" && message.granted;
      const isPromise =
        isVote || message.kind === "request-vote" || message.kind === "append-entries-response";
      if (!isPromise) continue;
      this.promises.push({ message, disk: member.memory.afterPowerLoss(() => false) });
    }
  }

  #below(bound: number): number {
    return this.#random.uint32() % bound;
  }
}

/** Lets slow applies go on; later ones are not slow. */
function letApply({ journal }: Member): void {
  journal.holdsApplies = false;
  journal.release();
}

/** What a replica that lost power then would have found. */
async function storageOf(disk: MemoryDisk, nodeId: NodeId): Promise<Storage> {
  const identity = { clusterId: "test", nodeId };
  const { wal, storage } = await openWal(disk, { identity, incarnation: new Uint8Array(16) });
  await wal.close();
  return storage;
}

async function checkPromise({ message, disk }: Promised): Promise<void> {
  const { hardState, base, entries } = await storageOf(disk, message.from);
  expect(hardState.term).toBeGreaterThanOrEqual(message.term);
  if (hardState.term > message.term) return;
  if (message.kind === "request-vote") {
    expect(hardState.vote).toBe(message.from);
    // A candidate that follows by now may have more: what it claimed to have, it still has.
    expect(isUpToDate(entries.at(-1) ?? base, message.last)).toBe(true);
  }
  if (message.kind === "request-vote-response") expect(hardState.vote).toBe(message.to);
  if (message.kind === "append-entries-response") {
    expect(base.index + entries.length).toBeGreaterThanOrEqual(message.matchIndex);
  }
}

const seeds = Array.from({ length: 25 }, (_, seed) => seed);

test.each(seeds)("no promise leaves before its disk can keep it, seed %i", async (seed) => {
  const times = new HardTimes(seed);
  const { cluster, writes } = times;
  for (const id of cluster.voters) await cluster.start(id);
  for (let step = 0; step < 80; step++) await times.step();
  await times.heal();
  // The last of the callers' own timers is over, too.
  await cluster.run(100);
  const final = await cluster.read(cluster.leader);
  expect(new Set(final).size).toBe(final.length);
  for (const { text, call } of writes) {
    if (call.code === "resolved") expect(final).toContain(text);
    else if (call.error.outcome === "not-applied") expect(final).not.toContain(text);
  }
  for (const promised of times.promises) await checkPromise(promised);
  await cluster.close();
});
