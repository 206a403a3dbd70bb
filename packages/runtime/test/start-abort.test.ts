import type { AbortSignalLike, Missing } from "@quorate/runtime";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { Cluster, type ClusterOptions, type Member, Watched } from "./cluster.ts";
import { Ledger } from "./ledger.ts";
import { followerOf, overwriteBatchOf, turnBitOf, written } from "./rot.ts";

/** A signal that is aborted once it has been looked at `lookCount` times. */
class Patience implements AbortSignalLike {
  readonly reason = "enough";
  #lookCount: number;

  constructor(lookCount: number) {
    this.#lookCount = lookCount;
  }

  get aborted(): boolean {
    return this.#lookCount-- <= 0;
  }

  addEventListener(): void {}

  removeEventListener(): void {}
}

/** Whatever is on a disk. */
async function filesOf(memory: MemoryDisk): Promise<Map<string, string>> {
  const names = (await memory.list()).toSorted();
  return new Map(names.map((name) => [name, Buffer.from(memory.readFile(name)).toString("hex")]));
}

/** Starts a member, and lets time pass until it has started, or is refused. */
async function start(
  cluster: Cluster,
  id: number,
  memory: MemoryDisk,
  options: ClusterOptions,
): Promise<Watched<Member>> {
  const watched = new Watched(cluster.start(id, memory, options));
  for (let waited = 0; waited < 100 && !watched.isSettled; waited++) await cluster.run(50);
  return watched;
}

/** Checks that a start was aborted, and has left nothing open. */
function expectAborted(cluster: Cluster, watched: Watched<Member>): void {
  expect(watched.error).toMatchObject({ code: "aborted", cause: "enough" });
  expect(cluster.disks.at(-1)?.openFileCount).toBe(0);
}

/** A ledger that makes `what` of an error that its chunks end with. */
function ledgerThat(what: "passes on" | "swallows" | "renames"): Ledger {
  const ledger = new Ledger();
  const { restore } = ledger.snapshots;
  const onError = (error: unknown): void => {
    if (what === "passes on") throw error;
    if (what === "renames") throw new RangeError("the state is cut short", { cause: error });
  };
  return Object.assign(ledger, {
    snapshots: {
      ...ledger.snapshots,
      restore: (chunks: AsyncIterable<Uint8Array>) => restore(chunks).catch(onError),
    },
  });
}

test("a start that is aborted wherever it is rejects, and leaves the disk as it was", async () => {
  const cluster = new Cluster(1);
  const first = await cluster.start(1, new MemoryDisk(), { stateMachine: new Ledger() });
  await cluster.untilLed();
  for (const text of ["a", "b", "c"]) await cluster.write(first, text);
  const taken = new Watched(first.replica.snapshot());
  await cluster.until(() => taken.isSettled);
  await cluster.write(first, "d");
  // As a start leaves it: this one writes nothing then that is not there.
  const settled = await cluster.start(1, await cluster.crash(1), { stateMachine: new Ledger() });
  await cluster.untilLed();
  const left = await cluster.crash(settled.id);
  const before = await filesOf(left);

  for (const what of ["passes on", "swallows", "renames"] as const) {
    let lookCount = 0;
    for (; ; lookCount++) {
      const memory = left.afterKill();
      const options = { stateMachine: ledgerThat(what), signal: new Patience(lookCount) };
      const watched = await start(cluster, 1, memory, options);
      if (watched.ending.kind === "resolved") break;
      expectAborted(cluster, watched);
      expect(cluster.clock.timerCount).toBe(0);
      expect(await filesOf(memory)).toEqual(before);
    }
    // The log, its snapshot, the state: each is read between two looks.
    expect(lookCount).toBeGreaterThan(5);
    await cluster.untilLed();
    expect(await cluster.read(cluster.member(1))).toEqual(["a", "b", "c", "d"]);
    await cluster.crash(1);
  }
});

/** A batch that can be put right where it stands, and one for which the file is written anew. */
const damages: [string, (memory: MemoryDisk) => Promise<void>][] = [
  ["a command", (memory) => turnBitOf(memory, "command 7.", 3)],
  ["a batch", (memory) => overwriteBatchOf(memory, "command 7.")],
];

test.each(damages)(
  "a start that is aborted while %s is mended leaves all or nothing",
  async (_, damage) => {
    const cluster = await written(20);
    const other = followerOf(cluster);
    const left = await cluster.crash(other);
    await damage(left);
    const before = await filesOf(left);

    const kinds = new Set<string>();
    for (let lookCount = 0; ; lookCount++) {
      const memory = left.afterKill();
      const watched = await start(cluster, other, memory, { signal: new Patience(lookCount) });
      if (watched.ending.kind === "resolved") break;
      expectAborted(cluster, watched);
      const after = await filesOf(memory);
      expect([...after.keys()]).toEqual([...before.keys()]);
      const isMended = [...after].some(([name, bytes]) => bytes !== before.get(name));
      kinds.add(isMended ? "mended" : "damaged");

      let mendedCount = 0;
      const again = await start(cluster, other, memory, { onMended: () => mendedCount++ });
      expect(again.value.id).toBe(other);
      expect(mendedCount).toBe(isMended ? 0 : 1);
      await cluster.crash(other);
    }
    expect([...kinds].toSorted()).toEqual(["damaged", "mended"]);
    await cluster.run(500);
    expect(cluster.member(other).journal.commands).toEqual(cluster.leader.journal.commands);
    await cluster.close();
  },
);

test.each(["nobody can be asked", "nobody answers"])(
  "a start that is aborted while %s ends at once",
  async (why) => {
    const cluster = await written(10);
    const other = followerOf(cluster);
    const memory = await cluster.crash(other);
    await turnBitOf(memory, "command 4.", 2);
    const before = await filesOf(memory);
    if (why === "nobody answers") {
      cluster.hub.meddle(({ frame }) => (frame.type === "call-result" ? 0 : 1));
    } else for (const id of cluster.voters) if (id !== other) await cluster.crash(id);

    const missing: Missing[] = [];
    const ended = new AbortController();
    const watched = new Watched(
      cluster.start(other, memory, {
        onMissing: (one) => missing.push(one),
        signal: ended.signal,
      }),
    );
    await cluster.run(700);
    expect(watched.isSettled).toBe(false);
    const place: unknown = expect.stringMatching(/^[0-9a-f]{16}\.wal, byte \d+$/);
    expect(missing).toMatchObject([{ place, lastTerm: 0 }]);
    expect(missing[0]?.first).toBeGreaterThan(0);
    expect(missing[0]?.last).toBeGreaterThanOrEqual(missing[0]?.first ?? Infinity);

    // No time passes.
    ended.abort("enough");
    await cluster.settle();
    expectAborted(cluster, watched);
    expect(await filesOf(memory)).toEqual(before);
    cluster.hub.meddle(() => 1);
    await cluster.close();
    expect(cluster.clock.timerCount).toBe(0);
  },
);

test("a start that was aborted before it began touches nothing", async () => {
  const cluster = new Cluster(1);
  const memory = new MemoryDisk();
  const watched = await start(cluster, 1, memory, { signal: AbortSignal.abort("enough") });
  expectAborted(cluster, watched);
  expect(await memory.list()).toEqual([]);
});

test("the signal of a start says nothing to a replica that has started", async () => {
  const cluster = new Cluster(1);
  const ended = new AbortController();
  const options = { stateMachine: new Ledger(), signal: ended.signal };
  const member = await cluster.start(1, new MemoryDisk(), options);
  await cluster.untilLed();
  ended.abort("enough");
  await cluster.write(member, "a");
  // This one reads: a snapshot, and the log behind it.
  const taken = new Watched(member.replica.snapshot());
  await cluster.until(() => taken.isSettled);
  expect(taken.value.index).toBeGreaterThan(0);
  expect(await cluster.read(member)).toEqual(["a"]);
  await cluster.close();
});
