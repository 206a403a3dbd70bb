import { RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import { tryDecoders } from "../src/decoders.ts";
import { newDraw } from "../src/mutation.ts";
import { Broken, tryTarget } from "../src/target.ts";

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
