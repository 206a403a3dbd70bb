import { type Entry, newEntry, RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import { findDamage } from "../src/index.ts";
import { MemoryDisk } from "../src/testing.ts";
import {
  coin,
  Harness,
  keepsAll,
  newRandom,
  segmentNames,
  type Step,
  walOptions,
  workload,
} from "./harness.ts";
import { flipped, given, mend, type Outcome } from "./mending.ts";

const { identity } = walOptions;

/** Long and short batches, empty ones, overwriting ones, in several segments; nothing compacted. */
const history: readonly Step[] = [
  { term: 1, vote: 3 },
  { append: [500, 300] },
  { append: [0, 200, 33] },
  { commit: 3, sync: true },
  { append: [700], term: 2, after: 4 },
  { append: [10] },
  { append: [20, 30], term: 3, after: 5 },
  { term: 4, vote: 1 },
  { commit: 5, sync: true },
  { append: [30, 0] },
  { append: [600, 90] },
  { append: [5] },
];

async function logOf(steps: readonly Step[]): Promise<Harness> {
  const harness = new Harness(new MemoryDisk());
  await harness.open();
  await harness.run(steps);
  await harness.close();
  return harness;
}

/** Damages file `name`, mends the log, and sees that it holds all that it must, also after a power loss. */
async function damaged(harness: Harness, name: string, bytes: Uint8Array): Promise<Outcome> {
  const next = harness.fork(harness.disk.afterKill());
  next.disk.writeFile(name, bytes);
  const outcome = await mend(next);
  if (outcome === "refused") return outcome;
  next.disk = next.disk.afterPowerLoss(() => false);
  await next.survive();
  return outcome;
}

test("a log with one flipped bit is mended, and holds all that it must", async () => {
  const harness = await logOf(history);
  const counts = { held: 0, mended: 0, refused: 0 };
  for (const name of await segmentNames(harness.disk)) {
    const bytes = harness.disk.readFile(name);
    for (let bit = 0; bit < 8 * bytes.length; bit += 23) {
      counts[await damaged(harness, name, flipped(bytes, bit))]++;
    }
  }
  expect(counts.mended).toBeGreaterThan(500);
  // Only where the head of the last batch is hit, which alone knows the last hard state.
  expect(counts.refused).toBeLessThan(40);
}, 120_000);

test("a log that was compacted and reset is mended where others still have the entries", async () => {
  for (let length = 12; length <= workload.length; length++) {
    const harness = await logOf(workload.slice(0, length));
    const random = newRandom(length);
    for (const name of await segmentNames(harness.disk)) {
      const bytes = harness.disk.readFile(name);
      for (let tries = 0; tries < 40; tries++) {
        await damaged(harness, name, flipped(bytes, Math.floor(random() * 8 * bytes.length)));
      }
    }
  }
}, 120_000);

test("a sector that went bad is mended, whatever it holds now", async () => {
  const harness = await logOf(history);
  const counts = { held: 0, mended: 0, refused: 0 };
  for (const name of await segmentNames(harness.disk)) {
    const bytes = harness.disk.readFile(name);
    for (let offset = 0; offset < bytes.length; offset += 512) {
      for (const byte of [0, 0xff, 0x42]) {
        counts[await damaged(harness, name, bytes.slice().fill(byte, offset, offset + 512))]++;
      }
    }
  }
  expect(counts.mended).toBeGreaterThan(counts.refused);
});

test("two places that went bad are mended one after the other, or refused", async () => {
  const harness = await logOf(history);
  const names = await segmentNames(harness.disk);
  const random = newRandom(5);
  const counts = { held: 0, mended: 0, refused: 0 };
  for (let tries = 0; tries < 300; tries++) {
    const next = harness.fork(harness.disk.afterKill());
    for (let place = 0; place < 2; place++) {
      const name = names[Math.floor(random() * names.length)] ?? "";
      const bytes = next.disk.readFile(name);
      next.disk.writeFile(name, flipped(bytes, Math.floor(random() * 8 * bytes.length)));
    }
    const outcome = await mend(next);
    counts[outcome]++;
    if (outcome !== "refused") await next.survive();
  }
  expect(counts.mended).toBeGreaterThan(100);
});

test("a crash while a log is mended leaves one that can be mended", async () => {
  const harness = await logOf(history);
  const random = newRandom(9);
  const names = await segmentNames(harness.disk);
  let crashes = 0;
  for (let tries = 0; tries < 150; tries++) {
    const name = names[Math.floor(random() * names.length)] ?? "";
    const bytes = harness.disk.readFile(name);
    const bit = Math.floor(random() * 8 * bytes.length);
    for (let step = 1; step < 12; step++) {
      const next = harness.fork(harness.disk.afterKill());
      next.disk.writeFile(name, flipped(bytes, bit));
      const expected = await mend(next.fork(next.disk.afterKill()));
      if (expected !== "mended") break;
      let left = step;
      next.disk.intercept = () => (left-- === 1 ? "fail" : undefined);
      const broken = await mend(next).catch((error: unknown) => error);
      next.disk.intercept = undefined;
      if (!(broken instanceof RaftError)) break;
      crashes += 1;
      next.disk = next.disk.afterPowerLoss(step % 3 === 0 ? keepsAll : coin(tries));
      expect(await mend(next)).not.toBe("refused");
      await next.survive();
    }
  }
  expect(crashes).toBeGreaterThan(100);
}, 120_000);

test("entries that were not here are not taken", async () => {
  const harness = await logOf(history);
  const random = newRandom(3);
  let refusals = 0;
  for (const name of await segmentNames(harness.disk)) {
    const bytes = harness.disk.readFile(name);
    for (let tries = 0; tries < 200; tries++) {
      const next = harness.fork(harness.disk.afterKill());
      next.disk.writeFile(name, flipped(bytes, Math.floor(random() * 8 * bytes.length)));
      const found = await findDamage(next.disk, identity);
      const before = next.disk.readFile(name);
      for (const { missing, mend: mendWith } of found?.ways ?? []) {
        const entries = missing === undefined ? undefined : given(harness, missing);
        for (const wrong of wrongOnes(entries ?? [], missing?.lastTerm !== 0)) {
          expect(await mendWith(wrong)).toBe(false);
          refusals += 1;
        }
      }
      expect(next.disk.readFile(name)).toEqual(before);
    }
  }
  expect(refusals).toBeGreaterThan(300);
});

/** Entries like `entries` that a peer of another history would give. */
function wrongOnes(entries: readonly Entry[], isGap: boolean): Entry[][] {
  const [first] = entries;
  const last = entries.at(-1);
  if (first === undefined || last === undefined) return [];
  const { term, index, kind, data } = last;
  const wrong = [
    [],
    entries.slice(1),
    entries.slice(0, -1),
    [...entries, newEntry({ term, index: index + 1 }, "no-op")],
    [...entries.slice(0, -1), newEntry({ term: term + 1, index }, kind, data)],
  ];
  // Where the terms agree so do the data (§5.3): only a checksum knows better, where there is one.
  const other = newEntry({ term, index }, "command", new Uint8Array(data.length).fill(0x55));
  return isGap ? wrong : [...wrong, [...entries.slice(0, -1), other]];
}
