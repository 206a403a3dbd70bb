import { SeededRandom } from "@quorate/runtime/testing";
import { expect, test } from "vitest";
import { DurableLedger, type DurableLedgerDisk, Ledger } from "./ledger.ts";
import type { Machine, Outpost } from "./outpost.ts";
import { Trio, voters } from "./trio.ts";

/** What a seed decides. */
class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  /** A whole number from 0 to less than `count`. */
  below(count: number): number {
    return this.#random.uint32() % count;
  }

  one<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] ?? expect.unreachable();
  }
}

/** One run: faults as the dice fall, then none; in the end all must have the same. */
class Swarm {
  readonly #dice: Dice;
  readonly #trio: Trio<Machine>;
  #commandCount = 0;

  private constructor(dice: Dice, trio: Trio<Machine>) {
    this.#dice = dice;
    this.#trio = trio;
  }

  static async run(seed: number): Promise<{ installCount: number }> {
    const dice = new Dice(seed);
    const disks = new Map<number, DurableLedgerDisk>();
    const isDurable = dice.below(3) === 0;
    const newMachine = (id: number): Machine => {
      if (!isDurable) return new Ledger();
      const disk = disks.get(id) ?? { commands: [], index: 0 };
      disks.set(id, disk);
      return new DurableLedger(disk);
    };
    const chunkBytes = dice.one([1, 7, 64]);
    const trio = await Trio.ready(newMachine, {
      snapshotEveryCount: dice.one([3, 10, 25]),
      snapshotTailCount: dice.one([0, 2, 30]),
      snapshotTailBytes: dice.one([0, 100]),
      snapshotKeepBytesMax: dice.one([100, 100, 1000]),
      snapshotChunkBytes: chunkBytes,
      snapshotWindowBytes: chunkBytes * dice.one([1, 4]),
      snapshotBytesPerSecond: dice.one([500, 5000, Infinity]),
    });
    const swarm = new Swarm(dice, trio);
    for (let round = 0; round < 40; round++) await swarm.#round();
    return swarm.#settle();
  }

  async #round(): Promise<void> {
    const { land } = this.#trio;
    const id = this.#dice.one(voters);
    switch (this.#dice.below(10)) {
      case 0:
      case 5:
        land.hub.isolate(id);
        break;
      case 1:
      case 6:
        land.hub.rejoin(id);
        break;
      case 2:
        await this.#restart(id);
        break;
      case 3: {
        const odds = this.#dice.below(20);
        land.hub.meddle(() => [0, 2][this.#dice.below(20 + odds)] ?? 1);
        break;
      }
      case 4: {
        const isFull = this.#dice.below(2) === 0;
        this.#trio.post(id).memory.intercept = ({ kind, name }) =>
          isFull && kind === "write" && name.includes("snap") ? "full" : undefined;
        break;
      }
      default:
        this.#propose();
    }
    await land.run(this.#dice.below(20) * 10);
  }

  #propose(): void {
    const leader = this.#leader();
    const count = 1 + this.#dice.below(30);
    if (leader === undefined) return;
    leader.propose(this.#commandCount + 1, this.#commandCount + count);
    this.#commandCount += count;
  }

  #leader(): Outpost | undefined {
    return [...this.#trio.posts.values()].find(({ node }) => node.role === "leader");
  }

  /** Ends a node at any moment, and starts it with what its disk holds. */
  async #restart(id: number): Promise<void> {
    const { land } = this.#trio;
    for (let turns = this.#dice.below(5); turns > 0; turns--) await land.turn();
    const left = await this.#trio.post(id).crash(() => this.#dice.below(2) === 0);
    await land.run(this.#dice.below(30) * 10);
    await this.#trio.start(id, left);
  }

  async #settle(): Promise<{ installCount: number }> {
    const { land, posts } = this.#trio;
    land.hub.meddle(() => 1);
    for (const id of voters) land.hub.rejoin(id);
    for (const { memory } of posts.values()) memory.intercept = undefined;
    await land.until(() => this.#leader() !== undefined);
    this.#propose();
    const isEqual = (): boolean => {
      const indexes = [...posts.values()].map(({ node }) => node.appliedIndex);
      return new Set(indexes).size === 1 && indexes[0] === this.#leader()?.node.lastIndex;
    };
    await land.until(isEqual);
    const [first, ...others] = voters.map((id) => this.#trio.machine(id).commands);
    for (const commands of others) expect(commands).toEqual(first);
    // No command was applied twice.
    expect(new Set(first).size).toBe(first?.length);
    for (const { failure } of posts.values()) expect(failure).toBeUndefined();
    const told = [...posts.values()].flatMap((post) => post.told);
    await this.#trio.close();
    return { installCount: told.filter((text) => text.startsWith("restored")).length };
  }
}

const seeds = Array.from({ length: 25 }, (_, offset) => offset + 1);

test("nodes that fail in any way and moment end up with the same state", async () => {
  let installCount = 0;
  for (const seed of seeds) {
    try {
      installCount += (await Swarm.run(seed)).installCount;
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  // Snapshots were what most of it was about.
  expect(installCount).toBeGreaterThan(10);
});
