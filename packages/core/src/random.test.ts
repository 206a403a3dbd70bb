import { expect, test } from "vitest";
import { SeededRandom } from "./random.ts";

// The numbers come from a second implementation, in another language.
test("SeededRandom gives the same sequence for ever", () => {
  const random = new SeededRandom(1);
  expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([
    1259463057, 2739798604, 1938936199,
  ]);
  const other = new SeededRandom(Number.MAX_SAFE_INTEGER, 7);
  expect([other.uint32(), other.uint32(), other.uint32()]).toEqual([
    1511971137, 956535420, 281182101,
  ]);
});

test("SeededRandom takes the whole seed and the stream into account", () => {
  const firsts = [
    new SeededRandom(1),
    new SeededRandom(1 + 2 ** 32),
    new SeededRandom(2),
    new SeededRandom(1, 1),
    new SeededRandom(1, 2),
    new SeededRandom(0),
  ].map((random) => random.uint32());
  expect(new Set(firsts).size).toBe(firsts.length);
});

test("uint32 is an integer in [0, 2^32)", () => {
  const random = new SeededRandom(3);
  for (let draw = 0; draw < 10_000; draw++) {
    const value = random.uint32();
    expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true);
  }
});

test("below(1) is always 0", () => {
  const random = new SeededRandom(4);
  expect(Array.from({ length: 100 }, () => random.below(1)).every((value) => value === 0)).toBe(
    true,
  );
});

// With 10,000 draws each count lies within five standard deviations (150) of 1,000; the seeds are
// fixed, so this cannot fail by chance.
test.each([0, 1, 2, 2 ** 32, Number.MAX_SAFE_INTEGER])(
  "below is roughly uniform for seed %d",
  (seed) => {
    const random = new SeededRandom(seed);
    const counts = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < 10_000; draw++) {
      const value = random.below(10);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    expect(counts).toHaveLength(10);
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  },
);

test("nodes of one seed draw different sequences", () => {
  const draws = [1, 2, 3, 4, 5].map((id) => {
    const random = new SeededRandom(42, id);
    return Array.from({ length: 8 }, () => random.below(10)).join(" ");
  });
  expect(new Set(draws).size).toBe(draws.length);
});
