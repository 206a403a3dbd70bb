import { expect, test } from "vitest";
import { emptyStorage, type Entry, newEntry, type NodeId, RaftNode } from "@quorate/core";
import { type Chronicle, chronicleText, emptyChronicle, isKnown, judge } from "./chronicle.ts";
import { newSeat, type Seat } from "./seat.ts";

function log(...terms: readonly number[]): readonly Entry[] {
  return terms.map((term, offset) => newEntry({ term, index: offset + 1 }, "no-op"));
}

/** A seat whose node has `entries`, the first `durable` of them on its disk. */
function seat(id: NodeId, entries: readonly Entry[], durable: number = entries.length): Seat {
  const create = (): RaftNode => new RaftNode(id, [1, 2, 3], { storage: emptyStorage });
  const bare = newSeat(id, [1, 2, 3], create);
  const hardState = { term: 9, vote: 0, commitIndex: 0 };
  return { ...bare, log: entries, disk: { hardState, entries: entries.slice(0, durable) } };
}

/** A seat whose node leads `term`, and has `entries`. */
function leading(id: NodeId, term: number, entries: readonly Entry[]): Seat {
  const hardState = { term: term - 1, vote: 0, commitIndex: 0 };
  const raft = new RaftNode(id, [], { storage: { ...emptyStorage, hardState } });
  raft.campaign();
  raft.advance(raft.ready());
  return { ...seat(id, entries), raft };
}

const nobody: readonly Seat[] = [];
const committedOnce: Chronicle = {
  leaders: [1],
  committed: [{ term: 1, by: 1 }],
  acknowledged: [],
};

test("I1: a term has one leader, whether it was elected or speaks as one", () => {
  const led = judge(emptyChronicle, 2, [{ kind: "elected", term: 3, log: [] }], nobody);
  expect(led.leaders).toEqual([0, 0, 2]);
  expect(judge(led, 2, [{ kind: "leads", term: 3 }], nobody)).toBe(led);
  expect(judge(led, 1, [{ kind: "leads", term: 1 }], nobody).leaders).toEqual([1, 0, 2]);
  expect(() => judge(led, 1, [{ kind: "leads", term: 3 }], nobody)).toThrow("I1: nodes 2 and 1");
  const again = { kind: "elected", term: 3, log: [] } as const;
  expect(() => judge(led, 1, [again], nobody)).toThrow("I1: nodes 2 and 1 both lead term 3");
});

test("I3: logs that share an entry are equal up to there", () => {
  const others = [seat(1, log(1, 1)), seat(2, log(1, 2, 3))];
  const fits = { kind: "appended", log: log(1, 2) } as const;
  expect(judge(emptyChronicle, 3, [fits], others)).toBe(emptyChronicle);
  const differs = { kind: "appended", log: log(2, 2) } as const;
  expect(() => judge(emptyChronicle, 3, [differs], others)).toThrow("I3: nodes 3 and 2 share");
});

test("I4: a leader of a later term has what was committed", () => {
  const lacks = { kind: "elected", term: 2, log: log(2) } as const;
  expect(() => judge(committedOnce, 2, [lacks], nobody)).toThrow("I4: entry 1/1");
  const has = { kind: "elected", term: 2, log: log(1, 2) } as const;
  expect(judge(committedOnce, 2, [has], nobody).leaders).toEqual([1, 2]);
  // One that wins an older term late need not have it.
  const late = { ...committedOnce, leaders: [], committed: [{ term: 2, by: 2 }] };
  const old = { kind: "elected", term: 1, log: log(1) } as const;
  expect(judge(late, 2, [old], nobody).leaders).toEqual([2]);
});

test("I4: what is committed is in the log of whoever leads a later term", () => {
  const commit = { kind: "committed", term: 1, after: 0, log: log(1) } as const;
  const group = (third: Seat): readonly Seat[] => [seat(1, log(1)), seat(2, log(1)), third];
  expect(() => judge(emptyChronicle, 1, [commit], group(leading(3, 2, log(2))))).toThrow(
    "I4: entry 1/1 is committed in term 1, and node 3 leads term 2 without it",
  );
  const { committed } = judge(emptyChronicle, 1, [commit], group(leading(3, 2, log(1, 2))));
  expect(committed).toEqual([{ term: 1, by: 1 }]);
});

test("I5: there is one sequence of committed entries", () => {
  const commit = { kind: "committed", term: 2, after: 0, log: log(2) } as const;
  expect(() => judge(committedOnce, 2, [commit], nobody)).toThrow("I5: node 2 takes 2/1");
  const same = { ...commit, log: log(1) };
  expect(judge(committedOnce, 2, [same], nobody)).toBe(committedOnce);
  const apply = (entries: readonly Entry[]): void => {
    judge(committedOnce, 2, [{ kind: "applied", entries }], nobody);
  };
  apply(log(1));
  expect(() => apply(log(2))).toThrow("I5: node 2 takes 2/1 for committed, where 1/1 is");
  expect(() => apply(log(1, 1))).toThrow("I5: node 2 takes 1/2 for committed, where nothing is");
});

test("I8: what was committed in a node's term or before is not removed", () => {
  const remove = { kind: "removed", term: 1, entries: log(1) } as const;
  expect(() => judge(committedOnce, 2, [remove], nobody)).toThrow("I8: node 2 removed entry 1/1");
  // A node that lags may remove what a later term has committed elsewhere.
  const later = { ...committedOnce, committed: [{ term: 1, by: 2 }] };
  expect(judge(later, 2, [remove], nobody)).toBe(later);
  const other = { ...remove, entries: log(2) };
  expect(judge(committedOnce, 2, [other], nobody)).toBe(committedOnce);
});

test("I10: what is committed is durable on a majority", () => {
  const commit = { kind: "committed", term: 1, after: 0, log: log(1, 1) } as const;
  const enough = [seat(1, log(1, 1)), seat(2, log(1, 1)), seat(3, [])];
  expect(judge(emptyChronicle, 1, [commit], enough).committed).toHaveLength(2);
  const few = [seat(1, log(1, 1), 1), seat(2, log(1, 1)), seat(3, log(1, 2))];
  expect(() => judge(emptyChronicle, 1, [commit], few)).toThrow(
    "I10: node 1 commits 1/2, which only the disks of [2] hold, of 3",
  );
});

test("I12: what was acknowledged stays", () => {
  const acknowledge = { kind: "acknowledged", id: { term: 1, index: 1 } } as const;
  expect(judge(committedOnce, 1, [acknowledge], nobody)).toBe(committedOnce);
  const early = judge(emptyChronicle, 1, [acknowledge], nobody);
  expect(early.acknowledged).toEqual([{ term: 1, index: 1 }]);
  const elected = { kind: "elected", term: 2, log: log(2) } as const;
  expect(() => judge(early, 2, [elected], nobody)).toThrow("I12: entry 1/1 was acknowledged");
  const has = { ...elected, log: log(1) };
  expect(judge(early, 2, [has], nobody).leaders).toEqual([0, 2]);
  const group = [seat(1, log(2)), seat(2, log(2)), seat(3, log(1))];
  const other = { kind: "committed", term: 2, after: 0, log: log(2) } as const;
  expect(() => judge(early, 2, [other], group)).toThrow("I12: entry 1/1");
  const kept = [seat(1, log(1)), seat(2, log(1)), seat(3, log(1))];
  const same = { kind: "committed", term: 1, after: 0, log: log(1) } as const;
  expect(judge(early, 1, [same], kept).acknowledged).toEqual([]);
  const wrong = { kind: "acknowledged", id: { term: 2, index: 1 } } as const;
  expect(() => judge(committedOnce, 1, [wrong], nobody)).toThrow("I12: entry 2/1");
});

test("isKnown is true only of a leader on record", () => {
  expect(isKnown(committedOnce, 1, { kind: "leads", term: 1 })).toBe(true);
  expect(isKnown(committedOnce, 2, { kind: "leads", term: 1 })).toBe(false);
  expect(isKnown(committedOnce, 1, { kind: "applied", entries: [] })).toBe(false);
});

test("chronicleText tells chronicles apart, and renames", () => {
  const texts = [
    emptyChronicle,
    committedOnce,
    { ...committedOnce, leaders: [2] },
    { ...committedOnce, committed: [{ term: 1, by: 2 }] },
    { ...committedOnce, acknowledged: [{ term: 1, index: 2 }] },
  ].map((chronicle) => chronicleText(chronicle, (id) => id));
  expect(new Set(texts).size).toBe(texts.length);
  expect(chronicleText(committedOnce, (id) => id + 1)).toBe(texts[2]);
});
