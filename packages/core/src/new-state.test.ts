import { expect, test } from "vitest";
import { newConfChange } from "./conf-change.ts";
import { encodeConfChange } from "./conf-codec.ts";
import { confStateOf } from "./conf-state.ts";
import { type Entry, type EntryId, newEntry } from "./entry.ts";
import { initialHardState } from "./hard-state.ts";
import { termMax } from "./ids.ts";
import { newState } from "./new-state.ts";
import type { RaftOptions } from "./options.ts";
import { joiningSnapshot } from "./snapshot.ts";
import { hardStateOf } from "./state.ts";
import type { Storage } from "./storage.ts";

function stored(text: string, hardState: Partial<Storage["hardState"]> = {}): Storage {
  const entries = text.split(" ").filter(Boolean).map(entry);
  const term = entries.at(-1)?.term ?? 0;
  return {
    hardState: { ...initialHardState, term, ...hardState },
    base: { term: 0, index: 0 },
    entries,
  };
}

function entry(text: string): Entry {
  const [term, index] = text.split("/");
  const id: EntryId = { term: Number(term), index: Number(index) };
  return newEntry(id, "command", new Uint8Array(1));
}

test("a node that never ran is a follower of nobody in term 0", () => {
  const state = newState(1, [2, 3], {});
  expect(state.role).toEqual({ kind: "follower", leader: 0, reads: new Map() });
  expect(hardStateOf(state)).toEqual(initialHardState);
  expect(state.peers).toEqual([2, 3]);
});

test("a node that ran before has its term, vote, commit index and log", () => {
  const storage = stored("1/1 2/2", { term: 4, vote: 3, commitIndex: 1 });
  const state = newState(1, [2, 3], { storage });
  expect(hardStateOf(state)).toEqual({ term: 4, vote: 3, commitIndex: 1 });
  expect(state.log.lastIndex).toBe(2);
  expect(state.log.persistedIndex).toBe(2);
  expect(state.appliedIndex).toBe(0);
});

test("what was applied was committed, even if the disk did not learn of it", () => {
  const state = newState(1, [], { storage: stored("1/1 1/2"), appliedIndex: 2 });
  expect(state.commitIndex).toBe(2);
  expect(state.appliedIndex).toBe(2);
});

test("naming the node among its peers, or a peer twice, is harmless", () => {
  const state = newState(2, [3, 2, 1, 3], {});
  expect([...state.voters.incoming].sort((a, b) => a - b)).toEqual([1, 2, 3]);
  expect(state.peers).toEqual([1, 3]);
});

test("the order in which peers are named changes nothing", () => {
  const { voters: _, ...one } = newState(1, [2, 3], {});
  const { voters: __, ...other } = newState(1, [3, 2], {});
  expect(other).toEqual(one);
});

test("a first election timeout lies in [T, 2T), and differs between nodes and seeds", () => {
  const timeouts = Array.from({ length: 100 }, (_, seed) => {
    return newState(1, [], { seed, electionTimeoutTicks: 10 }).electionTimeoutTicks;
  });
  expect(Math.min(...timeouts)).toBe(10);
  expect(Math.max(...timeouts)).toBe(19);
});

test("reads of different starts are named far apart", () => {
  const firsts = Array.from({ length: 100 }, (_, seed) => newState(1, [], { seed }).nextReadId);
  expect(new Set(firsts).size).toBe(100);
  for (const first of firsts) expect(Number.isSafeInteger(first + 2 ** 20)).toBe(true);
});

test.each<[string, number, number[]]>([
  ["0", 0, [2]],
  ["a negative number", -1, [2]],
  ["a fraction", 1.5, [2]],
  ["not a number", Number.NaN, [2]],
  ["0 for a peer", 1, [0]],
  ["too large a number for a peer", 1, [2 ** 53]],
])("newState refuses %s as an id", (_, id, peers) => {
  expect(() => newState(id, peers, {})).toThrow("a node id must be a safe integer of at least 1");
});

const valid = stored("1/1 1/2", { term: 2, vote: 1, commitIndex: 1 });

test.each<[string, RaftOptions, string]>([
  ["a hole at the start", { storage: stored("1/2") }, "hole after entry 0"],
  ["a hole", { storage: stored("1/1 1/3") }, "hole after entry 1"],
  ["a repeated index", { storage: stored("1/1 1/1") }, "hole after entry 1"],
  ["a term that decreases", { storage: stored("2/1 1/2", { term: 2 }) }, "entry 2 is out of order"],
  ["an entry of no term", { storage: stored("0/1") }, "entry 1 is out of order"],
  ["a log newer than the term", { storage: stored("2/1", { term: 1 }) }, "the log is of term 2"],
  ["a commit index behind the log", { storage: stored("1/1", { commitIndex: 2 }) }, "entry 2 was"],
  ["a negative term", { storage: stored("", { term: -1 }) }, "hard state"],
  ["a term too large", { storage: stored("", { term: termMax + 1 }) }, "hard state"],
  ["a vote that is none", { storage: stored("", { term: 1, vote: 0.5 }) }, "hard state"],
  ["a commit index that is none", { storage: stored("", { commitIndex: NaN }) }, "hard state"],
  ["a log that lost its start", { storage: { ...valid, base: { term: 1, index: 3 } } }, "missing"],
  [
    "an applied index behind the log",
    { storage: valid, appliedIndex: 3 },
    "from 0, where the snapshot ends, to 2",
  ],
  [
    "an applied index that is none",
    { storage: valid, appliedIndex: -1 },
    "from 0, where the snapshot ends, to 2",
  ],
  ["an option out of range", { heartbeatTicks: 0 }, "heartbeatTicks"],
])("newState refuses %s", (_, options, message) => {
  expect(() => newState(1, [2, 3], options)).toThrow(
    expect.objectContaining({
      code: "invalid_options",
      message: expect.stringContaining(message) as string,
    }),
  );
});

/** The entry at `index` by which voter `id` joins what becomes `result`. */
function addition(index: number, id: number, result: readonly number[]): Entry {
  const change = newConfChange([{ kind: "add-voter", id }]);
  const data = encodeConfChange(change, confStateOf(result));
  return newEntry({ term: 2, index }, "conf-change", data);
}

/** A snapshot at 3, of which entries 2 and 3 are kept, and two changes after it. */
const grown: Storage = {
  hardState: { term: 2, vote: 0, commitIndex: 5 },
  snapshot: { term: 1, index: 3, confState: confStateOf([1, 4]) },
  base: { term: 1, index: 1 },
  entries: [entry("1/2"), entry("1/3"), addition(4, 5, [1, 4, 5]), addition(5, 6, [1, 4, 5, 6])],
};

test("the configuration is the snapshot's, whatever the peers, and what follows is applied again", () => {
  const state = newState(1, [2, 3], { storage: grown });
  expect(state.confState).toEqual(confStateOf([1, 4]));
  expect(state).toMatchObject({ confIndex: 3, appliedIndex: 3, applyingIndex: 3, peers: [4] });
  expect(state.snapshot).toBe(grown.snapshot);
  expect(state.log.base).toEqual({ term: 1, index: 1 });
});

test.each([
  [4, 4, [1, 4, 5]],
  [5, 5, [1, 4, 5, 6]],
])("with %i applied, the changes up to it have taken effect", (appliedIndex, confIndex, voters) => {
  const state = newState(1, [2, 3], { storage: grown, appliedIndex });
  expect(state.confState).toEqual(confStateOf(voters));
  expect(state).toMatchObject({ confIndex, appliedIndex, commitIndex: 5 });
});

test("without a snapshot the changes follow on the peers", () => {
  const entries = [entry("1/1"), addition(2, 4, [1, 2, 3, 4]), addition(3, 5, [1, 2, 3, 4, 5])];
  const storage = { ...stored("", { term: 2 }), entries };
  const state = newState(1, [2, 3], { storage, appliedIndex: 2 });
  expect(state.confState).toEqual(confStateOf([1, 2, 3, 4]));
});

test("a node that joins has no configuration, and takes that of the first change it applied", () => {
  const storage = { ...stored("", { term: 2 }), snapshot: joiningSnapshot };
  const blank = newState(9, [2, 3], { storage });
  expect(blank.confState).toEqual(joiningSnapshot.confState);
  expect(blank.peers).toEqual([]);
  const entries = [addition(1, 4, [1, 2, 4])];
  const joined = newState(9, [2, 3], { storage: { ...storage, entries }, appliedIndex: 1 });
  expect(joined.confState).toEqual(confStateOf([1, 2, 4]));
});

test.each<[string, Partial<Storage>, string]>([
  ["a log that begins behind the snapshot", { base: { term: 1, index: 4 } }, "is missing"],
  ["a base of no term", { base: { term: 0, index: 1 } }, "both 0 or neither"],
  ["a snapshot that the log lacks", { entries: [entry("1/2")] }, "does not hold entry 3"],
  [
    "a snapshot of another entry than the log has",
    { entries: [entry("1/2"), entry("2/3")] },
    "does not hold entry 3",
  ],
  [
    "a snapshot of a newer term",
    { snapshot: { term: 3, index: 1, confState: confStateOf([1]) }, base: { term: 3, index: 1 } },
    "term",
  ],
  [
    "a snapshot without a configuration, as only one of nothing may be",
    { snapshot: { term: 1, index: 3, confState: joiningSnapshot.confState } },
    "no voters",
  ],
  [
    "a snapshot of an impossible configuration",
    { snapshot: { term: 1, index: 3, confState: { ...confStateOf([1]), learners: [1] } } },
    "the stored snapshot is impossible: a learner cannot vote",
  ],
])("newState refuses %s", (_, change, message) => {
  expect(() => newState(1, [2, 3], { storage: { ...grown, ...change } })).toThrow(
    expect.objectContaining({
      code: "invalid_options",
      message: expect.stringContaining(message) as string,
    }),
  );
});

test.each<[string, RaftOptions, string]>([
  ["an applied index before the snapshot", { storage: grown, appliedIndex: 2 }, "from 3, where"],
  [
    "peers that the changes cannot follow on",
    { storage: { ...stored("", { term: 2 }), entries: [addition(1, 4, [7, 4])] }, appliedIndex: 1 },
    "the change at 1 cannot follow on the configuration",
  ],
])("newState refuses %s", (_, options, message) => {
  expect(() => newState(1, [2, 3], options)).toThrow(
    expect.objectContaining({
      code: "invalid_options",
      message: expect.stringContaining(message) as string,
    }),
  );
});

test("newState takes all that a correct run can have left", () => {
  expect(() => newState(1, [2, 3], { storage: valid, appliedIndex: 2 })).not.toThrow();
  expect(() => newState(1, [2, 3], { storage: stored("", { term: termMax }) })).not.toThrow();
});
