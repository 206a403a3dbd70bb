import { expect, test } from "vitest";
import { newEntry } from "./entry.ts";
import { checkState, checkStep } from "./invariants.ts";
import { newState } from "./new-state.ts";
import { newProgress } from "./progress.ts";
import { RaftNode } from "./raft-node.ts";
import { becomeCandidate, becomeLeader } from "./roles.ts";
import type { RaftState } from "./state.ts";
import type { Status } from "./status.ts";

/** A follower of node 2 in term 3 with three durable entries, two committed, one applied. */
function follower(): RaftState {
  const entries = [1, 2, 3].map((index) => newEntry({ term: 2, index }, "no-op"));
  const state = newState(1, [2, 3], {
    storage: {
      hardState: { term: 3, vote: 2, commitIndex: 2 },
      base: { term: 0, index: 0 },
      entries,
    },
    appliedIndex: 1,
  });
  state.role = { kind: "follower", leader: 2, reads: new Map() };
  return state;
}

function leader(): RaftState {
  const state = follower();
  becomeCandidate(state);
  becomeLeader(state);
  return state;
}

test("checkState finds nothing wrong with a follower, a candidate and a leader", () => {
  checkState(follower());
  const candidate = follower();
  becomeCandidate(candidate);
  checkState(candidate);
  checkState(leader());
});

test.each<[string, (state: RaftState) => void, string]>([
  ["applied beyond what was handed out", (state) => (state.appliedIndex = 2), "I9"],
  ["handed out beyond the commit index", (state) => (state.applyingIndex = 3), "I9"],
  ["committed beyond the log", (state) => (state.commitIndex = 4), "I9"],
  ["a log newer than the term", (state) => (state.term = 1), "I6"],
  [
    "entries that are gone without being applied",
    (state) => {
      state.log.restore({ term: 2, index: 3 });
      state.commitIndex = 3;
    },
    "I14: only what was applied is compacted",
  ],
  [
    "entries that are gone without a snapshot",
    (state) => state.log.compact(1),
    "I14: a snapshot stands in for what was compacted",
  ],
  [
    "a learner that votes",
    (state) => (state.confState = { ...state.confState, learners: [2] }),
    "I15: the configuration is possible",
  ],
  [
    "a follower of itself",
    (state) => (state.role = { kind: "follower", leader: 1, reads: new Map() }),
    "itself",
  ],
  [
    "a read that waits for nobody",
    (state) => (state.role = { kind: "follower", leader: 0, reads: new Map([[1, 9]]) }),
    "reads wait for a leader",
  ],
  [
    "a candidate that voted for another",
    (state) => (state.role = { kind: "candidate", votes: new Map() }),
    "I7",
  ],
])("checkState notices a follower with %s", (_, breakIt, claim) => {
  const state = follower();
  breakIt(state);
  expect(() => checkState(state)).toThrow(claim);
});

test("checkState notices what is applied and not durable here", () => {
  const state = follower();
  state.log.merge([newEntry({ term: 3, index: 2 }, "no-op")]);
  state.applyingIndex = 2;
  expect(() => checkState(state)).toThrow("I9: only what is durable here is applied");
});

test.each<[string, (state: RaftState) => void, string]>([
  ["voted for another", (state) => (state.vote = 2), "I1"],
  [
    "has a negative uncommitted tail",
    (state) => {
      if (state.role.kind === "leader") state.role.uncommittedBytes = -1;
    },
    "the uncommitted tail",
  ],
  [
    "keeps an eye on fewer than the members",
    (state) => {
      if (state.role.kind === "leader") state.role.peers.delete(3);
    },
    "I15: a leader keeps an eye on the members",
  ],
  [
    "keeps an eye on others than the members",
    (state) => (state.peers = [2, 4]),
    "I15: a leader keeps an eye on the members",
  ],
  [
    "would send what is acknowledged",
    (state) => setProgress(state, 4, 4),
    "I13: what is acknowledged is not sent again",
  ],
  [
    "would send what is not in its log",
    (state) => setProgress(state, 0, 6),
    "I13: only what is in the log is sent",
  ],
])("checkState notices a leader that %s", (_, breakIt, claim) => {
  const state = leader();
  breakIt(state);
  expect(() => checkState(state)).toThrow(claim);
});

function setProgress(state: RaftState, matchIndex: number, nextIndex: number): void {
  if (state.role.kind !== "leader") throw new Error("a leader");
  const peer = state.role.peers.get(2);
  if (peer !== undefined) peer.progress = { ...newProgress(nextIndex), matchIndex };
}

const before: Status = {
  ...new RaftNode(1, [2, 3]).status(),
  term: 3,
  vote: 2,
  leader: 2,
  last: { term: 3, index: 9 },
  commitIndex: 5,
  appliedIndex: 4,
  confIndex: 3,
  firstIndex: 3,
  snapshotIndex: 2,
};

test.each<[string, Partial<Status>]>([
  ["nothing", {}],
  ["a newer term, without a vote or a leader", { term: 4, vote: 0, leader: 0 }],
  ["a newer term with another vote and leader", { term: 4, vote: 3, leader: 3 }],
  ["a leader that is not known any more", { leader: 0 }],
  ["a shorter log of a follower", { last: { term: 3, index: 6 } }],
  ["more committed and applied", { commitIndex: 9, appliedIndex: 9 }],
  ["a snapshot, with what it says", { confIndex: 9, firstIndex: 10, snapshotIndex: 9 }],
])("checkStep allows %s", (_, change) => {
  checkStep(before, { ...before, ...change });
});

test.each<[string, Partial<Status>, string]>([
  ["another node", { id: 2 }, "both looks are at one node"],
  ["an older term", { term: 2 }, "I6"],
  ["a smaller commit index", { commitIndex: 4 }, "I8"],
  ["a smaller applied index", { appliedIndex: 3 }, "I8"],
  ["an older configuration", { confIndex: 2 }, "I15"],
  ["entries that were compacted", { firstIndex: 2 }, "I14"],
  ["an older snapshot", { snapshotIndex: 1 }, "I14"],
  ["another vote in the term", { vote: 3 }, "I7"],
  ["no vote in the term any more", { vote: 0 }, "I7"],
  ["another leader in the term", { leader: 3 }, "I1"],
])("checkStep notices %s", (_, change, claim) => {
  expect(() => checkStep(before, { ...before, ...change })).toThrow(claim);
});

test("checkStep notices a leader that removes entries", () => {
  const leading: Status = { ...before, role: "leader" };
  expect(() => checkStep(leading, { ...leading, last: { term: 3, index: 8 } })).toThrow("I2");
});
