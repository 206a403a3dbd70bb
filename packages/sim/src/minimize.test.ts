import { expect, test } from "vitest";
import fc from "fast-check";
import { minimize } from "./minimize.ts";

test("minimize finds the few items that matter, in their order", async () => {
  const items = Array.from({ length: 1000 }, (_, offset) => offset);
  const culprits = [3, 500, 501, 999];
  let trialCount = 0;
  const found = await minimize(items, (candidate) => {
    trialCount += 1;
    return culprits.every((culprit) => candidate.includes(culprit));
  });
  expect(found).toEqual(culprits);
  expect(trialCount).toBeLessThan(500);
});

test("minimize keeps nothing where nothing matters, and all where all matters", async () => {
  expect(await minimize([1, 2, 3], () => true)).toEqual([]);
  expect(await minimize([1, 2, 3], (candidate) => candidate.length === 3)).toEqual([1, 2, 3]);
  expect(await minimize([], () => true)).toEqual([]);
});

test("minimize ends at its limit, with what it has", async () => {
  const items = Array.from({ length: 100 }, (_, offset) => offset);
  let trialCount = 0;
  const fails = (candidate: readonly number[]): boolean => {
    trialCount += 1;
    return candidate.includes(7);
  };
  const found = await minimize(items, fails, { trialCountMax: 3 });
  expect(trialCount).toBe(3);
  expect(found).toContain(7);
  expect(found.length).toBeGreaterThan(1);
});

test("what minimize finds fails, and without any one item does not", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 30 }),
      async (items, sum) => {
        const fails = (candidate: readonly number[]): boolean =>
          candidate.reduce((total, item) => total + item, 0) % 31 >= sum;
        if (!fails(items)) return;
        const found = await minimize(items, fails);
        expect(fails(found)).toBe(true);
        for (const offset of found.keys()) {
          expect(fails(found.filter((_, other) => other !== offset))).toBe(false);
        }
      },
    ),
  );
});
