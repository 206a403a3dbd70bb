import { expect, test } from "vitest";
import { divergenceMarkName, markDiverged } from "./divergence-mark.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { openWal } from "./open-wal.ts";

const options = {
  identity: { clusterId: "test", nodeId: 1 },
  incarnation: new Uint8Array(16).fill(5),
  segmentBytes: 2048,
};

async function newDisk(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { wal, snapshots } = await openWal(disk, options);
  await wal.close();
  await snapshots.close();
  return disk;
}

test("a marked disk is refused, also after a power failure, and says why and what to do", async () => {
  const disk = await newDisk();
  await markDiverged(disk, "node 1 differs at 8192");
  const opening = openWal(
    disk.afterPowerLoss(() => false),
    options,
  );
  await expect(opening).rejects.toMatchObject({ code: "diverged" });
  await expect(opening).rejects.toThrow(/node 1 differs at 8192; .*new id and an empty disk/);
});

test("a mark without its text is a mark", async () => {
  const disk = await newDisk();
  disk.intercept = ({ kind }) => (kind === "write" ? "full" : undefined);
  await expect(markDiverged(disk, "why")).rejects.toMatchObject({ code: "disk_full" });
  disk.intercept = undefined;
  const left = disk.afterPowerLoss(() => false);
  await expect(openWal(left, options)).rejects.toThrow("the state of this node is not the group's");
});

test("a mark whose text was cut short is a mark", async () => {
  const disk = await newDisk();
  disk.writeFile(divergenceMarkName, Uint8Array.of(0x61, 0, 0));
  await expect(openWal(disk, options)).rejects.toThrow("the state of this node is not the group's");
});

test("a disk that takes no mark leaves none", async () => {
  const disk = await newDisk();
  disk.intercept = () => "full";
  await expect(markDiverged(disk, "why")).rejects.toMatchObject({ code: "disk_full" });
  disk.intercept = undefined;
  const { wal, snapshots } = await openWal(disk, options);
  await wal.close();
  await snapshots.close();
});
