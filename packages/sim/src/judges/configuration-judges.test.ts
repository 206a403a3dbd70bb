import {
  type ConfState,
  confStateOf,
  encodeConfChange,
  type Entry,
  leaveJoint,
  newEntry,
  type Status,
} from "@quorate/core";
import { expect, test } from "vitest";
import { disks, entry, grant, log, status } from "../../test/judge-input.ts";
import { CommitDurable } from "./commit-durable.ts";
import { ConfigurationApplied } from "./configuration-applied.ts";
import { ElectedByMajority } from "./elected-by-majority.ts";
import { OneChange } from "./one-change.ts";
import { SnapshotSound } from "./snapshot-sound.ts";

/** The entry that leads to `confState`, whatever it says of the way. */
const change = (term: number, index: number, confState: ConfState): Entry =>
  newEntry({ term, index }, "conf-change", encodeConfChange(leaveJoint, confState));

test("I14 sees a snapshot of what was not committed, and one with another configuration", () => {
  const [three, four] = [confStateOf([1, 2, 3]), confStateOf([1, 2, 3, 4])];
  const entries = [entry(1, 1), change(1, 2, four), entry(2, 3)];
  const judge = new SnapshotSound();
  judge.started(status(1));
  judge.committed(status(1, { commitIndex: 3 }), entries, 0);
  judge.snapshotted(1, { index: 1, term: 1, confState: three });
  judge.restored(2, { index: 3, term: 2, confState: four });
  const sent = (index: number, term: number, confState: ConfState): void =>
    judge.sent({
      kind: "install-snapshot",
      from: 1,
      to: 2,
      term: 3,
      snapshot: { index, term, confState },
    });
  expect(() => sent(3, 1, four)).toThrow("I14: node 1 sent a snapshot of 1/3, which is of term 2");
  expect(() => sent(4, 2, four)).toThrow("which is not committed");
  expect(() => sent(3, 2, three)).toThrow("I14: node 1 sent a snapshot at 3 with (1 2 3)");
});

test("I15 sees a configuration that the log does not tell, and a change passed over", () => {
  const four = confStateOf([1, 2, 3, 4]);
  const judge = new ConfigurationApplied();
  const before = status(1);
  judge.started(before);
  judge.committed(status(1, { commitIndex: 2 }), [entry(1, 1), change(1, 2, four)], 0);
  const after = (own: Partial<Status>): Status => status(1, { commitIndex: 2, ...own });
  judge.stepped(before, after({ appliedIndex: 1 }));
  judge.stepped(before, after({ appliedIndex: 2, confState: four, confIndex: 2 }));
  expect(() => judge.stepped(before, after({ appliedIndex: 2 }))).toThrow(
    "I15: node 1 applied the change at 2 and knows 0",
  );
  expect(() => judge.stepped(before, after({ appliedIndex: 1, confState: four }))).toThrow(
    "I15: node 1 has (1 2 3 4) since 0",
  );

  const leads = (...ids: readonly number[]): Status => {
    const peer = { isVoter: true, kind: "probe", matchIndex: 0, nextIndex: 1 } as const;
    const rest = { inflightCount: 0, inflightBytes: 0, paused: false, recentlyActive: true };
    return status(1, { role: "leader", progress: ids.map((id) => ({ id, ...peer, ...rest })) });
  };
  judge.stepped(before, leads(2, 3));
  expect(() => judge.stepped(before, leads(2, 3, 4))).toThrow("I15: node 1 leads [2 3 4]");
  expect(() => judge.stepped(before, leads(2))).toThrow("I15: node 1 leads [2], where [2 3]");
});

test("I16 sees two changes at a time, and configurations whose majorities need not meet", () => {
  const four = confStateOf([1, 2, 3, 4]);
  const judge = new OneChange();
  judge.started(status(1));
  const open = [change(1, 1, four), change(1, 2, confStateOf([1, 2, 3]))];
  judge.appended(status(1, { commitIndex: 1 }), open);
  expect(() => judge.appended(status(1), open)).toThrow("I16: node 1 has changes at 1 and 2");

  judge.committed(status(1, { commitIndex: 1 }), [change(1, 1, four)], 0);
  const joint = { ...confStateOf([4, 5, 6]), votersOutgoing: [1, 2, 3, 4] };
  const two = [change(1, 1, four), change(1, 2, joint)];
  judge.committed(status(1, { commitIndex: 2 }), two, 1);
  const far = [...two, change(1, 3, confStateOf([7, 8, 9]))];
  expect(() => judge.committed(status(1, { commitIndex: 3 }), far, 2)).toThrow(
    "I16: (4 5 6)&&(1 2 3 4) is followed by (7 8 9) at 3",
  );
});

test("I10 and I1 ask both majorities of a joint configuration", () => {
  const confState = { ...confStateOf([3, 4, 5]), votersOutgoing: [1, 2, 3] };
  const joint = (own: Partial<Status>): Status =>
    status(3, { confState, voters: [1, 2, 3, 4, 5], ...own });
  const commits = (holders: readonly number[]): void =>
    new CommitDurable(disks(holders)).committed(joint({ commitIndex: 1 }), log([1]));
  commits([2, 3, 4]);
  expect(() => commits([3, 4, 5])).toThrow("of (3 4 5)&&(1 2 3)");
  expect(() => commits([1, 2, 3])).toThrow("I10");

  const elects = (voters: readonly number[]): void => {
    const judge = new ElectedByMajority(disks([], 2));
    for (const voter of voters) judge.sent(grant(voter, 3, 2));
    judge.elected(joint({ term: 2 }));
  };
  elects([2, 4]);
  expect(() => elects([4, 5])).toThrow("I1: node 3 leads term 2");
  expect(() => elects([1, 2])).toThrow("I1: node 3 leads term 2");
});
