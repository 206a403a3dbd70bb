import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Entry,
  type EntryId,
  entryBytes,
  isUpToDate,
  newEntry,
  origin,
} from "../src/entry.ts";
import { Inflights } from "../src/inflights.ts";
import { Log } from "../src/log.ts";
import {
  acked,
  alive,
  disconnected,
  isAppendDue,
  newProgress,
  type Progress,
  rejected,
  sent,
} from "../src/progress.ts";
import { committedIndex, type Majority, voteResult, type Voters } from "../src/quorum.ts";

// Each property compares the code with a second implementation that is too simple to be wrong.

const anyMajority = fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 6 });
const anyVoters: fc.Arbitrary<Voters> = fc
  .tuple(anyMajority, anyMajority)
  .map(([incoming, outgoing]) => ({ incoming: new Set(incoming), outgoing: new Set(outgoing) }));

function swapped({ incoming, outgoing }: Voters): Voters {
  return { incoming: outgoing, outgoing: incoming };
}

/** Every subset of the voters that is more than half of them. */
function majoritiesOf(voters: Majority): number[][] {
  const ids = [...voters];
  const subsets = ids.reduce<number[][]>(
    (all, id) => [...all, ...all.map((subset) => [...subset, id])],
    [[]],
  );
  return subsets.filter((subset) => subset.length * 2 > ids.length);
}

/** The highest index that every member of some majority has. The empty set has everything. */
function naiveMajorityIndex(voters: Majority, matchIndex: (id: number) => number): number {
  if (voters.size === 0) return Number.POSITIVE_INFINITY;
  return Math.max(...majoritiesOf(voters).map((ids) => Math.min(...ids.map(matchIndex))));
}

const anyIndexes = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 8, maxLength: 8 });

test("committedIndex is what every member of some majority has, in both halves", () => {
  fc.assert(
    fc.property(anyVoters, anyIndexes, (voters, indexes) => {
      const matchIndex = (id: number): number => indexes[id] ?? 0;
      const expected = Math.min(
        naiveMajorityIndex(voters.incoming, matchIndex),
        naiveMajorityIndex(voters.outgoing, matchIndex),
      );
      expect(committedIndex(voters, matchIndex)).toBe(expected);
      expect(committedIndex(swapped(voters), matchIndex)).toBe(expected);
    }),
  );
});

test("committedIndex never falls when an acknowledgement rises", () => {
  fc.assert(
    fc.property(anyVoters, anyIndexes, fc.nat(7), (voters, indexes, raised) => {
      const before = committedIndex(voters, (id) => indexes[id] ?? 0);
      const after = committedIndex(voters, (id) => (indexes[id] ?? 0) + (id === raised ? 1 : 0));
      expect(after).toBeGreaterThanOrEqual(before);
    }),
  );
});

const anyVotes = fc.array(fc.constantFrom(true, false, undefined), { minLength: 8, maxLength: 8 });

/** Won if some majority granted, lost if none can grant any more. */
function naiveMajorityVote(voters: Majority, votes: readonly (boolean | undefined)[]): string {
  if (voters.size === 0) return "won";
  const majorities = majoritiesOf(voters);
  if (majorities.some((ids) => ids.every((id) => votes[id] === true))) return "won";
  return majorities.some((ids) => ids.every((id) => votes[id] !== false)) ? "pending" : "lost";
}

test("voteResult is won by a majority of grants, and lost once that is out of reach", () => {
  fc.assert(
    fc.property(anyVoters, anyVotes, (voters, votes) => {
      const halves = [voters.incoming, voters.outgoing].map((half) =>
        naiveMajorityVote(half, votes),
      );
      const isWon = halves.every((half) => half === "won");
      const expected = halves.includes("lost") ? "lost" : isWon ? "won" : "pending";
      expect(voteResult(voters, (id) => votes[id])).toBe(expected);
      expect(voteResult(swapped(voters), (id) => votes[id])).toBe(expected);
    }),
  );
});

test("what wins a vote is a majority, and any two of them share a voter", () => {
  const anySize = fc.integer({ min: 1, max: 7 });
  fc.assert(
    fc.property(anySize, fc.nat(), fc.nat(), (size, first, second) => {
      const incoming = new Set(Array.from({ length: size }, (_, offset) => offset + 1));
      const voters = { incoming, outgoing: new Set<number>() };
      const majorities = majoritiesOf(incoming);
      const one = majorities[first % majorities.length] ?? [];
      const other = majorities[second % majorities.length] ?? [];
      for (const ids of [one, other]) {
        expect(voteResult(voters, (id) => ids.includes(id))).toBe("won");
        expect(voteResult(voters, (id) => !ids.includes(id))).toBe("lost");
      }
      expect(one.some((id) => other.includes(id))).toBe(true);
    }),
  );
});

const anyId: fc.Arbitrary<EntryId> = fc.record({ term: fc.nat(4), index: fc.nat(4) });

test("isUpToDate is a total preorder", () => {
  fc.assert(
    fc.property(anyId, anyId, anyId, (a, b, c) => {
      expect(isUpToDate(a, a)).toBe(true);
      expect(isUpToDate(a, b) || isUpToDate(b, a)).toBe(true);
      if (isUpToDate(a, b) && isUpToDate(b, c)) expect(isUpToDate(a, c)).toBe(true);
      const isBoth = isUpToDate(a, b) && isUpToDate(b, a);
      expect(isBoth).toBe(a.term === b.term && a.index === b.index);
    }),
  );
});

/** The entries after `prev` whose terms grow by `steps`, with as much data as each step says. */
function entriesAfter(prev: EntryId, steps: readonly number[]): Entry[] {
  let last = prev;
  return steps.map((step) => {
    last = { term: Math.max(1, last.term + step), index: last.index + 1 };
    return newEntry(last, "command", new Uint8Array(step * 10));
  });
}

const anySteps = fc.array(fc.constantFrom(0, 0, 0, 1, 2), { maxLength: 8 });
const anyBase: fc.Arbitrary<EntryId> = fc.constantFrom(origin, { term: 2, index: 5 });

/** What `merge` must do, by §5.3 word for word, on an array that starts after `base`. */
function naiveMerge(base: EntryId, own: readonly Entry[], given: readonly Entry[]): Entry[] {
  let log = [...own];
  for (const entry of given) {
    const existing = log.find(({ index }) => index === entry.index);
    if (existing !== undefined && existing.term !== entry.term) {
      log = log.filter(({ index }) => index < entry.index);
    }
    if (log.length === entry.index - base.index - 1) log.push(entry);
  }
  return log;
}

test("Log.merge does what the receiver of AppendEntries does in Figure 2", () => {
  fc.assert(
    fc.property(anyBase, anySteps, anySteps, fc.nat(8), (base, ownSteps, steps, at) => {
      const own = entriesAfter(base, ownSteps);
      const prev = own[at % (own.length + 1)] ?? base;
      const given = entriesAfter(prev, steps);
      const log = new Log(base, own);
      log.merge(given);
      const expected = naiveMerge(base, own, given);
      expect(log.slice(log.firstIndex, log.lastIndex)).toEqual(expected);
      expect(log.last).toEqual(expected.at(-1) ?? base);
      // What is durable is what is left of the entries that were.
      const kept = own.filter((entry) => expected.includes(entry));
      expect(log.persistedIndex).toBe(kept.at(-1)?.index ?? base.index);
      expect(log.handedIndex).toBe(log.persistedIndex);
    }),
  );
});

test("Log.lastAtMost is the last entry that is neither behind the index nor newer", () => {
  fc.assert(
    fc.property(anyBase, anySteps, fc.nat(16), fc.nat(16), (base, steps, index, term) => {
      const entries = entriesAfter(base, steps);
      const fits = (entry: Entry): boolean => entry.index <= index && entry.term <= term;
      const expected = entries.findLast(fits) ?? base;
      expect(new Log(base, entries).lastAtMost(index, term)).toEqual(expected);
    }),
  );
});

test("Log.slice is the longest run within the bytes, and never none of some", () => {
  fc.assert(
    fc.property(anyBase, anySteps, fc.nat(8), fc.nat(8), fc.nat(150), (base, steps, ...rest) => {
      const [skip, count, bytesMax] = rest;
      const entries = entriesAfter(base, steps);
      const wanted = entries.slice(skip, skip + count);
      const from = base.index + 1 + Math.min(skip, entries.length);
      const run = new Log(base, entries).slice(from, from + wanted.length - 1, bytesMax);
      const bytesOf = (of: readonly Entry[]): number =>
        of.reduce((sum, entry) => sum + entryBytes(entry), 0);
      expect(run).toEqual(wanted.slice(0, run.length));
      expect(run.length <= 1 || bytesOf(run) <= bytesMax).toBe(true);
      expect(run.length === 0).toBe(wanted.length === 0);
      if (run.length < wanted.length) {
        expect(bytesOf(wanted.slice(0, run.length + 1))).toBeGreaterThan(bytesMax);
      }
    }),
  );
});

type WindowCall = { readonly add: number; readonly bytes: number } | { readonly free: number };

const anyWindowCalls: fc.Arbitrary<WindowCall[]> = fc.array(
  fc.oneof(
    fc.record({ add: fc.integer({ min: 1, max: 3 }), bytes: fc.nat(30) }),
    fc.record({ free: fc.nat(40) }),
  ),
  { maxLength: 60 },
);

test("Inflights is a queue that is freed from its old end", () => {
  fc.assert(
    fc.property(anyWindowCalls, fc.integer({ min: 1, max: 5 }), (calls, countMax) => {
      const limits = { countMax, bytesMax: 60 };
      const inflights = new Inflights(limits);
      let queue: { readonly lastIndex: number; readonly bytes: number }[] = [];
      let lastIndex = 0;
      for (const call of calls) {
        if ("free" in call) {
          inflights.freeTo(call.free);
          queue = queue.filter((sentAppend) => sentAppend.lastIndex > call.free);
        } else if (!inflights.full) {
          lastIndex += call.add;
          inflights.add(lastIndex, call.bytes);
          queue.push({ lastIndex, bytes: call.bytes });
        }
        const bytes = queue.reduce((sum, sentAppend) => sum + sentAppend.bytes, 0);
        expect([inflights.count, inflights.bytes]).toEqual([queue.length, bytes]);
        expect(inflights.full).toBe(queue.length >= countMax || bytes >= limits.bytesMax);
      }
    }),
  );
});

const anyProgressCalls = fc.array(
  fc.record({
    kind: fc.constantFrom("acked", "rejected", "alive", "disconnected", "sent", "sent"),
    index: fc.nat(20),
    hint: fc.nat(20),
  }),
  { maxLength: 60 },
);

test("a progress keeps its bounds, whatever comes in whatever order (I13)", () => {
  fc.assert(
    fc.property(anyProgressCalls, fc.nat(20), (calls, first) => {
      const limits = { countMax: 3, bytesMax: 100 };
      const lastIndex = 20;
      let progress: Progress = newProgress(first + 1);
      for (const { kind, index, hint } of calls) {
        const before = progress;
        if (kind === "acked") progress = acked(progress, index, 1, limits);
        else if (kind === "rejected") progress = rejected(progress, index, Math.min(hint, index));
        else if (kind === "alive") progress = alive(progress, lastIndex);
        else if (kind === "disconnected") progress = disconnected(progress);
        else if (isAppendDue(progress, lastIndex)) progress = sentSome(progress, lastIndex);
        expect(progress.matchIndex).toBeGreaterThanOrEqual(before.matchIndex);
        expect(progress.matchIndex).toBeLessThan(progress.nextIndex);
        expect(progress.nextIndex).toBeLessThanOrEqual(lastIndex + 1);
        if (progress.kind === "replicate") {
          expect(progress.inflights.count).toBeLessThanOrEqual(limits.countMax);
        }
      }
    }),
  );
});

/** One append of up to two entries of 10 bytes; an empty one if the window is full. */
function sentSome(progress: Progress, lastIndex: number): Progress {
  const prev = { term: 1, index: progress.nextIndex - 1 };
  const isFull = progress.kind === "replicate" && progress.inflights.full;
  const count = isFull ? 0 : Math.min(2, lastIndex - prev.index);
  return sent(progress, prev, count, count * 10);
}
