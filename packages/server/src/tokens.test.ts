import { expect, test } from "vitest";
import { parseTokens, TokenSet } from "./tokens.ts";

const [one, two] = ["first-token-of-all", "c2Vjb25kLXRva2Vu+/=="];

test("parseTokens reads tokens, what they are good for, and comments", () => {
  expect(parseTokens(`# ours\n${one}\r\n\n  ${two}  read-only \n`)).toEqual([
    { text: one, isReadOnly: false },
    { text: two, isReadOnly: true },
  ]);
});

test("parseTokens refuses what is none, and does not repeat it", () => {
  for (const line of [
    "short",
    `${one} all`,
    `${one} read-only x`,
    `${one}\u00fc`,
    "x".repeat(513),
  ]) {
    const parse = (): unknown => parseTokens(`# comment\n${line}`);
    expect(parse).toThrow("invalid_options: line 2 of the tokens is no token");
  }
  expect(() => parseTokens("# none\n")).toThrow("there are 0 tokens");
  expect(() => parseTokens(`${one}\n`.repeat(1001))).toThrow("there are 1001 tokens");
});

test("TokenSet finds tokens, and for the better if one is there twice", () => {
  const tokens = new TokenSet(parseTokens(`${one}\n${two} read-only\n${one} read-only`));
  expect(tokens.find(one)).toBe("everything");
  expect(tokens.find(two)).toBe("reading");
  for (const text of ["", one.slice(1), `${one}x`, one.toUpperCase()]) {
    expect(tokens.find(text)).toBe(undefined);
  }
});
