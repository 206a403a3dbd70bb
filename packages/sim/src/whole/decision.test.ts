import { expect, test } from "vitest";
import { type Decision, formatDecision, parseDecision } from "./decision.ts";

const examples: readonly Decision[] = [
  {
    kind: "at",
    at: 1_500_250,
    what: { kind: "crash", node: 2, how: "power", survivePerMille: 500, downMs: 30 },
  },
  { kind: "at", at: 0, what: { kind: "close", node: 1, downMs: 5 } },
  { kind: "at", at: 1, what: { kind: "wipe", node: 1, downMs: 5 } },
  { kind: "at", at: 1, what: { kind: "pause", node: 3, forMs: 40 } },
  { kind: "at", at: 1, what: { kind: "clock-rate", node: 3, perMille: 250, forMs: 40 } },
  { kind: "at", at: 1, what: { kind: "clock-jump", node: 3, byMs: 9 } },
  { kind: "at", at: 1, what: { kind: "slow-disk", node: 3, factor: 20, forMs: 40 } },
  { kind: "at", at: 1, what: { kind: "stuck-disk", node: 3, forMs: 40 } },
  {
    kind: "at",
    at: 1,
    what: { kind: "full-disk", node: 3, forMs: 40, roomBytes: 0, stepBytes: 0 },
  },
  {
    kind: "at",
    at: 1,
    what: { kind: "trap", node: 3, call: "sync", skip: 2, trap: "power-after", downMs: 4 },
  },
  {
    kind: "at",
    at: 1,
    what: { kind: "rot", node: 3, part: "head", perMillion: 7, bit: 6, bytes: 16, downMs: 4 },
  },
  {
    kind: "at",
    at: 1,
    what: {
      kind: "cut",
      links: [
        { from: 1, to: 2 },
        { from: 2, to: 1 },
      ],
      forMs: 4,
    },
  },
  { kind: "at", at: 1, what: { kind: "clog", links: [{ from: 1, to: 2 }], forMs: 4 } },
  { kind: "at", at: 1, what: { kind: "reset", links: [{ from: 1, to: 2 }] } },
  {
    kind: "at",
    at: 1,
    what: { kind: "call", client: 3, node: 2, number: 17, timeoutMs: 0, abortMs: 0 },
  },
  {
    kind: "at",
    at: 1,
    what: { kind: "call", client: 3, node: 2, number: 17, timeoutMs: 8, abortMs: 9 },
  },
  { kind: "at", at: 1, what: { kind: "suspend", node: 3, forMs: 40 } },
  { kind: "at", at: 1, what: { kind: "set-wall", node: 3, ahead: 0 } },
  { kind: "at", at: 1, what: { kind: "join", node: 11 } },
  { kind: "at", at: 1, what: { kind: "stray", node: 2 } },
  {
    kind: "at",
    at: 1,
    what: { kind: "change", node: 2, wish: "set:1,11/2", ifNow: 1, timeoutMs: 7 },
  },
  { kind: "at", at: 1, what: { kind: "transfer", node: 2, to: 0, timeoutMs: 0 } },
  { kind: "at", at: 1, what: { kind: "snapshot", node: 2, timeoutMs: 0 } },
  { kind: "at", at: 1, what: { kind: "full-disk", node: 3, forMs: 4, roomBytes: 9, stepBytes: 8 } },
  { kind: "frame", link: { from: 1, to: 2 }, number: 4, fate: { kind: "lost" } },
  { kind: "frame", link: { from: 1, to: 2 }, number: 4, fate: { kind: "late", late: 77 } },
  { kind: "frame", link: { from: 3, to: 2 }, number: 4, fate: { kind: "twice", late: 7 } },
];

test.each(examples.map((decision) => [formatDecision(decision), decision] as const))(
  "%s is read back",
  (text, decision) => {
    expect(parseDecision(text)).toEqual(decision);
  },
);

test("decisions read as they are told", () => {
  const [crash, , , , , , , , , , , cut] = examples.map(formatDecision);
  expect(crash).toBe("@1500.25ms crash node=2 how=power survivePerMille=500 downMs=30");
  expect(cut).toBe("@0.001ms cut links=n1>n2,n2>n1 forMs=4");
});

test.each([
  ["", "this is no decision"],
  ["@1ms", "nothing is called"],
  ["@xms pause node=1 forMs=2", "this is no decision"],
  ["@1ms dance node=1", 'nothing is called "dance"'],
  ["@1ms pause node=1", "forMs is missing"],
  ["@1ms pause node=-1 forMs=2", "node is no whole number"],
  ["@1ms pause node forMs=2", "not of the form name=value"],
  ["@1ms crash node=1 how=magic survivePerMille=0 downMs=1", "how is none of kill, power"],
  ["@1ms reset links=n1-n2", "is no link"],
  ["frame n1>n2 number=1 eaten", '"eaten" befalls no frame'],
  ["frame n1>n2 number=1 late=3", "befalls no frame"],
  ["frame n1>n2 number=1 late late=3", "late is no whole number"],
])("%j is refused: %s", (line, what) => {
  expect(() => parseDecision(line)).toThrow(what);
});
