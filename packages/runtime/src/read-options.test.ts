import { RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import { readDemandOf } from "./read-options.ts";
import type { ReadOptions } from "./replica.ts";

const linearizable = { kind: "linearizable" };

test.each<[ReadOptions, object]>([
  [{}, { consistency: linearizable, atLeast: 0 }],
  [
    { consistency: "linearizable", atLeast: 5 },
    { consistency: linearizable, atLeast: 5 },
  ],
  [{ consistency: "lease" }, { consistency: { kind: "lease" }, atLeast: 0 }],
  [
    { consistency: "local" },
    { consistency: { kind: "local", stalenessMsMax: Number.POSITIVE_INFINITY }, atLeast: 0 },
  ],
  [
    { consistency: "local", stalenessMsMax: 0, atLeast: 1 },
    { consistency: { kind: "local", stalenessMsMax: 0 }, atLeast: 1 },
  ],
])("readDemandOf %o", (options, demand) => {
  expect(readDemandOf(options, true)).toEqual(demand);
});

/** What may come from JavaScript. */
const wrong: readonly [string, object][] = [
  ["atLeast", { atLeast: -1 }],
  ["atLeast", { atLeast: 1.5 }],
  ["atLeast", { atLeast: "1" }],
  ["stalenessMsMax", { stalenessMsMax: 100 }],
  ["stalenessMsMax", { stalenessMsMax: 100, consistency: "lease" }],
  ["stalenessMsMax", { stalenessMsMax: -1, consistency: "local" }],
  ["stalenessMsMax", { stalenessMsMax: Number.NaN, consistency: "local" }],
  ["stalenessMsMax", { stalenessMsMax: "100", consistency: "local" }],
  ["consistency", { consistency: "strong" }],
];

test.each(wrong)("readDemandOf refuses a wrong %s: %o", (name, options) => {
  const refusal = readDemandOf(options, true);
  expect(refusal).toBeInstanceOf(RaftError);
  expect(refusal).toMatchObject({ code: "invalid_argument" });
  expect(JSON.stringify(refusal, ["message"])).toContain(name);
});

test("readDemandOf refuses lease reads unless nodes keep the promise that they need", () => {
  expect(readDemandOf({ consistency: "lease" }, false)).toMatchObject({ code: "invalid_argument" });
});
