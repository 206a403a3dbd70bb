import { assert } from "@quorate/core";
import type { Random } from "../ports.ts";
import type { TestFunction } from "./conformance.ts";

/** How many numbers are drawn: enough that chance fails a good generator less than once in 10^12. */
const drawCount = 4096;

/** Registers the cases that every `Random` must pass. They find broken ones, not weak ones. */
export function randomConformance(test: TestFunction, newRandom: () => Random): void {
  test("Random.uint32 gives integers in [0, 2^32)", async () => {
    const random = newRandom();
    for (let draw = 0; draw < drawCount; draw++) {
      const value = random.uint32();
      assert(Number.isInteger(value) && value >= 0 && value < 2 ** 32, `${value} is a uint32`);
    }
  });

  test("Random.uint32 sets every bit about half the time", async () => {
    const random = newRandom();
    const counts = Array.from({ length: 32 }, () => 0);
    for (let draw = 0; draw < drawCount; draw++) {
      const value = random.uint32();
      for (const [bit, count] of counts.entries()) counts[bit] = count + ((value >>> bit) & 1);
    }
    // Half of 4096 is 2048, and one standard deviation 32: this allows for eight of them.
    for (const [bit, count] of counts.entries()) {
      assert(Math.abs(count - drawCount / 2) < 256, `bit ${bit} was set ${count} times`);
    }
  });

  test("Random.uint32 seldom repeats itself", async () => {
    const random = newRandom();
    const distinct = new Set(Array.from({ length: drawCount }, () => random.uint32()));
    assert(distinct.size > drawCount - 16, `${distinct.size} of ${drawCount} are distinct`);
  });
}
