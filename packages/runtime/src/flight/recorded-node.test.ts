import { assert, AssertionError, RaftNode } from "@quorate/core";
import { expect, onTestFinished, test } from "vitest";
import { decodeFlight, encodeFlight } from "./flight-file.ts";
import { FlightReplay } from "./flight-replay.ts";
import { codes } from "./input-code.ts";
import { RecordedNode } from "./recorded-node.ts";

/** What changes nothing, or calls other methods to do it. */
const reads = [
  "constructor",
  "id",
  "term",
  "role",
  "leader",
  "commitIndex",
  "appliedIndex",
  "lastIndex",
  "confState",
  "confIndex",
  "snapshot",
  "snapshotPoint",
  "hasReady",
  "advance",
  "status",
  "entries",
  "copy",
  "fingerprint",
  "image",
  "check",
];

function methodsOf(node: { readonly prototype: object }): string[] {
  return Object.getOwnPropertyNames(node.prototype);
}

test("RecordedNode notes every method that changes a node", () => {
  const noted = new Set(methodsOf(RecordedNode));
  const others = methodsOf(RaftNode).filter((name) => name === "constructor" || !noted.has(name));
  expect(others.toSorted()).toEqual(reads.toSorted());
});

test("what RecordedNode does not note changes nothing", () => {
  const node = newLeader();
  const before = node.image();
  for (const name of reads) {
    if (name === "constructor" || name === "advance") continue;
    const value: unknown = Reflect.get(node, name);
    if (typeof value === "function") Reflect.apply(value, node, name === "entries" ? [1, 1] : []);
  }
  expect(node.image()).toEqual(before);
});

function newLeader(bytes = 65_536): RecordedNode {
  const node = new RecordedNode(1, [1], {}, bytes);
  node.campaign();
  for (let each = 0; each < 3; each++) node.advance(node.ready());
  return node;
}

test("a replay tells each input as a line, what came of it, and the state after it", () => {
  const node = newLeader();
  node.propose(new Uint8Array(100));
  node.propose(new Uint8Array(100));
  node.propose(new Uint8Array(7));
  expect(() => node.transferLeadership(1)).toThrow();
  node.advance(node.ready());
  node.tick();
  const replay = new FlightReplay(node.flightRecord());
  const lines: string[] = [];
  for (let step = replay.next(); step !== undefined; step = replay.next()) {
    const { number, input, result, status } = step;
    const state = `${status.role} ${status.commitIndex}/${status.last.index}`;
    lines.push(`${number} ${input} [${result}] ${state}`);
  }
  expect(lines).toMatchInlineSnapshot(`
    [
      "1 campaign [] candidate 0/0",
      "2 ready [1: persist term=1 vote=n1 commit=0; sync] candidate 0/0",
      "3 accept [] candidate 0/0",
      "4 persisted 1 [] leader 0/1",
      "5 ready [2: persist [1/1 no-op]; sync] leader 0/1",
      "6 accept [] leader 0/1",
      "7 persisted 2 [] leader 1/1",
      "8 ready [3: persist term=1 vote=n1 commit=1; apply [1/1 no-op]] leader 1/1",
      "9 accept [] leader 1/1",
      "10 persisted 3 [] leader 1/1",
      "11 applied 1 [] leader 1/1",
      "12 propose 2 times 100 bytes [] leader 1/3",
      "13 propose 7 bytes [] leader 1/4",
      "14 transfer-leadership n1 [refused: invalid_argument: node 1 is not another voter] leader 1/4",
      "15 ready [4: persist [1/2 <100 bytes>, 1/3 <100 bytes>, 1/4 <7 bytes>]; sync] leader 1/4",
      "16 accept [] leader 1/4",
      "17 persisted 4 [] leader 4/4",
      "18 tick [] leader 4/4",
      "19 look at the recorded state [] leader 4/4",
    ]
  `);
  expect(replay.verdict).toEqual({ kind: "same" });
});

test("a replay goes to any step, forward and back, and is there in the state that it was in", () => {
  const node = newLeader();
  for (let each = 0; each < 500; each++) {
    node.propose(new Uint8Array(each % 7));
    node.advance(node.ready());
    if (each % 50 === 49) node.compact(node.snapshotPoint(), node.appliedIndex - 5);
  }
  const replay = new FlightReplay(node.flightRecord());
  const states = [replay.fingerprint()];
  while (replay.next() !== undefined) states.push(replay.fingerprint());
  expect(states.length).toBe(replay.stepCount + 1);
  for (const position of [0, 1, 1700, 63, 64, 65, 1000, 999, replay.stepCount, 3]) {
    replay.goTo(position);
    expect(replay.position).toBe(position);
    expect(replay.fingerprint()).toBe(states[position]);
    expect(replay.verdict.kind).toBe(position === replay.stepCount ? "same" : "under way");
  }
});

test("a log that is longer than a state may tell takes little room, and is played all the same", () => {
  const node = newLeader(65_536);
  for (let each = 0; each < 40_000; each++) {
    node.propose(new Uint8Array(each % 100));
    if (each % 1000 === 999) node.advance(node.ready());
  }
  node.advance(node.ready());
  const record = node.flightRecord();
  expect(record.length).toBeLessThan(100_000);
  const replay = new FlightReplay(record);
  replay.goTo(replay.stepCount);
  expect(replay.verdict).toEqual({ kind: "same" });
  expect(replay.status().last).toEqual({ term: 1, index: 40_001 });
});

test("a state that takes too much room is not kept, and the record says so until it takes less", () => {
  const node = newLeader(1024);
  for (let each = 0; each < 300; each++) node.propose(new Uint8Array(each % 100));
  // Nothing of it is written yet, so that all of it would have to be told.
  expect(() => new FlightReplay(node.flightRecord())).toThrow("nothing was kept");
  node.advance(node.ready());
  node.advance(node.ready());
  const replay = new FlightReplay(node.flightRecord());
  replay.goTo(replay.stepCount);
  expect(replay.verdict).toEqual({ kind: "same" });
});

/** What throws, or fails the test. */
function errorOf(work: () => void): Error {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("nothing was thrown");
}

/** Puts a bug into every core, for the rest of the test: a leader that is to step down breaks a claim. */
function plantBug(): void {
  const { stepDown } = RaftNode.prototype;
  RaftNode.prototype.stepDown = function buggy() {
    assert(this.role !== "leader", "a leader does not step down");
  };
  onTestFinished(() => {
    RaftNode.prototype.stepDown = stepDown;
  });
}

test("a failure of the core comes again, at the input that caused it", () => {
  plantBug();
  const node = newLeader();
  node.tick();
  const failure = errorOf(() => node.stepDown());
  expect(failure).toBeInstanceOf(AssertionError);
  const replay = new FlightReplay(node.flightRecord(failure));
  replay.goTo(replay.stepCount);
  const step = replay.stepCount;
  expect(replay.verdict).toEqual({ kind: "failed", step, failure: replay.recordedFailure });
  expect(replay.next()).toBeUndefined();
  // There is a way back, and forth to the same end.
  replay.goTo(step - 1);
  expect(replay.verdict).toEqual({ kind: "under way" });
  expect(replay.next()?.result).toBe(`failed: ${replay.recordedFailure}`);
});

test("what a core refused that must not is the failure of the replica", () => {
  const node = newLeader();
  const failure = errorOf(() => node.persisted(77));
  const replay = new FlightReplay(node.flightRecord(failure));
  replay.goTo(replay.stepCount);
  const { stepCount: step } = replay;
  expect(replay.verdict).toEqual({ kind: "failed", step, failure: replay.recordedFailure });
  expect(replay.recordedFailure).toContain("stale_ready");
});

test("a failure of something else does not come again, and the replay says so", () => {
  const node = newLeader();
  node.tick();
  const replay = new FlightReplay(node.flightRecord(new Error("the disk is gone")));
  replay.goTo(replay.stepCount);
  expect(replay.verdict).toEqual({ kind: "failed-elsewhere" });
  expect(replay.recordedFailure).toBe("Error: the disk is gone");
});

test("a replay that differs from the record says where, and goes on", () => {
  const node = newLeader();
  node.propose(new Uint8Array(1));
  const { parts, end, failure } = decodeFlight(node.flightRecord());
  const [part] = parts;
  if (part === undefined) throw new Error("something is kept");
  // As if a code that counts otherwise had recorded it: a command less.
  const inputs = part.inputs.slice(0, -5);
  const replay = new FlightReplay(encodeFlight({ parts: [{ ...part, inputs }], end, failure }));
  replay.goTo(replay.stepCount);
  expect(replay.verdict).toEqual({
    kind: "differs",
    step: replay.stepCount,
    detail: "the state is not the one that was recorded",
  });
  // The digest of a Ready tells sooner.
  const places = [...inputs.keys()].filter((place) => inputs[place] === codes.accept);
  const changed = Uint8Array.from(inputs);
  changed[(places[0] ?? 0) + 1] = (changed[(places[0] ?? 0) + 1] ?? 0) ^ 1;
  const second = new FlightReplay(
    encodeFlight({ parts: [{ ...part, inputs: changed }], end, failure }),
  );
  second.goTo(second.stepCount);
  expect(second.verdict).toMatchObject({ kind: "differs", step: 3 });
});
