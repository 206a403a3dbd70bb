import { RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import { tryDecoders } from "../src/decoders.ts";
import { newDraw } from "../src/mutation.ts";
import { Broken, target, tryTarget } from "../src/target.ts";

test("everything that reads bytes stands hostile ones: it reads them, or says what is wrong", async () => {
  const reports = await tryDecoders({ inputCount: 100_000 }, 1);
  expect(reports.length).toBeGreaterThan(70);
  for (const { name, inputCount, outcomes } of reports) {
    expect(inputCount, name).toBeGreaterThanOrEqual(100);
    // Never to refuse is right for what has no codes; never to read would mean that nothing is tried.
    expect(outcomes.get("read") ?? 0, name).toBeGreaterThan(0);
  }
});

test("the same seed tries the same inputs", async () => {
  const outcomes = async (seed: number): Promise<string> =>
    JSON.stringify((await tryDecoders({ inputCount: 5_000 }, seed)).map((it) => [...it.outcomes]));
  expect(await outcomes(7)).toBe(await outcomes(7));
  expect(await outcomes(7)).not.toBe(await outcomes(8));
});

const fragile = {
  name: "fragile",
  samples: [Uint8Array.of(1, 2, 3)],
  codes: ["malformed"],
  share: 1,
};

test("a defect is found, and told with the input that shows it", async () => {
  const defects: ((bytes: Uint8Array) => unknown)[] = [
    (bytes) => {
      if (bytes[0] === 0) throw new RangeError("a defect");
    },
    async (bytes) => {
      if (bytes[0] === 0) throw new RaftError("busy", "a code that it must not have");
    },
  ];
  for (const read of defects) {
    const tried = tryTarget({ ...fragile, read }, newDraw(1), (count) => count >= 100_000);
    await expect(tried).rejects.toThrow(Broken);
    await expect(tried).rejects.toThrow(/fragile failed with .* on 00/);
  }
});

test("what is read is written, read and written again: it must be the same, and be taken", async () => {
  const { samples } = fragile;
  const attempt = (encode: (bytes: Uint8Array) => Uint8Array, name: string): Promise<unknown> => {
    const tried = target((bytes) => bytes, samples, { name, encode });
    return tryTarget(tried, newDraw(1), (count) => count >= 1000);
  };
  await expect(attempt((bytes) => bytes, "faithful")).resolves.toMatchObject({ inputCount: 1000 });
  const grows = attempt((bytes) => Uint8Array.of(0, ...bytes), "growing");
  await expect(grows).rejects.toThrow(/^growing failed with Error: it is written in one way/);
  const refuses = attempt((bytes) => {
    if (bytes.length > 3) throw new RaftError("invalid_argument", "it is too long");
    return bytes;
  }, "refusing");
  await expect(refuses).rejects.toThrow(/^refusing failed with RaftError: invalid_argument/);
});
