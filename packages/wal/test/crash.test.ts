import { expect, test } from "vitest";
import { MemoryDisk } from "../src/testing.ts";
import {
  coin,
  Harness,
  keepsAll,
  losesAll,
  type Step,
  storeSnapshot,
  workload,
} from "./harness.ts";

/** Runs `steps` on a new disk until the process is killed around operation `number`, or to the end. */
async function runUntil(
  steps: readonly Step[],
  number: number,
  fault: "kill-before" | "kill-after",
): Promise<Harness> {
  const disk = new MemoryDisk();
  disk.intercept = (operation) => (operation.number === number ? fault : undefined);
  const harness = new Harness(disk);
  await untilKilled(disk, async () => {
    await harness.open();
    await harness.run(steps);
    await harness.close();
  });
  return harness;
}

async function untilKilled(disk: MemoryDisk, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!disk.isDead) throw error;
  }
}

/** What the next process may find: after a kill, and after power losses that keep all, none or some. */
function* aftermaths(disk: MemoryDisk, tosses: number): Generator<MemoryDisk> {
  yield disk.afterKill();
  yield disk.afterPowerLoss(losesAll);
  yield disk.afterPowerLoss(keepsAll);
  for (let seed = 0; seed < tosses; seed++) yield disk.afterPowerLoss(coin(seed));
}

const faults = ["kill-before", "kill-after"] as const;

async function operationCountOf(steps: readonly Step[]): Promise<number> {
  return (await runUntil(steps, 0, "kill-before")).disk.operationCount;
}

for (const fault of faults) {
  test(`Wal survives a crash at every operation (${fault})`, async () => {
    const count = await operationCountOf(workload);
    expect(count).toBeGreaterThan(60);
    for (let number = 1; number <= count; number++) {
      const crashed = await runUntil(workload, number, fault);
      expect(crashed.disk.isDead).toBe(true);
      for (const disk of aftermaths(crashed.disk, 12)) await crashed.fork(disk).survive();
    }
  }, 120_000);
}

test("Wal survives a second crash at every operation of the recovery from the first", async () => {
  const count = await operationCountOf(workload);
  for (let number = 1; number <= count; number++) {
    const crashed = await runUntil(workload, number, "kill-after");
    for (const disk of aftermaths(crashed.disk, 3)) {
      for (let again = 1; ; again++) {
        const second = crashed.fork(disk.afterKill());
        const fault = again % 2 === 0 ? "kill-before" : "kill-after";
        second.disk.intercept = (operation) => (operation.number === again ? fault : undefined);
        await untilKilled(second.disk, async () => await second.open());
        if (!second.disk.isDead) break;
        for (const left of aftermaths(second.disk, 2)) await second.fork(left).survive();
      }
    }
  }
}, 120_000);

test("openWal reports the same to each process that opens it, whatever is lost in between", async () => {
  const count = await operationCountOf(workload);
  for (let number = 1; number <= count; number++) {
    const crashed = await runUntil(workload, number, "kill-after");
    for (const disk of aftermaths(crashed.disk, 4)) {
      const first = crashed.fork(disk);
      await first.open();
      for (const left of aftermaths(disk, 2)) {
        const next = first.fork(left);
        next.pending = first.durable;
        await next.open();
        expect(next.durable).toEqual(first.durable);
      }
    }
  }
}, 120_000);

test("Wal takes a torn batch for torn, whichever of its sectors are written", async () => {
  // The head of the batch under test starts at every aligned place within a sector.
  for (let before = 0; before < 512; before += 16) {
    for (const length of [0, 30, 700, 1500]) {
      const harness = new Harness(new MemoryDisk());
      await harness.open();
      await harness.run([{ append: [1500 + before], term: 1 }, { append: [1] }]);
      const { disk } = harness;
      disk.intercept = ({ kind }) => (kind === "sync" ? "kill-before" : undefined);
      await untilKilled(disk, async () => await harness.run([{ append: [length, length >> 1] }]));
      await tryAllSectors(harness);
    }
  }
}, 120_000);

/** Opens what is left for every set of surviving sectors. */
async function tryAllSectors(harness: Harness): Promise<void> {
  const seen = new Set<string>();
  harness.disk.afterPowerLoss((part) => {
    if (part.kind === "sector") seen.add(`${part.name} ${part.sector}`);
    return true;
  });
  const sectors = [...seen];
  for (let set = 0; set < 2 ** sectors.length; set++) {
    const disk = harness.disk.afterPowerLoss((part) => {
      if (part.kind !== "sector") return true;
      return ((set >> sectors.indexOf(`${part.name} ${part.sector}`)) & 1) === 1;
    });
    await harness.fork(disk).survive();
  }
}

test("Wal does not grow by crashes that leave nothing", async () => {
  const harness = new Harness(new MemoryDisk());
  await harness.open();
  await harness.run([{ append: [1500], term: 1 }]);
  let { disk } = harness;
  for (let crash = 0; crash < 20; crash++) {
    const next = harness.fork(disk.afterPowerLoss(coin(crash)));
    await next.open();
    next.disk.intercept = ({ kind }) => (kind === "sync" ? "kill-before" : undefined);
    await untilKilled(next.disk, async () => await next.run([{ append: [600] }]));
    disk = next.disk;
  }
  const last = harness.fork(disk.afterPowerLoss(losesAll));
  await last.open();
  expect((await last.disk.list()).length).toBeLessThanOrEqual(3);
}, 120_000);

for (const kind of ["write", "sync", "rename", "create", "remove", "sync-directory"]) {
  test(`Wal keeps what it reported when a ${kind} fails`, async () => {
    const count = await operationCountOf(workload);
    for (let number = 1; number <= count; number++) {
      const disk = new MemoryDisk();
      let failed: string | undefined;
      disk.intercept = (operation) => {
        // A segment made ahead may fail beside an append, which then still ends; but not on its file.
        if (operation.kind !== "remove") expect(operation.name).not.toBe(failed);
        if (operation.kind !== kind || operation.number !== number) return undefined;
        failed = operation.name;
        return "fail";
      };
      const harness = new Harness(disk);
      const error: unknown = await (async () => {
        await harness.open();
        await harness.run(workload);
      })().catch((reason: unknown) => reason);
      if (failed === undefined) continue;
      if (error !== undefined) expect(error).toMatchObject({ code: "storage_failed" });
      for (const left of aftermaths(disk, 4)) await harness.fork(left).survive();
    }
  }, 120_000);
}

test("Wal rejects with disk_full at every place where a segment is made, and goes on after", async () => {
  for (let capacityBytes = 2048; capacityBytes < 22_000; capacityBytes += 512) {
    const disk = new MemoryDisk({ capacityBytes });
    const harness = new Harness(disk);
    await harness.open();
    let refusals = 0;
    for (const step of workload) {
      try {
        await harness.run([step]);
      } catch (error) {
        expect(error).toMatchObject({ code: "disk_full" });
        refusals++;
        await harness.fork(disk.afterPowerLoss(losesAll)).open();
        disk.capacityBytes = Number.POSITIVE_INFINITY;
        await harness.run([step]);
        disk.capacityBytes = capacityBytes;
      }
    }
    if (capacityBytes < 8000) expect(refusals).toBeGreaterThan(0);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await harness.fork(disk.afterPowerLoss(losesAll)).survive();
  }
}, 120_000);

/** Five entries in several segments, all committed. */
const before: readonly Step[] = [
  { append: [400, 100], term: 1 },
  { append: [700] },
  { append: [900] },
  { append: [500] },
  { append: [30], term: 2, after: 4 },
  { commit: 5, sync: true },
];
const beside: readonly Step[] = [
  { append: [800] },
  { append: [900], term: 3, after: 5 },
  { append: [10] },
];

for (const fault of ["kill-after", "fail"] as const) {
  test(`Wal survives what befalls it while it compacts beside appends (${fault})`, async () => {
    for (let delay = 0; delay < 12; delay += 3) {
      for (let number = 1; ; number++) {
        const harness = new Harness(new MemoryDisk());
        await harness.open();
        await harness.run(before);
        const start = harness.disk.operationCount;
        harness.disk.intercept = (operation) => {
          return operation.number === start + number ? fault : undefined;
        };
        const compacted = (async () => {
          for (let turn = 0; turn < delay; turn++) await Promise.resolve();
          const { wal, snapshots } = harness.opened;
          await storeSnapshot(snapshots, { term: 1, index: 4 });
          await wal.compact(4);
          await storeSnapshot(snapshots, { term: 2, index: 5 });
          await wal.compact(5);
          await snapshots.prune();
        })();
        const results = await Promise.allSettled([harness.run(beside), compacted]);
        harness.durable = { ...harness.durable, compacted: 5 };
        harness.pending = { ...harness.pending, compacted: 5 };
        harness.beside = [
          { term: 1, index: 4 },
          { term: 2, index: 5 },
        ];
        for (const disk of aftermaths(harness.disk, 4)) await harness.fork(disk).survive();
        if (harness.disk.operationCount < start + number) {
          expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
          expect(harness.wal.base.index).toBeGreaterThan(0);
          break;
        }
      }
    }
  });
}
