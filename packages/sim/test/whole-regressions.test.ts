import { readdirSync, readFileSync } from "node:fs";
import { playWhole } from "@quorate/sim";
import { expect, test } from "vitest";

// Each file is the smallest run that showed a defect, as the simulator wrote it down. With the defect
// gone, the run holds. Runs stay what they are only as long as replicas do the same things in the same
// order: one that no longer shows its defect has to be found anew.
const folder = new URL("whole-scenarios/", import.meta.url);

for (const name of readdirSync(folder).filter((file) => file.endsWith(".txt"))) {
  test(`${name} ends as it says`, async () => {
    const { outcome, expect: expected } = await playWhole(
      readFileSync(new URL(name, folder), "utf8"),
    );
    expect(outcome).toBe(expected);
  });
}

test("a scenario says what it expects, and how the run went can be read", async () => {
  const lines: string[] = [];
  const text = [
    "level whole",
    "plan nodes=1",
    "plan lengthMs=400",
    "expect holds",
    "@300ms call client=1 node=1 number=1 timeoutMs=0",
    "frame n1>n2 number=1 lost",
  ].join("\n");
  const { outcome, failure } = await playWhole(text, { writer: (line) => lines.push(line) });
  expect(outcome).toBe("holds");
  expect(failure).toBeUndefined();
  expect(lines).toContain("@300ms call client=1 node=1 number=1 timeoutMs=0");
  expect(lines.some((line) => /call 1 at n1, .*: (applied|answered)/.test(line))).toBe(true);
});
