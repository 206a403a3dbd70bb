import { expect, test } from "vitest";
import { AssertionError } from "./assert.ts";
import { Inflights } from "./inflights.ts";
import {
  acked,
  alive,
  disconnected,
  isAppendDue,
  isPaused,
  newProgress,
  type Probe,
  type Progress,
  rejected,
  type Replicate,
  sent,
  type SnapshotProgress,
  snapshotSent,
  snapshotSettled,
} from "./progress.ts";

const limits = { countMax: 3, bytesMax: 100 };

/** A replicate as plain values, with its window as count and bytes. */
interface ReplicateLook {
  readonly kind: "replicate";
  readonly matchIndex: number;
  readonly nextIndex: number;
  readonly count: number;
  readonly bytes: number;
  readonly nudge: boolean;
}

type Look = Probe | ReplicateLook | SnapshotProgress;

function look(progress: Progress): Look {
  if (progress.kind !== "replicate") return progress;
  const { kind, matchIndex, nextIndex, inflights, nudge } = progress;
  return { kind, matchIndex, nextIndex, count: inflights.count, bytes: inflights.bytes, nudge };
}

function probe(matchIndex: number, nextIndex: number, awaiting: boolean): Probe {
  return { kind: "probe", matchIndex, nextIndex, awaiting };
}

/** Acknowledged up to 5; appends that end at 7 and 9 are on the way; 10 bytes each. */
function replicate(nudge = false): Replicate {
  const inflights = new Inflights(limits);
  inflights.add(7, 10);
  inflights.add(9, 10);
  return { kind: "replicate", matchIndex: 5, nextIndex: 10, inflights, nudge };
}

/** Acknowledged up to 5; asks for what stands before 10. */
function probing(): Probe {
  return probe(5, 10, true);
}

/** Acknowledged up to `matchIndex`; a snapshot that ends at 12 is on the way. */
function snapshot(matchIndex: number, nextIndex: number): SnapshotProgress {
  return { kind: "snapshot", matchIndex, nextIndex, pendingIndex: 12 };
}

/** Acknowledged up to 5; the leader's log begins with 11, and 10 was asked for. */
function installing(): SnapshotProgress {
  return snapshot(5, 10);
}

const unchanged = "unchanged";

/** Acknowledged up to `matchIndex`, and nothing is on the way. */
function idle(matchIndex: number): ReplicateLook {
  const nextIndex = matchIndex + 1;
  return { kind: "replicate", matchIndex, nextIndex, count: 0, bytes: 0, nudge: false };
}

/** What happens, and what becomes of each kind of progress. A missing cell does not compile. */
const table: Record<
  string,
  {
    readonly event: (progress: Progress) => Progress;
    readonly becomes: Record<Progress["kind"], typeof unchanged | Look>;
  }
> = {
  "an acknowledgement older than the match": {
    event: (progress) => acked(progress, 4, 11, limits),
    becomes: { probe: unchanged, replicate: unchanged, snapshot: snapshot(5, 6) },
  },
  "the acknowledgement of the match again": {
    event: (progress) => acked(progress, 5, 11, limits),
    becomes: {
      probe: { kind: "replicate", matchIndex: 5, nextIndex: 6, count: 0, bytes: 0, nudge: false },
      replicate: unchanged,
      snapshot: snapshot(5, 6),
    },
  },
  "an acknowledgement of the first append": {
    event: (progress) => acked(progress, 7, 11, limits),
    becomes: {
      probe: { kind: "replicate", matchIndex: 7, nextIndex: 8, count: 0, bytes: 0, nudge: false },
      replicate: {
        kind: "replicate",
        matchIndex: 7,
        nextIndex: 10,
        count: 1,
        bytes: 10,
        nudge: false,
      },
      snapshot: snapshot(7, 8),
    },
  },
  "an acknowledgement of everything sent": {
    event: (progress) => acked(progress, 9, 11, limits),
    becomes: {
      probe: { kind: "replicate", matchIndex: 9, nextIndex: 10, count: 0, bytes: 0, nudge: false },
      replicate: {
        kind: "replicate",
        matchIndex: 9,
        nextIndex: 10,
        count: 0,
        bytes: 0,
        nudge: false,
      },
      snapshot: snapshot(9, 10),
    },
  },
  "an acknowledgement from which the leader's log goes on": {
    event: (progress) => acked(progress, 10, 11, limits),
    becomes: {
      probe: idle(10),
      replicate: idle(10),
      snapshot: idle(10),
    },
  },
  "an acknowledgement of more than was sent": {
    event: (progress) => acked(progress, 20, 11, limits),
    becomes: {
      probe: { kind: "replicate", matchIndex: 20, nextIndex: 21, count: 0, bytes: 0, nudge: false },
      replicate: {
        kind: "replicate",
        matchIndex: 20,
        nextIndex: 21,
        count: 0,
        bytes: 0,
        nudge: false,
      },
      snapshot: idle(20),
    },
  },
  "a rejection of what was asked for": {
    event: (progress) => rejected(progress, 9, 7),
    becomes: {
      probe: probe(5, 8, false),
      replicate: probe(5, 6, false),
      snapshot: unchanged,
    },
  },
  "a rejection whose hint lies before the match": {
    event: (progress) => rejected(progress, 9, 2),
    becomes: { probe: probe(5, 6, false), replicate: probe(5, 6, false), snapshot: unchanged },
  },
  "a rejection whose hint is no help": {
    event: (progress) => rejected(progress, 9, 9),
    becomes: { probe: probe(5, 9, false), replicate: probe(5, 6, false), snapshot: unchanged },
  },
  "a rejection of an earlier append": {
    event: (progress) => rejected(progress, 7, 6),
    becomes: { probe: unchanged, replicate: probe(5, 6, false), snapshot: unchanged },
  },
  "a rejection of something since acknowledged": {
    event: (progress) => rejected(progress, 5, 3),
    becomes: { probe: unchanged, replicate: unchanged, snapshot: unchanged },
  },
  "a sign of life": {
    event: (progress) => alive(progress, 20),
    becomes: {
      probe: probe(5, 10, false),
      replicate: {
        kind: "replicate",
        matchIndex: 5,
        nextIndex: 10,
        count: 2,
        bytes: 20,
        nudge: true,
      },
      snapshot: unchanged,
    },
  },
  "a lost connection": {
    event: (progress) => disconnected(progress),
    becomes: {
      probe: probe(5, 6, false),
      replicate: probe(5, 6, false),
      snapshot: probe(5, 6, false),
    },
  },
  "a snapshot": {
    event: (progress) => snapshotSent(progress, 12),
    becomes: {
      probe: installing(),
      replicate: installing(),
      snapshot: unchanged,
    },
  },
  "word that the snapshot arrived": {
    event: (progress) => snapshotSettled(progress, true),
    becomes: { probe: unchanged, replicate: unchanged, snapshot: probe(5, 13, true) },
  },
  "word that the snapshot was given up": {
    event: (progress) => snapshotSettled(progress, false),
    becomes: { probe: unchanged, replicate: unchanged, snapshot: probe(5, 6, true) },
  },
  "an append of two entries": {
    event: (progress) => sent(progress, { term: 1, index: 9 }, 2, 30),
    becomes: {
      probe: probe(5, 10, true),
      replicate: {
        kind: "replicate",
        matchIndex: 5,
        nextIndex: 12,
        count: 3,
        bytes: 50,
        nudge: false,
      },
      snapshot: unchanged,
    },
  },
  "an empty append": {
    event: (progress) => sent(progress, { term: 1, index: 9 }, 0, 0),
    becomes: { probe: probe(5, 10, true), replicate: unchanged, snapshot: unchanged },
  },
};

for (const [name, { event, becomes }] of Object.entries(table)) {
  test(`a probe after ${name}`, () => {
    const before = probing();
    const expected = becomes.probe === unchanged ? look(before) : becomes.probe;
    expect(look(event(before))).toEqual(expected);
  });

  test(`a replicate after ${name}`, () => {
    const before = replicate();
    const expected = becomes.replicate === unchanged ? look(before) : becomes.replicate;
    expect(look(event(before))).toEqual(expected);
  });

  test(`a follower that is sent a snapshot after ${name}`, () => {
    const before = installing();
    const expected = becomes.snapshot === unchanged ? before : becomes.snapshot;
    expect(look(event(before))).toEqual(expected);
  });
}

test("word of a snapshot that is older than what was acknowledged since takes nothing back", () => {
  expect(snapshotSettled({ ...snapshot(14, 15), pendingIndex: 12 }, true)).toEqual(
    probe(14, 15, true),
  );
});

test("a snapshot is only for what the log does not hold", () => {
  expect(() => snapshotSent(probe(5, 13, false), 12)).toThrow(AssertionError);
});

test("while a snapshot is on the way nothing else is sent", () => {
  expect(isAppendDue(installing(), 99)).toBe(false);
  expect(isPaused(installing())).toBe(true);
});

test("newProgress knows nothing but where to begin", () => {
  expect(newProgress(8)).toEqual(probe(0, 8, false));
});

test("a first probe is acknowledged even at the index 0", () => {
  const before = probe(0, 1, true);
  const { kind, matchIndex, nextIndex } = acked(before, 0, 11, limits);
  expect({ kind, matchIndex, nextIndex }).toEqual({
    kind: "replicate",
    matchIndex: 0,
    nextIndex: 1,
  });
});

test("a sign of life from a follower that has everything asks for nothing", () => {
  const before: Progress = {
    kind: "replicate",
    matchIndex: 5,
    nextIndex: 6,
    inflights: new Inflights(limits),
    nudge: false,
  };
  expect(alive(before, 5)).toBe(before);
});

test("appends are handed out in order", () => {
  expect(() => sent(probing(), { term: 1, index: 8 }, 1, 1)).toThrow(AssertionError);
  expect(() => sent(replicate(), { term: 1, index: 10 }, 1, 1)).toThrow(AssertionError);
});

test("a probe sends one append, whether or not there are entries, and then waits", () => {
  expect(isAppendDue(probe(0, 1, false), 0)).toBe(true);
  expect(isAppendDue(probe(0, 1, true), 9)).toBe(false);
  expect(isPaused(probe(0, 1, false))).toBe(false);
  expect(isPaused(probe(0, 1, true))).toBe(true);
});

test("a replicate sends what there is until its window is full, and a nudge even then", () => {
  expect(isAppendDue(replicate(), 9)).toBe(false);
  expect(isAppendDue(replicate(), 10)).toBe(true);
  expect(isAppendDue(replicate(true), 9)).toBe(true);
  expect(isPaused(replicate())).toBe(false);
  const full = sent(replicate(), { term: 1, index: 9 }, 1, 1);
  expect(isPaused(full)).toBe(true);
  expect(isAppendDue(full, 20)).toBe(false);
  expect(isAppendDue(alive(full, 20), 20)).toBe(true);
});
