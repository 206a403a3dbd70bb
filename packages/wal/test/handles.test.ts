import { expect, test } from "vitest";
import { type DiskFile, openWal } from "../src/index.ts";
import { MemoryDisk } from "../src/testing.ts";
import { coin, Harness, walOptions, workload } from "./harness.ts";

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
        expect(openCount()).toBe(0);
        if (!isHit) break;
      }
    }
  });
}
