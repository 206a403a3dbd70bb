import { type Entry, type Message, newEntry, RaftNode, type Status } from "@quorate/core";
import type { StateMachine } from "@quorate/runtime";
import { encodeBatch, type Frame } from "@quorate/wire";
import { expect, test } from "vitest";
import type { App } from "./app.ts";
import { FrameJury } from "./frame-jury.ts";
import { OneLog } from "./one-log.ts";

const frameOf = (...messages: readonly Message[]): Frame => {
  const payload = Uint8Array.from(encodeBatch(messages).flatMap((chunk) => [...chunk]));
  return { type: "raft", payload };
};

const statusOf = (status: Partial<Status>): Status => ({
  ...new RaftNode(1, [1, 2, 3]).status(),
  term: 1,
  ...status,
});

const entryOf = (term: number, index: number, ...data: readonly number[]): Entry => {
  return newEntry({ term, index }, "command", Uint8Array.from(data));
};

const append = (from: number, term: number, prevTerm: number, entry: Entry): Message => ({
  kind: "append-entries",
  from,
  to: 3,
  term,
  prev: { term: prevTerm, index: entry.index - 1 },
  entries: [entry],
  commitIndex: 0,
});

test("the frame jury takes what is right", () => {
  const jury = new FrameJury();
  jury.sent({ type: "forward", payload: new Uint8Array(3) });
  jury.sent(frameOf(append(1, 1, 0, entryOf(1, 1, 5)), append(1, 1, 0, entryOf(1, 1, 5))));
  jury.sent(frameOf({ kind: "request-vote-response", from: 3, to: 1, term: 1, granted: true }));
  jury.started(statusOf({ id: 3, vote: 1 }));
  jury.stepped(statusOf({}), statusOf({ term: 2, role: "leader", leader: 1 }));
});

test.each<readonly [string, readonly Message[], string]>([
  [
    "two leaders of one term",
    [append(1, 1, 0, entryOf(1, 1)), append(2, 1, 0, entryOf(1, 1))],
    "I1:",
  ],
  [
    "two entries of one name",
    [append(1, 1, 0, entryOf(1, 1, 5)), append(1, 1, 0, entryOf(1, 1, 6))],
    "I3:",
  ],
  [
    "one entry after two others",
    [append(1, 3, 1, entryOf(3, 2, 5)), append(1, 3, 2, entryOf(3, 2, 5))],
    "I3:",
  ],
  [
    "two votes in one term",
    [
      { kind: "request-vote-response", from: 3, to: 1, term: 1, granted: true },
      { kind: "request-vote-response", from: 3, to: 2, term: 1, granted: true },
    ],
    "I7:",
  ],
])("the frame jury finds %s", (_, messages, what) => {
  const jury = new FrameJury();
  expect(() => jury.sent(frameOf(...messages))).toThrow(what);
});

test.each<readonly [string, Message, Partial<Status>, string]>([
  [
    "a term that was forgotten",
    { kind: "request-vote", from: 1, to: 2, term: 4, last: { term: 0, index: 0 } },
    { term: 3 },
    "I6:",
  ],
  [
    "a vote that was forgotten",
    { kind: "request-vote-response", from: 1, to: 2, term: 4, granted: true },
    { term: 4 },
    "I7:",
  ],
  [
    "entries that were acknowledged and are gone",
    { kind: "append-entries-response", from: 1, to: 2, term: 4, matchIndex: 3 },
    { term: 4, last: { term: 4, index: 2 } },
    "I10:",
  ],
])("the frame jury finds %s at a start", (_, message, status, what) => {
  const jury = new FrameJury();
  jury.sent(frameOf(message));
  expect(() => jury.started(statusOf({ id: 1, ...status }))).toThrow(what);
});

test.each<readonly [string, Partial<Status>, Partial<Status>, string]>([
  ["a term that goes back", { term: 3 }, { term: 2 }, "I6:"],
  [
    "a commit index that goes back",
    { commitIndex: 3, last: { term: 1, index: 9 } },
    { commitIndex: 2, last: { term: 1, index: 9 } },
    "I8:",
  ],
  ["more committed than there is", {}, { commitIndex: 1 }, "I9:"],
])("the frame jury finds %s", (_, before, after, what) => {
  const jury = new FrameJury();
  expect(() => jury.stepped(statusOf(before), statusOf(after))).toThrow(what);
});

/** Gives for each command what `resultOf` says. */
const appOf = (resultOf: (entry: Entry) => number): App<undefined, string> => ({
  stateMachine: () => ({
    apply: (entries) => entries.map((entry) => Uint8Array.of(resultOf(entry))),
    query: () => "",
  }),
  workload: () => ({ kind: "read", query: undefined }),
});

const [a, b, c] = [entryOf(1, 2, 1), entryOf(1, 3, 2), entryOf(2, 4, 3)];

test("one log takes machines that apply the same, in any batches", () => {
  const broken: unknown[] = [];
  const log = new OneLog(
    appOf(() => 0),
    (error) => broken.push(error),
  );
  const applied: Entry[] = [];
  const first = log.machine(1, (entries) => applied.push(...entries));
  const second = log.machine(2, () => {});
  void first.apply([a, b]);
  void second.apply([a]);
  void second.apply([b, c]);
  void first.apply([c]);
  expect(broken).toEqual([]);
  expect(applied).toEqual([a, b, c]);
  expect(log.commands.map(({ index }) => index)).toEqual([2, 3, 4]);
});

test.each<readonly [string, readonly Entry[], string]>([
  ["another command", [entryOf(1, 2, 9)], "I5:"],
  ["a command of another term", [entryOf(2, 2, 1)], "I5:"],
  ["a command left out", [b], "I5:"],
  ["a command twice", [a, a], "I5:"],
  ["a command at another index", [a, entryOf(1, 4, 2)], "I5:"],
])("one log finds %s", (_, entries, what) => {
  const broken: unknown[] = [];
  const log = new OneLog(
    appOf(() => 0),
    (error) => broken.push(error),
  );
  void log.machine(1, () => {}).apply([a, b]);
  expect(() => log.machine(2, () => {}).apply(entries)).toThrow(what);
  expect(String(broken[0])).toContain(what);
});

/** Counts what it applied, and can be saved. */
function countingApp(save: (count: number) => number = (count) => count): App<undefined, string> {
  const stateMachine = (): StateMachine<undefined, string> => {
    let count = 0;
    return {
      apply: (entries) => entries.map(() => Uint8Array.of(++count)),
      query: () => String(count),
      snapshots: {
        kind: "memory",
        save: () => [Uint8Array.of(save(count))],
        restore: async (chunks) => {
          for await (const [byte = 0] of chunks) count = byte;
        },
      },
    };
  };
  const fingerprint = (machine: StateMachine<undefined, string>) =>
    JSON.stringify(machine.query(undefined));
  return { stateMachine, workload: () => ({ kind: "read", query: undefined }), fingerprint };
}

/** What a machine that applied `entries` saves, a byte at a time. */
async function* savedBy(
  machine: StateMachine<undefined, string>,
  entries: readonly Entry[],
): AsyncGenerator<Uint8Array, void> {
  if (entries.length > 0) void machine.apply(entries);
  if (machine.snapshots?.kind !== "memory") return;
  for await (const chunk of machine.snapshots.save()) {
    for (const byte of chunk) yield Uint8Array.of(byte);
  }
}

async function restore(
  machine: StateMachine<undefined, string>,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  if (machine.snapshots?.kind === "memory") await machine.snapshots.restore(chunks);
}

test("one log takes a machine that is restored to where another was, and goes on there", async () => {
  const broken: unknown[] = [];
  const log = new OneLog(countingApp(), (error) => broken.push(error));
  const saved = savedBy(
    log.machine(1, () => {}),
    [a, b],
  );
  const second = log.machine(2, () => {});
  void second.apply([a]);
  await restore(second, saved);
  void second.apply([c]);
  expect(broken).toEqual([]);
  expect(() => second.apply([c])).toThrow("I5:");
});

test("one log finds a machine that is restored to what it was before, or to what never was", async () => {
  const log = new OneLog(countingApp(), () => {});
  const first = log.machine(1, () => {});
  const second = log.machine(2, () => {});
  const early: Uint8Array[] = [];
  for await (const chunk of savedBy(first, [a])) early.push(chunk);
  void second.apply([a, b]);
  await expect(restore(second, iterate(early))).rejects.toThrow("having applied 2");
  const never = Uint8Array.of(0, 0, 0, 9, 9);
  await expect(restore(second, iterate([never]))).rejects.toThrow("2 were ever applied");
  await expect(restore(second, iterate([]))).rejects.toThrow("has no beginning");
});

test("one log finds a machine whose saved state is not the one it had", async () => {
  const broken: string[] = [];
  const log = new OneLog(
    countingApp(() => 7),
    (error) => broken.push(String(error)),
  );
  const saved = savedBy(
    log.machine(1, () => {}),
    [a, b],
  );
  await expect(
    restore(
      log.machine(2, () => {}),
      saved,
    ),
  ).rejects.toThrow("differ");
  expect(broken[0]).toContain("the state machines differ");
});

test("one log makes nothing of a state that was cut short", async () => {
  const broken: unknown[] = [];
  const log = new OneLog(countingApp(), (error) => broken.push(error));
  const cut = async function* (): AsyncGenerator<Uint8Array, void> {
    yield Uint8Array.of(0);
    raise();
  };
  await expect(
    restore(
      log.machine(2, () => {}),
      cut(),
    ),
  ).rejects.toThrow("oops");
  expect(broken).toEqual([]);
});

async function* iterate(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
}

test("one log finds results that differ, throw or are missing, and states that differ", async () => {
  let count = 0;
  const broken: string[] = [];
  const apply = (app: App<undefined, string>): void => {
    const log = new OneLog(app, (error) => broken.push(String(error)));
    void log.machine(1, () => {}).apply([a]);
    expect(() => log.machine(2, () => {}).apply([a])).toThrow();
  };
  apply(appOf(() => ++count));
  apply({ ...appOf(() => 0), fingerprint: () => String(++count) });
  expect(broken[0]).toContain("not deterministic");
  expect(broken[1]).toContain("the state machines differ after index 2");

  const machineOf = (results: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>) => {
    const app = { ...appOf(() => 0), stateMachine: () => ({ apply: results, query: () => "" }) };
    return new OneLog(app, (error) => broken.push(String(error))).machine(1, () => {});
  };
  expect(() => machineOf(() => []).apply([a])).toThrow("0 results for 1");
  expect(() => machineOf(() => raise()).apply([a])).toThrow("oops");
  await expect(machineOf(async () => raise()).apply([a])).rejects.toThrow("oops");
  await expect(machineOf(async () => []).apply([a])).rejects.toThrow("0 results for 1");
  expect(broken).toHaveLength(6);
});

function raise(): never {
  throw new Error("oops");
}
