import { expect, test } from "vitest";
import { RaftError, type ReplicaEvent } from "quorate";
import { createLog, prettyLine, type LogFormat, type LogLevel } from "./log.ts";
import { replicaLogger } from "./replica-log.ts";

function logged(format: LogFormat, level: LogLevel, events: readonly ReplicaEvent[]): string[] {
  const lines: string[] = [];
  const log = createLog(7, { format, level }, { write: (line) => lines.push(line) });
  events.forEach(replicaLogger(log));
  return lines;
}

const election: readonly ReplicaEvent[] = [
  { kind: "leader-changed", term: 4, leader: 0 },
  { kind: "role-changed", term: 4, role: "pre-candidate" },
  { kind: "role-changed", term: 5, role: "candidate" },
  { kind: "role-changed", term: 5, role: "leader" },
  { kind: "leader-changed", term: 5, leader: 7 },
];

test("createLog writes one JSON object for each line", () => {
  const lines = logged("json", "info", election).map((line) => JSON.parse(line) as unknown);
  expect(lines).toMatchObject([
    { node: 7, level: "warn", term: 4, message: "no leader" },
    { node: 7, level: "info", term: 5, message: "election started" },
    { node: 7, level: "info", term: 5, leader: 7, message: "node 7 leads" },
  ]);
  expect(Object.keys(lines[0] as object)).toContain("time");
});

test("createLog writes lines for people", () => {
  const lines = logged("pretty", "info", election);
  expect(lines[2]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}node 7 leads node=7 leader=7 term=5\n$/);
});

test("prettyLine shows the stack of an error", () => {
  const line = JSON.stringify({ level: "fatal", message: "m", err: { stack: "Error: e\nat f" } });
  expect(prettyLine(line, false)).toBe(" fatal m\n  Error: e\n  at f\n");
});

test("replicaLogger tells of a peer that is refused again and again only once", () => {
  const refusal = (peer: number, code: "stranger" | "malformed"): ReplicaEvent => ({
    kind: "message-refused",
    peer,
    error: new RaftError(code, "no"),
  });
  const events = [
    refusal(2, "stranger"),
    refusal(2, "stranger"),
    refusal(3, "stranger"),
    refusal(2, "malformed"),
  ];
  expect(logged("json", "warn", events)).toHaveLength(3);
  expect(logged("json", "debug", events)).toHaveLength(4);
});

test("replicaLogger remembers of whom it told for a while only", () => {
  const refusal = (peer: number): ReplicaEvent => ({
    kind: "message-refused",
    peer,
    error: new RaftError("stranger", "no"),
  });
  const strangers = Array.from({ length: 1023 }, (_, offset) => refusal(100 + offset));
  // The first that comes again is the newest again; then one more makes it forget another.
  const events = [refusal(2), ...strangers, refusal(2), refusal(3), refusal(2), refusal(100)];
  expect(logged("json", "warn", events)).toHaveLength(1 + 1023 + 1 + 1);
});

test("replicaLogger has a line for every other event, at a level that fits", () => {
  const events: readonly ReplicaEvent[] = [
    { kind: "peer-connected", peer: 2 },
    { kind: "peer-disconnected", peer: 2, reason: "reset" },
    {
      kind: "members-changed",
      index: 9,
      confState: {
        voters: [1, 2],
        votersOutgoing: [],
        learners: [3],
        learnersNext: [],
        autoLeave: false,
      },
    },
    { kind: "diverged", index: 8, term: 1, digests: [{ id: 2, digest: "ab" }], wrong: [] },
    { kind: "disk-full" },
    { kind: "disk-recovered" },
    { kind: "failed", error: new RaftError("storage_failed", "EIO") },
  ];
  const levels = logged("json", "info", events).map(
    (line) => (JSON.parse(line) as { level: string }).level,
  );
  expect(levels).toEqual(["info", "info", "info", "error", "error", "info", "fatal"]);
});
