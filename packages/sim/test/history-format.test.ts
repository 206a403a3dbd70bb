import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { checkHistoryText } from "../src/index.ts";

const page = readFileSync(new URL("../HISTORY.md", import.meta.url), "utf8");
const examples = [...page.matchAll(/```jsonl (\w+)\n(.*?)```/gs)];

test("the page of the format has examples of both verdicts", () => {
  expect(examples.map(([, verdict]) => verdict)).toEqual(["ok", "illegal"]);
});

test.each(examples.map(([, verdict = "", text = ""]) => [verdict, text]))(
  "the example that is said to be %s is",
  (verdict, text) => {
    expect(checkHistoryText(text).verdict).toBe(verdict);
  },
);
