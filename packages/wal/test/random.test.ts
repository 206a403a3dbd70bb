import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryDisk } from "../src/testing.ts";
import { coin, Harness, losesAll, type Step } from "./harness.ts";

const kinds = [
  "append",
  "append",
  "overwrite",
  "commit",
  "quiet-commit",
  "vote",
  "compact",
  "install-beyond",
  "install-inside",
  "install-instead",
  "reopen",
] as const;

/** What to do next, in numbers that are fitted to the state of the log. */
interface Draw {
  readonly kind: (typeof kinds)[number];
  readonly lengths: readonly number[];
  readonly choice: number;
  /** Whether and how the process ends during this step. */
  readonly crash: {
    readonly operation: number;
    readonly seed: number;
    readonly isKill: boolean;
  } | null;
}

const draw: fc.Arbitrary<Draw> = fc.record({
  kind: fc.constantFrom(...kinds),
  lengths: fc.array(fc.oneof(fc.nat(40), fc.nat(900), fc.constant(3000)), {
    minLength: 1,
    maxLength: 4,
  }),
  choice: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  crash: fc.option(
    fc.record({
      operation: fc.integer({ min: 1, max: 8 }),
      seed: fc.nat(1000),
      isKill: fc.boolean(),
    }),
    { freq: 4 },
  ),
});

function stepOf({ kind, lengths, choice }: Draw, log: Harness): Step | undefined {
  const { entries, hardState } = log.durable;
  const { term, commitIndex } = hardState;
  const between = (low: number, high: number): number => low + Math.floor(choice * (high - low));
  switch (kind) {
    case "append":
      return { append: lengths, term: Math.max(1, term + (choice < 0.2 ? 1 : 0)) };
    case "overwrite":
      return { append: lengths, term: term + 1, after: between(commitIndex, entries.length) };
    case "commit":
    case "quiet-commit":
      return { commit: between(commitIndex, entries.length + 1), sync: kind === "commit" };
    case "vote":
      return { term: term + 1, vote: between(1, 4) };
    case "compact":
      return { compact: between(0, commitIndex + 1) };
    case "install-beyond":
      return { install: entries.length + 1 + between(0, 20), term: term + 1 };
    case "install-inside":
    case "install-instead": {
      // An entry that is not committed, if there is one: that of the log, or of a newer term.
      const index = between(commitIndex, entries.length) + 1;
      const held = Number(entries[index - 1]?.split("/")[0] ?? term + 1);
      return { install: index, term: kind === "install-inside" ? held : term + 1 };
    }
    case "reopen":
      return undefined;
  }
}

test("Wal holds what the naive model holds, through any workload and any crashes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(draw, { minLength: 1, maxLength: 40 }), async (draws) => {
      let log = new Harness(new MemoryDisk());
      await log.open();
      for (const next of draws) {
        const step = stepOf(next, log);
        const { crash } = next;
        const start = log.disk.operationCount;
        log.disk.intercept = ({ number }) => {
          return crash !== null && number === start + crash.operation ? "kill-after" : undefined;
        };
        try {
          if (step === undefined) {
            await log.close();
            await log.open();
          } else if (!("compact" in step) || step.compact > log.wal.base.index) {
            await log.run([step]);
          }
        } catch (error) {
          if (!log.disk.isDead) throw error;
        }
        log.disk.intercept = undefined;
        if (log.disk.isDead) {
          const { seed = 0, isKill = true } = crash ?? {};
          log = log.fork(isKill ? log.disk.afterKill() : log.disk.afterPowerLoss(coin(seed)));
          await log.open();
        }
      }
      const before = log.durable;
      const last = log.fork(log.disk.afterPowerLoss(losesAll));
      await last.open();
      expect(last.durable.entries).toEqual(before.entries);
    }),
    { numRuns: 300 },
  );
}, 120_000);
