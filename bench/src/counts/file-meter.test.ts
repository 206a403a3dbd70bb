import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openNodeDisk } from "quorate";
import { expect, onTestFinished, test } from "vitest";
import { FileMeter } from "./file-meter.ts";

function newDirectory(): string {
  const path = fs.mkdtempSync(join(tmpdir(), "quorate-file-meter-"));
  onTestFinished(() => fs.rmSync(path, { recursive: true, force: true }));
  return path;
}

test("FileMeter tells writes from syncs, and one directory from another", async () => {
  const [directory, other] = [newDirectory(), newDirectory()];
  const meter = new FileMeter();
  onTestFinished(() => meter.stop());
  const disk = await openNodeDisk(directory);
  const file = await disk.create("file");
  const before = meter.below(directory);

  await file.write(0, [new Uint8Array(10), new Uint8Array(20)]);
  expect(difference(meter, directory, before)).toEqual({ writes: 1, writtenBytes: 30, syncs: 0 });
  await file.sync();
  expect(difference(meter, directory, before)).toEqual({ writes: 1, writtenBytes: 30, syncs: 1 });
  await file.writeSynced(30, [new Uint8Array(5)]);
  expect(difference(meter, directory, before)).toEqual({ writes: 2, writtenBytes: 35, syncs: 2 });

  expect(meter.below(other)).toEqual({ writes: 0, writtenBytes: 0, syncs: 0 });
  await file.close();
});

function difference(
  meter: FileMeter,
  directory: string,
  before: ReturnType<FileMeter["below"]>,
): ReturnType<FileMeter["below"]> {
  const { writes, writtenBytes, syncs } = meter.below(directory);
  return {
    writes: writes - before.writes,
    writtenBytes: writtenBytes - before.writtenBytes,
    syncs: syncs - before.syncs,
  };
}
