import type { MemoryDisk } from "@quorate/wal/testing";

/** Turns one bit over, at a part in a million of all that was written. False if nothing was. */
export async function turnBit(disk: MemoryDisk, perMillion: number, bit: number): Promise<boolean> {
  const places: { readonly name: string; readonly offset: number }[] = [];
  for (const name of (await disk.list()).toSorted()) {
    for (const offset of written(disk.readFile(name))) places.push({ name, offset });
  }
  const place = places[Math.floor((places.length * perMillion) / 1_000_000)];
  if (place === undefined) return false;
  const bytes = disk.readFile(place.name);
  bytes[place.offset] = (bytes[place.offset] ?? 0) ^ (1 << bit);
  disk.writeFile(place.name, bytes);
  return true;
}

/** How long the pattern is, in bytes, by which files are filled before they are written. */
const patternBytes = 16;

/** The offsets of all bytes that are not part of what a file repeats most. */
function written(bytes: Uint8Array): readonly number[] {
  const counts = new Map<string, number>();
  const blocks: string[] = [];
  for (let offset = 0; offset < bytes.length; offset += patternBytes) {
    const block = bytes.subarray(offset, offset + patternBytes).join(",");
    blocks.push(block);
    counts.set(block, (counts.get(block) ?? 0) + 1);
  }
  const [pattern] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [];
  return Array.from(bytes.keys()).filter((at) => blocks[Math.floor(at / patternBytes)] !== pattern);
}
