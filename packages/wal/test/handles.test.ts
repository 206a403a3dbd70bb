import { expect, test } from "vitest";
import { type DiskFile, openWal } from "../src/index.ts";
import { MemoryDisk } from "../src/testing.ts";
import { coin, Harness, snapshotAt, storeSnapshot, walOptions, workload } from "./harness.ts";

/** Makes `disk` count the files that are open, and tells how many are. */
function openCounter(disk: MemoryDisk): () => number {
  let count = 0;
  const counted = (file: DiskFile): DiskFile => {
    count++;
    const close = async (): Promise<void> => {
      count--;
      await file.close();
    };
    return { ...file, close };
  };
  const create = disk.create.bind(disk);
  const open = disk.open.bind(disk);
  disk.create = async (name) => counted(await create(name));
  disk.open = async (name) => counted(await open(name));
  return () => count;
}

for (const fault of ["fail", "full"] as const) {
  test(`no file stays open when the disk is to blame (${fault})`, async () => {
    for (let number = 1; ; number++) {
      const disk = new MemoryDisk();
      const openCount = openCounter(disk);
      let isHit = false;
      disk.intercept = (operation) => {
        if (operation.number !== number) return undefined;
        isHit = true;
        return fault;
      };
      const log = new Harness(disk);
      const isOpen = await log.open().then(
        () => true,
        () => false,
      );
      if (isOpen) {
        await log.run(workload).catch(() => undefined);
        await log.close();
      }
      expect(openCount()).toBe(0);
      if (!isHit) break;
    }
  });

  test(`no file stays open when the disk is to blame for a failed recovery (${fault})`, async () => {
    const log = new Harness(new MemoryDisk());
    await log.open();
    await log.run(workload.slice(0, 8));
    const { disk } = log;
    disk.intercept = ({ kind }) => (kind === "sync" ? "kill-before" : undefined);
    await expect(log.run([{ append: [600] }])).rejects.toThrow("the process was killed");
    for (let seed = 0; seed < 4; seed++) {
      for (let number = 1; ; number++) {
        const left = disk.afterPowerLoss(coin(seed));
        let isHit = false;
        left.intercept = (operation) => {
          if (operation.number === number) isHit = true;
          return operation.number === number ? fault : undefined;
        };
        const openCount = openCounter(left);
        const opened = await openWal(left, walOptions).catch(() => undefined);
        await opened?.wal.close();
        await opened?.snapshots.close();
        expect(openCount()).toBe(0);
        if (!isHit) break;
      }
    }
  });

  test(`no file of a snapshot stays open when the disk is to blame (${fault})`, async () => {
    for (let number = 1; ; number++) {
      const disk = new MemoryDisk();
      const openCount = openCounter(disk);
      const { wal, snapshots } = await openWal(disk, walOptions);
      const start = disk.operationCount;
      let isHit = false;
      disk.intercept = (operation) => {
        if (operation.number !== start + number) return undefined;
        isHit = true;
        return fault;
      };
      const use = async (): Promise<void> => {
        const stored = await storeSnapshot(snapshots, { term: 1, index: 5 });
        await snapshots.read(stored);
        const { metadata, content } = snapshotAt({ term: 1, index: 6 });
        const [kept, given] = [await snapshots.create(metadata), await snapshots.create(metadata)];
        await Promise.all([kept.write(content), given.write(content)]);
        await Promise.all([given.abort(), storeSnapshot(snapshots, { term: 1, index: 7 })]);
        await snapshots.prune();
      };
      await use().catch(() => undefined);
      // With a writer and a reader in use, if it came that far; what fails in the end is closed, too.
      await snapshots.close().catch(() => undefined);
      await wal.close();
      expect(openCount()).toBe(0);
      if (!isHit) break;
    }
  });
}
