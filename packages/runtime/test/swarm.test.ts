import type { NodeId } from "@quorate/core";
import { SeededRandom } from "@quorate/runtime/testing";
import type { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { Cluster, type Member, type Watched } from "./cluster.ts";

interface Write {
  readonly text: string;
  readonly call: Watched<unknown>;
}

interface Read {
  /** What was acknowledged before the read began. */
  readonly expected: readonly string[];
  readonly call: Watched<{ readonly answer: readonly string[] }>;
}

/** One run of a cluster under faults that are drawn from a seed. */
class Swarm {
  readonly cluster: Cluster = new Cluster(3, { callTimeoutMs: 3000, segmentBytes: 8192 });
  readonly writes: Write[] = [];
  readonly reads: Read[] = [];
  readonly #random: SeededRandom;
  readonly #down = new Map<NodeId, MemoryDisk>();

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    const lossPercent = this.#below(10);
    const repeatPercent = this.#below(10);
    this.cluster.hub.meddle(() => {
      const draw = this.#below(100);
      return draw < lossPercent ? 0 : draw < lossPercent + repeatPercent ? 2 : 1;
    });
  }

  async step(): Promise<void> {
    const { cluster } = this;
    const id = 1 + this.#below(3);
    const peer = 1 + ((id + this.#below(2)) % 3);
    const member = cluster.members.find((each) => each.id === id);
    switch (this.#below(12)) {
      case 0:
        cluster.hub.cut(id, peer);
        break;
      case 1:
      case 2:
        cluster.hub.join(id, peer);
        break;
      case 3:
        if (member !== undefined && this.#below(2) === 0) {
          this.#down.set(id, await cluster.crash(id, () => this.#below(2) === 0));
        }
        break;
      case 4:
        await this.#restart(id);
        break;
      case 5:
        if (member !== undefined) member.disk.holdsSyncs = true;
        break;
      case 6:
        for (const { disk } of cluster.members) disk.release();
        break;
      case 7:
        if (member !== undefined) this.#read(member);
        break;
      default:
        if (member !== undefined) this.#write(member);
    }
    await cluster.run(10 * this.#below(30));
  }

  /** Ends all faults and waits until every call has settled. */
  async heal(): Promise<void> {
    const { cluster } = this;
    cluster.hub.meddle(() => 1);
    for (const id of cluster.voters) {
      await this.#restart(id);
      cluster.hub.rejoin(id);
    }
    for (const { disk } of cluster.members) disk.release();
    await cluster.untilLed();
    const calls = [...this.writes, ...this.reads].map(({ call }) => call);
    await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  }

  async #restart(id: NodeId): Promise<void> {
    const memory = this.#down.get(id);
    const isNew = memory === undefined && this.cluster.members.every((member) => member.id !== id);
    if (memory === undefined && !isNew) return;
    this.#down.delete(id);
    await this.cluster.start(id, memory);
  }

  #write(member: Member): void {
    const text = `w${this.writes.length}`;
    this.writes.push({ text, call: this.cluster.propose(member, text) });
  }

  #read(member: Member): void {
    const acknowledged = this.writes.filter(({ call }) => call.code === "resolved");
    const expected = acknowledged.map(({ text }) => text);
    this.reads.push({ expected, call: this.cluster.ask(member) });
  }

  #below(bound: number): number {
    return this.#random.uint32() % bound;
  }
}

const seeds = Array.from({ length: 40 }, (_, seed) => seed);

test.each(seeds)("every outcome is true, whatever befalls the cluster, seed %i", async (seed) => {
  const swarm = new Swarm(seed);
  const { cluster, writes, reads } = swarm;
  for (const id of cluster.voters) await cluster.start(id);
  for (let step = 0; step < 100; step++) await swarm.step();
  await swarm.heal();

  const final = await cluster.read(cluster.leader);
  for (const member of cluster.members) expect(await cluster.read(member)).toEqual(final);
  expect(new Set(final).size).toBe(final.length);
  for (const { text, call } of writes) {
    if (call.code === "resolved") expect(final).toContain(text);
    else if (call.error.outcome === "not-applied") expect(final).not.toContain(text);
  }
  for (const { expected, call } of reads) {
    if (call.ending.kind !== "resolved") continue;
    const { answer } = call.ending.value;
    expect(answer).toEqual(final.slice(0, answer.length));
    for (const text of expected) expect(answer).toContain(text);
  }
  await cluster.close();
});

test("the swarm sees every kind of outcome", async () => {
  const codes = new Set<string>();
  for (const seed of [0, 1, 2, 3, 4, 5, 6, 7]) {
    const swarm = new Swarm(seed);
    for (const id of swarm.cluster.voters) await swarm.cluster.start(id);
    for (let step = 0; step < 100; step++) await swarm.step();
    await swarm.heal();
    for (const { call } of [...swarm.writes, ...swarm.reads]) codes.add(call.code);
    await swarm.cluster.close();
  }
  expect([...codes].sort()).toEqual(
    expect.arrayContaining(["deadline_exceeded", "leadership_lost", "resolved", "unavailable"]),
  );
});
