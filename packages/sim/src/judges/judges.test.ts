import { confStateOf, type Message, type Status } from "@quorate/core";
import { expect, test } from "vitest";
import { disks, entry, grant, log, status } from "../../test/judge-input.ts";
import { AcknowledgedKept } from "./acknowledged-kept.ts";
import { CommitDurable } from "./commit-durable.ts";
import { CommitMonotone } from "./commit-monotone.ts";
import { ElectedByMajority } from "./elected-by-majority.ts";
import { ElectionSafety } from "./election-safety.ts";
import { IndexOrder } from "./index-order.ts";
import { LeaderAppendOnly } from "./leader-append-only.ts";
import { LeaderCompleteness } from "./leader-completeness.ts";
import { LinearizableReads } from "./linearizable-reads.ts";
import { LogMatching } from "./log-matching.ts";
import { ProgressBounds } from "./progress-bounds.ts";
import { ReadsConfirmed } from "./reads-confirmed.ts";
import { StateMachineSafety } from "./state-machine-safety.ts";
import { TermMonotone } from "./term-monotone.ts";
import { VotedUpToDate } from "./voted-up-to-date.ts";
import { VoteOnce } from "./vote-once.ts";

const requestVote = (from: number, to: number, term: number): Message => ({
  kind: "request-vote",
  from,
  to,
  term,
  last: { term: 0, index: 0 },
});

const heartbeat = (from: number, term: number): Message => ({
  kind: "heartbeat",
  from,
  to: 9,
  term,
  commitIndex: 0,
  readRound: 0,
});

test("I1 sees two leaders of one term, whether elected or speaking", () => {
  const elected = new ElectionSafety();
  elected.elected(status(1, { term: 2 }));
  elected.elected(status(1, { term: 2 }));
  elected.elected(status(2, { term: 3 }));
  expect(() => elected.elected(status(2, { term: 2 }))).toThrow("I1: nodes 1 and 2 both lead");

  const speaking = new ElectionSafety();
  speaking.elected(status(1, { term: 2 }));
  expect(() => speaking.sent(heartbeat(3, 2))).toThrow("I1: nodes 1 and 3 both lead");
});

test("I1 sees a leader without the votes of a majority in its term", () => {
  const leader = status(1, { term: 2, confState: confStateOf([1, 2, 3, 4, 5]) });
  const judge = new ElectedByMajority(disks([], 2));
  judge.sent(grant(2, 1, 2));
  judge.sent(grant(2, 1, 2));
  judge.sent(grant(3, 1, 1));
  judge.sent(grant(4, 5, 2));
  judge.sent(grant(6, 1, 2));
  judge.sent({ ...grant(3, 1, 2), granted: false } as Message);
  expect(() => judge.elected(leader)).toThrow("I1: node 1 leads term 2 with the votes of [2 6]");
  judge.sent(grant(3, 1, 2));
  expect(() => judge.sent(heartbeat(1, 2))).toThrow("I1: node 1 speaks as the leader of term 2");
  judge.elected(leader);
  judge.sent(heartbeat(1, 2));
  expect(() => judge.sent(heartbeat(1, 3))).toThrow("I1: node 1 speaks as the leader of term 3");
  expect(() => judge.sent(heartbeat(2, 2))).toThrow("I1: node 2 speaks as the leader of term 2");

  const forgetful = new ElectedByMajority(disks([], 1));
  forgetful.sent(grant(2, 1, 2));
  expect(() => forgetful.elected(status(1, { term: 2 }))).toThrow(
    "its own not durable, of (1 2 3)",
  );
  forgetful.sent(grant(3, 1, 2));
  forgetful.elected(status(1, { term: 2 }));
});

test("I2 sees a leader remove an entry, and lets a deposed one do so", () => {
  const judge = new LeaderAppendOnly();
  const leader = status(1, { role: "leader", term: 2 });
  judge.truncated(leader, status(1, { term: 3 }), log([1]));
  expect(() => judge.truncated(leader, leader, log([1]))).toThrow("I2: node 1 leads term 2");
});

test("I3 sees one id name two entries, or follow two", () => {
  const content = new LogMatching();
  content.appended(status(1), log([1, 1]), 0);
  content.appended(status(2), log([1, 1]), 0);
  expect(() => content.appended(status(2), log([1, 1], 7), 1)).toThrow("I3: entry 1/2");

  const before = new LogMatching();
  before.appended(status(1), log([1, 3]), 0);
  expect(() => before.started(status(2), log([2, 3]))).toThrow(
    "I3: entry 2/1".replace("2/1", "3/2"),
  );
});

test("I4 sees a leader without what an earlier term committed", () => {
  const later = new LeaderCompleteness();
  later.committed(status(1, { term: 2, commitIndex: 2 }), log([1, 2]), 0);
  later.elected(status(2, { term: 3 }), log([1, 2]));
  expect(() => later.elected(status(3, { term: 4 }), log([1]))).toThrow("I4: entry 2/2");

  const earlier = new LeaderCompleteness();
  earlier.elected(status(2, { term: 3 }), log([1]));
  const late = status(1, { term: 2, commitIndex: 2 });
  expect(() => earlier.committed(late, log([1, 2]), 0)).toThrow("I4: entry 2/2");
});

test("I4 sees a leader commit an entry of an older term by counting (Figure 8)", () => {
  const judge = new LeaderCompleteness();
  const leader = status(1, { role: "leader", term: 4, commitIndex: 2 });
  expect(() => judge.committed(leader, log([1, 2]), 0)).toThrow("I4: node 1 leads term 4");
});

test("I4 sees a vote for a log that is less up-to-date", () => {
  const judge = new VotedUpToDate();
  const vote = (
    own: [number, number],
    candidate: [number, number],
    before: Partial<Status> = {},
  ) => {
    const last = { term: candidate[0], index: candidate[1] };
    const voter = status(1, { term: 4, last: { term: own[0], index: own[1] }, ...before });
    judge.received(voter, { ...voter, term: 5, vote: 2 }, {
      ...requestVote(2, 1, 5),
      last,
    } as Message);
  };
  vote([2, 3], [2, 3]);
  vote([2, 3], [3, 1]);
  expect(() => vote([2, 3], [2, 2])).toThrow(
    "I4: node 1, whose log ends with 2/3, votes in term 5",
  );
  expect(() => vote([2, 1], [1, 9])).toThrow("whose log ends with 1/9");
  // It voted before, when its log was shorter, and is asked again.
  vote([2, 3], [2, 2], { term: 5, vote: 2 });
  const refuser = status(1, { term: 5, last: { term: 2, index: 3 } });
  judge.received(refuser, refuser, requestVote(2, 1, 5));
});

test("I5 sees two sequences, a gap, a repetition, and what nobody committed", () => {
  const judge = new StateMachineSafety();
  judge.committed(status(1, { commitIndex: 2 }), log([1, 1]), 0);
  judge.applied(1, log([1, 1]));
  expect(() => judge.applied(1, [entry(1, 2)])).toThrow("I5: node 1 applied entry 2 and not 3");
  expect(() => judge.applied(2, [entry(1, 2)])).toThrow("I5: node 2 applied entry 2 and not 1");
  expect(() => judge.applied(3, [entry(2, 1)])).toThrow("I5: node 3 takes 2/1 for committed");
  expect(() => judge.applied(1, [entry(1, 3)])).toThrow("which nobody committed");
  const snapshot = (index: number) => ({ term: 1, index, confState: confStateOf([1, 2, 3]) });
  judge.snapshotted(4, snapshot(0));
  expect(() => judge.snapshotted(4, snapshot(2))).toThrow(
    "I5: node 4 takes a snapshot at 2 with 0",
  );
  const other = status(3, { commitIndex: 2 });
  expect(() => judge.committed(other, log([1, 2]), 1)).toThrow("I5: node 3 takes 2/2");
});

test("I5 sees a node start with something else committed, or more", () => {
  const judge = new StateMachineSafety();
  judge.committed(status(1, { commitIndex: 2 }), log([1, 1]), 0);
  judge.started(status(2, { commitIndex: 2 }), log([1, 1, 2]));
  expect(() => judge.started(status(2, { commitIndex: 2 }), log([1, 2]))).toThrow(
    "I5: node 2 takes",
  );
  expect(() => judge.started(status(2, { commitIndex: 3 }), log([1, 1, 1]))).toThrow(
    "I5: node 2 starts with commit 3",
  );
});

test("I10 counts a majority of an even number by itself", () => {
  const confState = confStateOf([1, 2, 3, 4]);
  const leader = status(1, { voters: [1, 2, 3, 4], confState, commitIndex: 1 });
  new CommitDurable(disks([1, 2, 3])).committed(leader, log([1]));
  expect(() => new CommitDurable(disks([1, 2])).committed(leader, log([1]))).toThrow(
    "of (1 2 3 4)",
  );
});

test("I6 sees a term go back, in a run and below a promise", () => {
  const judge = new TermMonotone();
  judge.stepped(status(1, { term: 2 }), status(1, { term: 3 }));
  expect(() => judge.stepped(status(1, { term: 3 }), status(1, { term: 2 }))).toThrow("I6");
  judge.sent(grant(1, 2, 5));
  judge.sent({ ...grant(1, 2, 6), granted: false } as Message);
  judge.started(status(1, { term: 5 }));
  expect(() => judge.started(status(1, { term: 4 }))).toThrow("after promises in 5");
});

test("I7 sees two votes, a vote beside a candidacy, and a vote forgotten", () => {
  const twice = new VoteOnce();
  twice.sent(grant(1, 2, 5));
  twice.sent(grant(1, 2, 5));
  expect(() => twice.sent(grant(1, 3, 5))).toThrow("I7: node 1 voted for 2 and for 3");

  const candidate = new VoteOnce();
  candidate.sent(requestVote(1, 2, 5));
  expect(() => candidate.sent(grant(1, 3, 5))).toThrow("I7: node 1 voted for 1 and for 3");
  expect(() => candidate.started(status(1, { term: 5, vote: 0 }))).toThrow("starts with vote 0");
});

test("I8 sees indexes go back, and a committed entry removed by one that does not know", () => {
  const judge = new CommitMonotone();
  const before = status(1, { commitIndex: 3, appliedIndex: 2 });
  judge.stepped(before, before);
  expect(() => judge.stepped(before, status(1, { commitIndex: 2, appliedIndex: 2 }))).toThrow("I8");
  expect(() => judge.stepped(before, status(1, { commitIndex: 3, appliedIndex: 1 }))).toThrow("I8");
  judge.committed(status(1, { term: 3, commitIndex: 2 }), log([1, 2]), 0);
  const follower = status(2, { term: 3 });
  judge.truncated(follower, follower, [entry(1, 2), entry(1, 3)]);
  expect(() => judge.truncated(follower, follower, [entry(2, 2)])).toThrow("I8: node 2 removed");
  // One that lags behind follows the leader of an older term, and may: its copy was not counted.
  const lagging = status(2, { term: 2 });
  judge.truncated(lagging, lagging, [entry(2, 2)]);
  const knows = status(2, { term: 2, commitIndex: 2 });
  expect(() => judge.truncated(knows, lagging, [entry(2, 2)])).toThrow("I8: node 2 removed");
});

test.each([
  { appliedIndex: 2, commitIndex: 1, persistedIndex: 3, last: { term: 1, index: 3 } },
  { appliedIndex: 1, commitIndex: 4, persistedIndex: 3, last: { term: 1, index: 3 } },
  { appliedIndex: 2, commitIndex: 3, persistedIndex: 1, last: { term: 1, index: 3 } },
  { appliedIndex: 1, commitIndex: 1, persistedIndex: 4, last: { term: 1, index: 3 } },
])("I9 sees indexes out of order: %o", (own) => {
  const judge = new IndexOrder();
  judge.stepped(status(1), status(1));
  expect(() => judge.stepped(status(1), status(1, own))).toThrow("I9");
  expect(() => judge.started(status(1, own), [])).toThrow("I9");
});

test("I10 sees a commit that too few disks hold", () => {
  const two = new CommitDurable(disks([1, 3]));
  two.committed(status(1, { commitIndex: 2 }), log([1, 1]));
  const one = new CommitDurable(disks([1]));
  expect(() => one.committed(status(1, { commitIndex: 2 }), log([1, 1]))).toThrow("I10: node 1");
});

test("I11 sees a read that is too old, and one that ends twice", () => {
  const judge = new LinearizableReads();
  judge.readStarted(1);
  judge.committed(status(1, { commitIndex: 4 }));
  judge.readStarted(2);
  judge.readStarted(3);
  judge.readEnded(1, 3);
  judge.readEnded(2, 0);
  expect(() => judge.readEnded(3, 3)).toThrow("I11: a read at 3 began when entry 4");
  expect(() => judge.readEnded(1, 4)).toThrow("I11: read 1 ended");
});

test("I11 sees a read that no majority confirmed to one leader since it began", () => {
  const answer = (from: number, to: number, term: number, readRound = 1): Message => ({
    kind: "heartbeat-response",
    from,
    to,
    term,
    readRound,
  });
  const judge = new ReadsConfirmed();
  const confState = confStateOf([1, 2, 3, 4, 5]);
  judge.elected(status(1, { term: 2, confState }));
  judge.elected(status(1, { term: 3, confState }));
  judge.sent(answer(2, 1, 2));
  judge.readStarted(1);
  judge.readStarted(2);
  judge.readStarted(3);
  for (const message of [answer(3, 1, 2), answer(3, 1, 2), answer(4, 1, 2, 0), answer(4, 1, 3)]) {
    judge.sent(message);
  }
  judge.readEnded(1, 0);
  expect(() => judge.readEnded(2, 7)).toThrow("I11: a read at 7 was confirmed by no majority");
  judge.sent(answer(5, 1, 2));
  judge.readEnded(3, 7);

  const alone = new ReadsConfirmed();
  alone.elected(status(1, { term: 1, confState: confStateOf([1]) }));
  alone.readStarted(1);
  alone.readEnded(1, 1);
});

test("I12 sees an acknowledged entry missed by a leader, a state machine, and in the end", () => {
  const judge = new AcknowledgedKept();
  judge.elected(status(1, { term: 2 }), log([1]));
  judge.acknowledged(entry(2, 2));
  judge.elected(status(2, { term: 1 }), log([1]));
  judge.elected(status(2, { term: 3 }), log([1, 2]));
  judge.applied(2, log([1, 2]));
  judge.ended(new Map([[1, log([1, 2, 3])]]));
  expect(() => judge.elected(status(3, { term: 4 }), log([1]))).toThrow("I12: entry 2/2");
  expect(() => judge.applied(3, log([1, 3]))).toThrow("I12: entry 2/2");
  expect(() => judge.ended(new Map([[3, log([1])]]))).toThrow("I12: entry 2/2");
});

test("I13 sees progress out of bounds, taken back, and counting on nothing", () => {
  const peer = {
    id: 2,
    isVoter: true,
    kind: "replicate",
    matchIndex: 2,
    nextIndex: 3,
    inflightCount: 1,
    inflightBytes: 0,
    paused: false,
    recentlyActive: true,
  } as const;
  const leader = (own: Partial<typeof peer> | object, term = 2): Status =>
    status(1, {
      role: "leader",
      term,
      last: { term: 1, index: 2 },
      progress: [{ ...peer, ...own }],
    });
  // 9 bytes, and a message on top that carries a change of the configuration, of at most 150.
  const limits = {
    inflightCountMax: 1,
    inflightBytesMax: 10,
    messageBytesMax: 5,
    commandBytesMax: 4,
  };
  const judge = new ProgressBounds(disks([2]), limits);
  const before = leader({ matchIndex: 0 });
  const entries = log([1, 1]);
  judge.stepped(before, leader({}), entries);
  expect(() => judge.stepped(status(1), leader({}), entries)).toThrow("from the beginning");
  expect(() => judge.stepped(before, leader({ nextIndex: 2 }), entries)).toThrow("I13: node 1");
  expect(() => judge.stepped(before, leader({ nextIndex: 4 }), entries)).toThrow("I13: node 1");
  expect(() => judge.stepped(before, leader({ inflightCount: 2 }), entries)).toThrow("inflight=2");
  judge.stepped(before, leader({ inflightBytes: 159 }), entries);
  expect(() => judge.stepped(before, leader({ inflightBytes: 160 }), entries)).toThrow("160 bytes");
  expect(() => judge.stepped(leader({}), leader({ matchIndex: 1 }), entries)).toThrow("took back");

  const bare = disks([], 2);
  expect(() => new ProgressBounds(bare, limits).stepped(before, leader({}), entries)).toThrow(
    "lacks",
  );
  // A newer term may have replaced what this leader counts on.
  new ProgressBounds(disks([], 3), limits).stepped(before, leader({}), entries);
});
