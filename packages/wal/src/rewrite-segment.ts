import type { Disk, DiskFile } from "./disk.ts";
import { temporaryName } from "./file-name.ts";
import { roundUp } from "./bytes.ts";
import { makeFile } from "./new-file.ts";
import { lendReserve } from "./reserve.ts";
import type { Segment } from "./segment-file.ts";
import { encodeSegmentHeader, sectorBytes, segmentHeaderBytes } from "./segment.ts";
import { withFile } from "./with-file.ts";

/** What follows in a segment that is written anew: new bytes, or those of the old file in `[from, to)`. */
export type SegmentPart = Uint8Array | { readonly from: number; readonly to: number };

/** How much is copied or filled at once. */
const chunkBytes = 1024 * 1024;

/**
 * Puts a file in the place of `segment` that holds its header, then `parts`, and fill to its length, or
 * further where they need more. The old file stays until the new one is whole and durable.
 *
 * On a full disk it takes the room of the reserve, which is made again once the log is open and there is
 * room. Rejects with `disk_full` or `storage_failed`; either way the old file or the new one is there, whole.
 */
export async function rewriteSegment(
  disk: Disk,
  segment: Segment,
  parts: readonly SegmentPart[],
): Promise<void> {
  const { name, header } = segment;
  const temporary = temporaryName(name);
  if ((await disk.list()).includes(temporary)) await disk.remove(temporary);
  const write = async (file: DiskFile): Promise<void> => {
    await file.write(0, [encodeSegmentHeader(header)]);
    const end = await withFile(disk, name, async (old) => await copy(old, file, parts));
    await fill(file, header.fill, end, roundUp(Math.max(segment.size, end), sectorBytes));
    await file.sync();
  };
  const made = await lendReserve(disk, async () => await makeFile(disk, name, write));
  await made.close();
}

/** Writes `parts` after the header, and returns where they end. */
async function copy(old: DiskFile, file: DiskFile, parts: readonly SegmentPart[]): Promise<number> {
  let end = segmentHeaderBytes;
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      await file.write(end, [part]);
      end += part.length;
      continue;
    }
    for (let from = part.from; from < part.to;) {
      const bytes = await old.read(from, Math.min(chunkBytes, part.to - from));
      await file.write(end, [bytes]);
      from += bytes.length;
      end += bytes.length;
    }
  }
  return end;
}

/** `start` is a multiple of the length of `pattern`. */
async function fill(
  file: DiskFile,
  pattern: Uint8Array,
  start: number,
  end: number,
): Promise<void> {
  const chunk = new Uint8Array(chunkBytes);
  for (let offset = 0; offset < chunk.length; offset += pattern.length) chunk.set(pattern, offset);
  for (let offset = start; offset < end; offset += chunk.length) {
    await file.write(offset, [chunk.subarray(0, Math.min(chunk.length, end - offset))]);
  }
}
