import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

// Runs what `npm run build` made of the example, which `npm test` does first.
const root = resolve(import.meta.dirname, "..", "..", "..");
const program = resolve(root, "examples", "simulate-your-app", "dist", "main.js");

test("the example finds its planted defect, and tells it in a dozen steps at most", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  expect(stdout).toMatch(/^the box office: 30 runs, \d+ events, no seat sold twice\n/);
  expect(stdout).toContain("the hasty box office: the state machine is not deterministic");
  const steps = stdout.split("\n").filter((line) => /^(@|frame)/.test(line));
  expect(steps.length).toBeGreaterThan(0);
  expect(steps.length).toBeLessThanOrEqual(12);
});
