import fc from "fast-check";
import { expect, test } from "vitest";
import {
  applyConfChange,
  type ConfChange,
  leaveJoint,
  type MemberChange,
  newConfChange,
  type Transition,
} from "./conf-change.ts";
import {
  type ConfState,
  confStateFlaw,
  confStateOf,
  emptyConfState,
  isJoint,
  membersOf,
  sameConfState,
  votersOf,
} from "./conf-state.ts";
import { RaftError } from "./errors.ts";
import { voteResult } from "./quorum.ts";

const kinds = { v: "add-voter", l: "add-learner", r: "remove" } as const;

/** Changes in etcd's short form: `v1` adds voter 1, `l1` makes it a learner, `r1` removes it. */
function parse(text: string): MemberChange[] {
  if (text === "") return [];
  return text.split(" ").map((word) => {
    const kind = word[0];
    if (kind !== "v" && kind !== "l" && kind !== "r") throw new Error(`what is ${word}?`);
    return { kind: kinds[kind], id: Number(word.slice(1)) };
  });
}

/** A configuration as text: `voters=(1 2)&&(1 3) learners=(4) learners_next=(3) autoleave`. */
function show(confState: ConfState): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  const list = (ids: readonly number[]): string => `(${ids.join(" ")})`;
  let text = `voters=${list(voters)}`;
  if (votersOutgoing.length > 0) text += `&&${list(votersOutgoing)}`;
  if (learners.length > 0) text += ` learners=${list(learners)}`;
  if (learnersNext.length > 0) text += ` learners_next=${list(learnersNext)}`;
  return autoLeave ? `${text} autoleave` : text;
}

/** The configuration after `changes`, or the words of the refusal. */
function outcome(before: ConfState, change: ConfChange): string {
  try {
    return show(applyConfChange(before, change));
  } catch (error) {
    if (!(error instanceof RaftError) || error.code !== "invalid_change") throw error;
    return error.message;
  }
}

const three = confStateOf([1, 2, 3]);
const withLearner: ConfState = { ...three, learners: [4] };

test.each<[string, ConfState, string, string]>([
  ["a voter joins", three, "v4", "voters=(1 2 3 4)"],
  ["ids are kept in the order of numbers", confStateOf([9, 10]), "v2", "voters=(2 9 10)"],
  ["a learner joins", three, "l4", "voters=(1 2 3) learners=(4)"],
  ["a learner is promoted", withLearner, "v4", "voters=(1 2 3 4)"],
  ["a voter is demoted, at once", withLearner, "l3", "voters=(1 2) learners=(3 4)"],
  ["a voter is removed", withLearner, "r1", "voters=(2 3) learners=(4)"],
  ["a learner is removed", withLearner, "r4", "voters=(1 2 3)"],
  ["the first voter of all", emptyConfState, "v1", "voters=(1)"],
])("a single change is simple: %s", (_, before, changes, expected) => {
  expect(outcome(before, newConfChange(parse(changes)))).toBe(expected);
});

test.each<[string, ConfState, string, string]>([
  ["two voters join", three, "v4 v5", "voters=(1 2 3 4 5)&&(1 2 3) autoleave"],
  ["two learners join", three, "l4 l5", "voters=(1 2 3)&&(1 2 3) learners=(4 5) autoleave"],
  ["a voter is replaced", three, "v4 r3", "voters=(1 2 4)&&(1 2 3) autoleave"],
  ["a learner takes a voter's place", withLearner, "v4 r3", "voters=(1 2 4)&&(1 2 3) autoleave"],
  [
    "a voter and a learner change places",
    withLearner,
    "v4 l3",
    "voters=(1 2 4)&&(1 2 3) learners_next=(3) autoleave",
  ],
  [
    "a voter is demoted and a learner removed",
    withLearner,
    "l3 r4",
    "voters=(1 2)&&(1 2 3) learners_next=(3) autoleave",
  ],
  ["all voters change", three, "v4 r1 r2 r3", "voters=(4)&&(1 2 3) autoleave"],
])("several changes are joint, and left by themselves: %s", (_, before, changes, expected) => {
  expect(outcome(before, newConfChange(parse(changes)))).toBe(expected);
});

test.each<[Transition, string, string]>([
  ["auto", "v4", "voters=(1 2 3 4)"],
  ["implicit", "v4", "voters=(1 2 3 4)&&(1 2 3) autoleave"],
  ["explicit", "v4", "voters=(1 2 3 4)&&(1 2 3)"],
  ["auto", "v4 r1", "voters=(2 3 4)&&(1 2 3) autoleave"],
  ["implicit", "v4 r1", "voters=(2 3 4)&&(1 2 3) autoleave"],
  ["explicit", "v4 r1", "voters=(2 3 4)&&(1 2 3)"],
  ["explicit", "l3", "voters=(1 2)&&(1 2 3) learners_next=(3)"],
])("a transition that is %s, of %s", (transition, changes, expected) => {
  expect(outcome(three, newConfChange(parse(changes), transition))).toBe(expected);
});

test.each<[string, string, string]>([
  ["v4 v5", "voters=(1 2 3 4 5)&&(1 2 3) autoleave", "voters=(1 2 3 4 5)"],
  [
    "l1 l2 v4",
    "voters=(3 4)&&(1 2 3) learners_next=(1 2) autoleave",
    "voters=(3 4) learners=(1 2)",
  ],
  [
    "l1 l5",
    "voters=(2 3)&&(1 2 3) learners=(5) learners_next=(1) autoleave",
    "voters=(2 3) learners=(1 5)",
  ],
  ["r2 r3", "voters=(1)&&(1 2 3) autoleave", "voters=(1)"],
])(
  "leaving a joint configuration makes learners of those who were to learn: %s",
  (changes, entered, left) => {
    const joint = applyConfChange(three, newConfChange(parse(changes)));
    expect(show(joint)).toBe(entered);
    expect(outcome(joint, leaveJoint)).toBe(left);
  },
);

const joint = applyConfChange(three, newConfChange(parse("v4 l3"), "explicit"));

test.each<[string, ConfState, string, string]>([
  ["leaving what is not joint", three, "", "is not joint"],
  ["leaving what is nobody's", emptyConfState, "", "is not joint"],
  ["a second change while joint", joint, "v5", "must be left first"],
  ["a second joint change while joint", joint, "v5 v6", "must be left first"],
  ["an id named twice", three, "v4 r4", "named twice"],
  ["a removed stranger", three, "r4", "node 4 is no member"],
  ["the last voter removed", confStateOf([1]), "r1", "no voter would be left"],
  ["the last voter demoted", confStateOf([1]), "l1", "no voter would be left"],
  ["all voters removed, though a learner stays", withLearner, "r1 r2 r3", "no voter would be left"],
  ["a learner as the first of all", emptyConfState, "l1", "no voter would be left"],
  ["several voters as the first of all", emptyConfState, "v1 v2", "needs voters to come from"],
  ["a voter made a voter", three, "v1", "would change nothing"],
  ["a learner made a learner", withLearner, "l4", "would change nothing"],
  ["several that are so already", withLearner, "v1 l4", "would change nothing"],
  ["id 0", three, "v0", "at least 1: got 0"],
  ["a negative id", three, "l-1", "at least 1: got -1"],
  ["a fraction", three, "v1.5", "at least 1: got 1.5"],
  ["an id beyond the safe integers", three, "v9007199254740992", "at least 1"],
])("refused: %s", (_, before, changes, words) => {
  const untouched = structuredClone(before);
  expect(outcome(before, newConfChange(parse(changes)))).toContain(words);
  expect(before).toEqual(untouched);
});

test("refused: kinds and transitions that there are not, as JavaScript may give them", () => {
  const change = JSON.parse('{"transition":"sudden","changes":[],"context":[]}') as ConfChange;
  expect(outcome(joint, change)).toContain("the transition is unknown: sudden");
  const kind = JSON.parse('{"kind":"update","id":1}') as MemberChange;
  expect(outcome(three, newConfChange([kind]))).toContain(
    "the kind of a change is unknown: update",
  );
});

test("a change with a context may leave everyone as they are: the driver means something by it", () => {
  const context = Uint8Array.of(1);
  expect(applyConfChange(three, newConfChange(parse("v1"), "auto", context))).toEqual(three);
  expect(applyConfChange(withLearner, newConfChange(parse("l4"), "auto", context))).toEqual(
    withLearner,
  );
});

// What follows looks at all changes there are, and holds what is said of them above.

const ids = [1, 2, 3, 4];

/** Every configuration of some of four nodes that is not joint and has a voter. */
function allConfStates(): ConfState[] {
  const all: ConfState[] = [];
  for (let code = 0; code < 3 ** ids.length; code++) {
    const roles = ids.map((_, offset) => Math.floor(code / 3 ** offset) % 3);
    const voters = ids.filter((_, offset) => roles[offset] === 1);
    const learners = ids.filter((_, offset) => roles[offset] === 2);
    if (voters.length > 0) all.push({ ...confStateOf(voters), learners });
  }
  return all;
}

/** Every set of changes to some of four nodes; each is named once at most. */
function allChanges(): MemberChange[][] {
  const options = [undefined, "add-voter", "add-learner", "remove"] as const;
  return Array.from({ length: 4 ** ids.length }, (_, code) =>
    ids.flatMap((id, offset) => {
      const kind = options[Math.floor(code / 4 ** offset) % 4];
      return kind === undefined ? [] : [{ kind, id }];
    }),
  ).filter((changes) => changes.length > 0);
}

/** What the plain rules say: the role of each node once all is done; undefined for no such change. */
function rolesAfter(before: ConfState, changes: readonly MemberChange[]): ConfState | undefined {
  const voters = new Set(before.voters);
  const learners = new Set(before.learners);
  for (const { kind, id } of changes) {
    const was = voters.delete(id) || learners.delete(id);
    if (kind === "remove" && !was) return undefined;
    if (kind === "add-voter") voters.add(id);
    if (kind === "add-learner") learners.add(id);
  }
  if (voters.size === 0) return undefined;
  return { ...confStateOf(voters), learners: [...learners].sort((a, b) => a - b) };
}

test("every change of four nodes ends where the plain rules say, and only valid ones are taken", () => {
  for (const before of allConfStates()) {
    for (const changes of allChanges()) {
      const expected = rolesAfter(before, changes);
      for (const transition of ["auto", "implicit", "explicit"] as const) {
        const context = Uint8Array.of(1);
        const change = newConfChange(changes, transition, context);
        if (expected === undefined) {
          expect(() => applyConfChange(before, change)).toThrow(RaftError);
          continue;
        }
        const after = applyConfChange(before, change);
        if (confStateFlaw(after) !== undefined) expect.fail(show(after));
        const isSimple = transition === "auto" && changes.length === 1;
        if (isJoint(after) === isSimple) expect.fail(show(after));
        if (isJoint(after) && after.autoLeave === (transition === "explicit")) {
          expect.fail(show(after));
        }
        const settled = isJoint(after) ? applyConfChange(after, leaveJoint) : after;
        if (confStateFlaw(settled) !== undefined) expect.fail(show(settled));
        if (!sameConfState(settled, expected)) expect.fail(`${show(settled)}, ${show(expected)}`);
        // Nobody who still votes stops getting the log before the joint configuration is left.
        const reached = new Set(membersOf(after));
        if (!before.voters.every((id) => isSimple || reached.has(id))) {
          expect.fail(show(after));
        }
      }
    }
  }
});

/** Whether `granted` are enough to elect a leader, and to commit an entry. */
function isQuorum(confState: ConfState, granted: ReadonlySet<number>): boolean {
  return voteResult(votersOf(confState), (id) => granted.has(id)) === "won";
}

/** Whether every quorum of `a` shares a node with every quorum of `b` (thesis §4.1, figure 4.2). */
function quorumsOverlap(a: ConfState, b: ConfState): boolean {
  const nodes = [...new Set([...membersOf(a), ...membersOf(b)])];
  for (let code = 0; code < 2 ** nodes.length; code++) {
    const part = new Set(nodes.filter((_, offset) => (code >> offset) % 2 === 1));
    const rest = new Set(nodes.filter((id) => !part.has(id)));
    // Two disjoint quorums exist if and only if some set and its complement are such.
    if (isQuorum(a, part) && isQuorum(b, rest)) return false;
  }
  return true;
}

test("quorumsOverlap can fail: as when two voters join at once", () => {
  expect(quorumsOverlap(three, confStateOf([1, 2, 3, 4]))).toBe(true);
  expect(quorumsOverlap(three, confStateOf([1, 2, 3, 4, 5]))).toBe(false);
  expect(quorumsOverlap(three, confStateOf([1, 4]))).toBe(false);
});

test("consecutive configurations of up to five voters have overlapping quorums, each and every", () => {
  const sets = Array.from({ length: 2 ** 5 }, (_, code) =>
    [1, 2, 3, 4, 5].filter((__, offset) => (code >> offset) % 2 === 1),
  ).filter((voters) => voters.length > 0);
  let simple = 0;
  let entered = 0;
  for (const from of sets) {
    const before = confStateOf(from);
    for (const to of sets) {
      const changes: MemberChange[] = [
        ...to.filter((id) => !from.includes(id)).map((id) => ({ kind: "add-voter", id }) as const),
        ...from.filter((id) => !to.includes(id)).map((id) => ({ kind: "remove", id }) as const),
      ];
      if (changes.length === 0) continue;
      const after = applyConfChange(before, newConfChange(changes));
      if (!quorumsOverlap(before, after)) expect.fail(`${show(before)} to ${show(after)}`);
      if (isJoint(after)) {
        const left = applyConfChange(after, leaveJoint);
        if (!quorumsOverlap(after, left)) expect.fail(`${show(after)} to ${show(left)}`);
        entered += 1;
      } else {
        simple += 1;
      }
    }
  }
  expect({ simple, entered }).toEqual({ simple: 150, entered: 780 });
});

test("a chain of any valid changes keeps to configurations that can be, one overlapping the next", () => {
  const word = fc.record({
    kind: fc.constantFrom("add-voter", "add-learner", "remove"),
    id: fc.integer({ min: 1, max: 6 }),
  });
  const change = fc.record({
    transition: fc.constantFrom<Transition>("auto", "implicit", "explicit"),
    changes: fc.array(word, { maxLength: 4 }),
    context: fc.constant(new Uint8Array(0)),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      let confState = confStateOf([1, 2, 3]);
      for (const next of changes) {
        let after: ConfState;
        try {
          after = applyConfChange(confState, next);
        } catch (error) {
          if (error instanceof RaftError && error.code === "invalid_change") continue;
          throw error;
        }
        expect(confStateFlaw(after)).toBeUndefined();
        expect(quorumsOverlap(confState, after)).toBe(true);
        confState = after;
      }
    }),
    { numRuns: 500 },
  );
});
