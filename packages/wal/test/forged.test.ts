import { RaftError } from "@quorate/core";
import { crc32c } from "@quorate/wire";
import { expect, test } from "vitest";
import { batchBytes, batchHeaderBytes, decodeBatchHeader } from "../src/batch.ts";
import { openWal } from "../src/index.ts";
import { fileSeed } from "../src/file-header.ts";
import { parseFileName } from "../src/file-name.ts";
import { segmentHeaderBytes, segmentName } from "../src/segment.ts";
import { MemoryDisk } from "../src/testing.ts";
import { Harness, newRandom, walOptions, workload } from "./harness.ts";

/** Numbers that a length, an index or half of either may be forged to. */
const oddNumbers = [0, 1, 2, 5, 17, 0x1f_ffff, 0x20_0000, 0x7fff_ffff, 0xffff_ffff];

/** Where the batches of a segment start. */
function headsOf(bytes: Uint8Array, seed: number): readonly number[] {
  const heads: number[] = [];
  for (let offset = segmentHeaderBytes; ;) {
    const header = decodeBatchHeader(bytes, offset, seed);
    if (header === undefined) return heads;
    heads.push(offset);
    offset += batchBytes(header.payloadBytes);
  }
}

/** Changes something in the batch at `head`, and makes its checksums hold again. */
function forge(bytes: Uint8Array, head: number, seed: number, random: () => number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + head);
  const below = (limit: number): number => Math.floor(random() * limit);
  const payloadBytes = view.getUint32(12, true);
  if (payloadBytes > 0 && random() < 0.4) {
    view.setUint8(batchHeaderBytes + below(payloadBytes), below(256));
    if (random() < 0.3) view.setUint32(batchHeaderBytes, oddNumbers[below(9)] ?? 0, true);
  } else {
    view.setUint32(12 + 4 * below(15), oddNumbers[below(9)] ?? 0, true);
  }
  const payloadStart = head + batchHeaderBytes;
  const payload = bytes.subarray(payloadStart, payloadStart + view.getUint32(12, true));
  view.setUint32(8, crc32c(payload, seed), true);
  view.setUint32(4, crc32c(bytes.subarray(head + 8, payloadStart), seed), true);
}

test("a forged log is read or refused, whatever its numbers say", async () => {
  const log = new Harness(new MemoryDisk());
  await log.open();
  await log.run(workload);
  await log.close();
  const random = newRandom(3);
  const counts = { read: 0, refused: 0 };
  for (const name of await log.disk.list()) {
    const parsed = parseFileName(name);
    if (parsed?.kind !== "wal") continue;
    const { incarnation } = walOptions;
    const seed = fileSeed({ incarnation, sequence: parsed.sequence });
    for (const head of headsOf(log.disk.readFile(name), seed)) {
      for (let round = 0; round < 150; round++) {
        const disk = log.disk.afterKill();
        const bytes = disk.readFile(name);
        forge(bytes, head, seed, random);
        disk.writeFile(name, bytes);
        try {
          const { wal, storage } = await openWal(disk, walOptions);
          expect(wal.lastIndex).toBe(storage.base.index + storage.entries.length);
          expect(storage.hardState.commitIndex).toBeLessThanOrEqual(wal.lastIndex);
          counts.read++;
        } catch (error) {
          if (!(error instanceof RaftError)) throw error;
          expect(error.code).toBe("corrupt");
          counts.refused++;
        }
      }
    }
  }
  expect(counts.read).toBeGreaterThan(0);
  expect(counts.refused).toBeGreaterThan(100);
});

test.each([
  [1, "the log begins anew after an entry that is not committed"],
  [2, "a flag is unknown"],
  [3, "a flag is unknown"],
])(
  "a batch with the flags %i, which it was not written with, is refused",
  async (flags, detail) => {
    const log = new Harness(new MemoryDisk());
    await log.open();
    await log.run([{ append: [5], term: 1 }, { append: [6] }]);
    await log.close();
    const name = segmentName(1);
    const bytes = log.disk.readFile(name);
    const seed = fileSeed({ incarnation: walOptions.incarnation, sequence: 1 });
    const head = headsOf(bytes, seed)[1] ?? 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset + head);
    view.setUint32(68, flags, true);
    view.setUint32(4, crc32c(bytes.subarray(head + 8, head + batchHeaderBytes), seed), true);
    log.disk.writeFile(name, bytes);
    await expect(log.open()).rejects.toThrow(
      new RegExp(`^corrupt: ${name}, byte ${head}: .*${detail}`),
    );
  },
);
