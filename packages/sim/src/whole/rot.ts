import type { MemoryDisk } from "@quorate/wal/testing";

/** What of a disk goes bad. */
export type RotPart =
  /** Anything that was written. */
  | "any"
  /** The header of a segment of the log. */
  | "header"
  /** The head of a batch, but for the last. */
  | "head"
  /** The entries of a batch. */
  | "payload"
  /** The end of a batch. */
  | "trailer"
  /** The last batch. */
  | "tail"
  | "snapshot";

/** Every part there is. */
export const rotParts: readonly RotPart[] = [
  "any",
  "header",
  "head",
  "payload",
  "trailer",
  "tail",
  "snapshot",
];

/** Where a disk goes bad, and how. */
export interface Rot {
  readonly part: RotPart;
  /** At which of all bytes of such parts: a part in a million of them. */
  readonly perMillion: number;
  /** Which bit of each byte turns over. */
  readonly bit: number;
  /** Of how many bytes, from there on: not beyond the last batch, nor into it. */
  readonly bytes: number;
}

/** Bytes of a file, from `from` up to and not including `to`. */
interface Range {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** How far damage reaches that begins here; `to`, if that is not said. */
  readonly end?: number;
}

/** Turns bits over in what was written, durably. False if there is no such part. */
export async function turnBits(disk: MemoryDisk, rot: Rot): Promise<boolean> {
  const ranges = rangesOf(disk, (await disk.list()).toSorted(), rot.part);
  const size = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  let skip = Math.floor((size * rot.perMillion) / 1_000_000);
  for (const { name, from, to, end = to } of ranges) {
    if (skip >= to - from) {
      skip -= to - from;
      continue;
    }
    const bytes = disk.readFile(name);
    const first = from + skip;
    for (let at = first; at < Math.min(first + rot.bytes, end); at++) {
      bytes[at] = (bytes[at] ?? 0) ^ (1 << rot.bit);
    }
    disk.writeFile(name, bytes);
    return true;
  }
  return false;
}

function rangesOf(disk: MemoryDisk, names: readonly string[], part: RotPart): readonly Range[] {
  const segments = names.filter((name) => name.endsWith(".wal"));
  switch (part) {
    case "any":
      return names.flatMap((name) => written(name, disk.readFile(name)));
    case "header":
      return segments.map((name) => ({ name, from: 0, to: segmentHeaderBytes }));
    case "snapshot":
      return names
        .filter((name) => name.endsWith(".snap"))
        .map((name) => ({ name, from: 0, to: disk.readFile(name).length }));
    default: {
      const batches = segments.flatMap((name) => batchesIn(name, disk.readFile(name)));
      const last = batches.at(-1);
      if (last === undefined) return [];
      if (part === "tail") return [last.whole];
      if (part === "head") batches.pop();
      return batches.map((batch): Range => {
        if (batch === last) return batch[part];
        // Damage to several batches in a row takes no more from the last.
        const end = batch.whole.name === last.whole.name ? last.whole.from : batch.segmentEnd;
        return { ...batch[part], end };
      });
    }
  }
}

// As `FORMAT.md` of the log has it.
const segmentHeaderBytes = 1024;
const alignmentBytes = 16;
const batchHeadBytes = 80;
const trailerBytes = 16;
const payloadLengthOffset = 12;
const batchMarker = "BTCH";

/** Where a batch stands, and its parts. */
interface BatchRanges {
  readonly whole: Range;
  /** Where the segment ends. */
  readonly segmentEnd: number;
  readonly head: Range;
  readonly payload: Range;
  readonly trailer: Range;
}

/** The batches of a segment, as far as their heads look like such. */
function batchesIn(name: string, bytes: Uint8Array): readonly BatchRanges[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const batches: BatchRanges[] = [];
  for (let from = segmentHeaderBytes; from + batchHeadBytes + trailerBytes <= bytes.length;) {
    const marker = String.fromCharCode(...bytes.subarray(from, from + batchMarker.length));
    const payloadBytes = view.getUint32(from + payloadLengthOffset, true);
    const padded = Math.ceil(payloadBytes / alignmentBytes) * alignmentBytes;
    const to = from + batchHeadBytes + padded + trailerBytes;
    if (marker !== batchMarker || to > bytes.length) {
      from += alignmentBytes;
      continue;
    }
    const payload = from + batchHeadBytes;
    batches.push({
      whole: { name, from, to },
      segmentEnd: bytes.length,
      head: { name, from, to: payload },
      payload: { name, from: payload, to: payload + payloadBytes },
      trailer: { name, from: to - trailerBytes, to },
    });
    from = to;
  }
  return batches;
}

/** All that is not part of what a file repeats most: with that it is filled before it is written. */
function written(name: string, bytes: Uint8Array): readonly Range[] {
  const counts = new Map<string, number>();
  const blocks: string[] = [];
  for (let offset = 0; offset < bytes.length; offset += alignmentBytes) {
    const block = bytes.subarray(offset, offset + alignmentBytes).join(",");
    blocks.push(block);
    counts.set(block, (counts.get(block) ?? 0) + 1);
  }
  const [fill] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [];
  return blocks.flatMap((block, place) => {
    const from = place * alignmentBytes;
    return block === fill
      ? []
      : [{ name, from, to: Math.min(from + alignmentBytes, bytes.length) }];
  });
}
