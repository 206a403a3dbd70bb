import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { MemoryDisk } from "../src/testing.ts";
import { Harness, losesAll, type Step } from "./harness.ts";

/** What a process does once it has opened the log, from what the log then holds. */
type Choice = (log: Harness) => Step;

const append =
  (...lengths: readonly number[]): Choice =>
  () => ({ append: lengths, term: 1 });

/** Replaces the last entry, in a new term. */
const overwrite =
  (...lengths: readonly number[]): Choice =>
  ({ durable: { entries, hardState } }) => {
    const after = Math.max(0, entries.length - 1);
    return { append: lengths, term: hardState.term + 1, after };
  };

/** Stores a snapshot of all that is in the log, which is committed for it. */
const compact: Choice = ({ durable }) => ({ compact: durable.hardState.commitIndex });
const commit: Choice = ({ durable }) => ({ commit: durable.entries.length, sync: true });

/** Takes a snapshot from elsewhere: beyond the log, or in place of its last entry. */
const installBeyond: Choice = ({ durable }) => {
  return { install: durable.entries.length + 3, term: durable.hardState.term + 1 };
};
const installInstead: Choice = ({ durable: { entries, hardState } }) => {
  return { install: Math.max(entries.length, hardState.commitIndex + 1), term: hardState.term + 1 };
};

const vote: Choice = ({ durable }) => ({ term: durable.hardState.term + 1, vote: 2 });

/** What successive processes do; each but the last ends in every way there is. */
const lives: readonly (readonly (readonly Choice[])[])[] = [
  [[append(300), append(400)], [append(10)], [overwrite(200)]],
  [[append(800), append(20), overwrite(900)], [vote], []],
  [[append(500, 430)], [overwrite(1200), vote], []],
  [[vote, overwrite(330)], [append(440), append(440)], []],
  [[append(300), commit, compact], [installBeyond, append(20)], []],
  [[append(700, 30)], [installInstead], [append(10), installInstead]],
];

/** A kill before an operation leaves what a kill after the one before it does. */
const faults = ["kill-after", "fail"] as const;
/** Up to this many unsynced parts every set of survivors is tried, and of more that many sets. */
const exhaustivePartCount = 5;

/** What the next process may find: everything, and every set of unsynced parts after a power loss. */
function* aftermaths(disk: MemoryDisk): Generator<MemoryDisk> {
  yield disk.afterKill();
  const parts = new Set<string>();
  disk.afterPowerLoss((part) => parts.add(JSON.stringify(part)).size > 0);
  const names = [...parts];
  for (let set = 0; set < 2 ** Math.min(names.length, exhaustivePartCount); set++) {
    yield disk.afterPowerLoss((part) => {
      const place = names.indexOf(JSON.stringify(part));
      return ((set >> (place % exhaustivePartCount)) & 1) === 1;
    });
  }
}

/** Tells states apart: what a process sees, what is durable, and what the log must hold. */
async function keyOf(log: Harness, life: number): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([life, log.durable, log.pending]));
  for (const disk of [log.disk, log.disk.afterPowerLoss(losesAll)]) {
    const names = (await disk.list()).toSorted();
    for (const name of names) hash.update(name).update(disk.readFile(name));
  }
  return hash.digest("hex");
}

async function live(log: Harness, choices: readonly Choice[]): Promise<void> {
  await log.open();
  for (const choice of choices) await log.run([choice(log)]);
}

/** All states in which a process may leave the log that found `log` and does `choices`. */
async function* endsOf(log: Harness, choices: readonly Choice[]): AsyncGenerator<Harness> {
  for (const fault of faults) {
    for (let number = 1; ; number++) {
      const next = log.fork(log.disk.afterKill());
      let isHit = false;
      next.disk.intercept = (operation) => {
        if (operation.number !== number) return undefined;
        isHit = true;
        return fault;
      };
      await live(next, choices).catch((error: unknown) => {
        if (!isHit) throw error;
        expect(error).toMatchObject({ code: "storage_failed" });
      });
      for (const disk of aftermaths(next.disk)) yield next.fork(disk);
      if (!isHit) break;
    }
  }
}

for (const [number, life] of lives.entries()) {
  test(`Wal holds what it must after every end of every process, life ${number}`, async () => {
    const seen = new Set<string>();
    let states = [new Harness(new MemoryDisk())];
    for (const [generation, choices] of life.entries()) {
      const next: Harness[] = [];
      for (const state of states) {
        for await (const end of endsOf(state, choices)) {
          const key = await keyOf(end, generation);
          if (seen.has(key)) continue;
          seen.add(key);
          next.push(end);
        }
      }
      states = next;
    }
    for (const state of states) await state.survive();
    expect(states.length).toBeGreaterThan(100);
  });
}
