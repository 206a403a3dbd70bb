import { expect, test } from "vitest";
import { chosenStages, runStages, type Stage, summary, verdictOf, verdictOn } from "./stage.ts";

const stage = (name: string, run: Stage["run"]): Stage => ({ name, run });
const good = stage("good", async () => ({ ok: true, details: "not to be read" }));
const bad = stage("bad", async () => ({ ok: false, details: "what is wrong" }));
const broken = stage("broken", async () => {
  throw new Error("no such tool");
});

test("runStages runs all, counts, and shows the details of failures alone", async () => {
  const lines: string[] = [];
  const tally = await runStages([bad, broken, good], (line) => lines.push(line));
  expect(tally).toEqual({ passed: 1, failures: ["bad", "broken"] });
  expect(summary(tally)).toBe("1 passed, 2 failed");
  const printed = lines.join("\n");
  expect(printed).toMatch(/^FAIL bad .* s$/m);
  expect(printed).toMatch(/^ok {3}good .* s$/m);
  expect(printed).toContain("what is wrong");
  expect(printed).toContain("no such tool");
  expect(printed).not.toContain("not to be read");
});

test("chosenStages takes all, or the named ones, and refuses others", () => {
  expect(chosenStages([good, bad], [])).toEqual([good, bad]);
  expect(chosenStages([good, bad], ["--only", "bad"])).toEqual([bad]);
  expect(() => chosenStages([good, bad], ["--only", "worse"])).toThrow("good, bad");
  expect(() => chosenStages([good, bad], ["--only"])).toThrow(RangeError);
  expect(() => chosenStages([good, bad], ["bad"])).toThrow(RangeError);
});

test("verdictOn finds fault with any finding, verdictOf with any child that ended badly", () => {
  expect(verdictOn([]).ok).toBe(true);
  expect(verdictOn(["a", "b"])).toEqual({ ok: false, details: "a\nb" });
  const fine = { ok: true, how: "exited with status 0", output: "chatter" };
  const ill = { ok: false, how: "was killed by SIGKILL", output: "oops\n" };
  expect(verdictOf([fine])).toEqual({ ok: true, details: "" });
  expect(verdictOf([fine, ill])).toEqual({
    ok: false,
    details: "oops\n(the tool was killed by SIGKILL)",
  });
});
