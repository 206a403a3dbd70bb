import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { startProgram } from "./processes.ts";
import { freeAddresses } from "./tcp-nodes.ts";

// Runs what `npm run build` made of the example, which `npm test` does first.
const root = resolve(import.meta.dirname, "..", "..", "..");
const program = join(root, "examples", "counter", "dist", "counter.js");

test("the counter example counts on three replicas and ends by itself", async () => {
  const [first = ""] = await freeAddresses(3);
  const counter = startProgram(program, [first.slice(first.indexOf(":") + 1)]);
  expect(await counter.exit, counter.output()).toBe(0);
  expect(counter.output().replaceAll(/, entry \d+/g, "")).toBe(
    "node 1: the counter is 1\nnode 2: the counter is 2\nnode 3: the counter is 3\n" +
      "node 1: reads 3\nnode 2: reads 3\nnode 3: reads 3\n",
  );
});
