import { expect, test } from "vitest";
import { type Configuration, Seen } from "./seen.ts";

/** A configuration of these bits, in state 0 if no other is named. */
function configuration(
  window: readonly number[],
  unknown: readonly number[] = [],
  own: Partial<Configuration> = {},
): Configuration {
  const unknownWords = Int32Array.from(unknown);
  return { window: Int32Array.from(window), low: 0, hash: 0, unknownWords, state: 0, ...own };
}

test("a configuration is new once", () => {
  const seen = new Seen(0, 1 << 20);
  expect(seen.show(configuration([5]))).toBe("new");
  expect(seen.show(configuration([5]))).toBe("seen");
});

test("configurations with other bits, elsewhere, or in another state are others", () => {
  const seen = new Seen(0, 1 << 20);
  for (const other of [
    configuration([5]),
    configuration([4]),
    configuration([5, 1]),
    configuration([]),
    configuration([5], [], { low: 1 }),
    configuration([5], [], { state: 1 }),
  ]) {
    expect(seen.show(other)).toBe("new");
  }
});

test("what is shown is copied", () => {
  const seen = new Seen(1, 1 << 20);
  const shown = configuration([5], [1]);
  seen.show(shown);
  shown.window[0] = 7;
  shown.unknownWords[0] = 2;
  expect(seen.show(configuration([5], [1]))).toBe("seen");
  expect(seen.show(shown)).toBe("new");
});

test("one that used fewer of the unknown stands for those that used more, not for others", () => {
  const seen = new Seen(2, 1 << 20);
  expect(seen.show(configuration([5], [0b110, 0]))).toBe("new");
  expect(seen.show(configuration([5], [0b110, 1]))).toBe("seen");
  expect(seen.show(configuration([5], [0b111, 0]))).toBe("seen");
  expect(seen.show(configuration([5], [0b010, 0]))).toBe("new");
  expect(seen.show(configuration([5], [0b011, 4]))).toBe("seen");
  expect(seen.show(configuration([5], [0b101, 4]))).toBe("new");
  expect(seen.show(configuration([6], [0b111, 0]))).toBe("new");
});

test("thousands are told apart, also where their hashes are the same", () => {
  const seen = new Seen(1, 1 << 22);
  const show = (count: number, answer: string): void => {
    for (let bits = 0; bits < count; bits++) {
      const one = configuration([bits, 1], [1], { hash: bits >> 2, state: bits % 3 });
      expect(seen.show(one)).toBe(answer);
    }
  };
  show(20_000, "new");
  show(20_000, "seen");
});

test("memory is counted and never more than allowed", () => {
  const bytesMax = 1 << 17;
  const seen = new Seen(0, bytesMax);
  let count = 0;
  while (seen.show(configuration([count], [], { hash: count })) === "new") count += 1;
  expect(seen.bytes).toBeLessThanOrEqual(bytesMax);
  expect(count).toBeGreaterThan(1_000);
  expect(seen.show(configuration([count], [], { hash: count }))).toBe("full");
  expect(seen.show(configuration([0]))).toBe("seen");
});
