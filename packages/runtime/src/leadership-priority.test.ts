import { type PeerStatus, RaftNode, type Status } from "@quorate/core";
import { expect, test } from "vitest";
import { LeadershipPriority } from "./leadership-priority.ts";

const electionTimeoutTicks = 10;
const patienceTicks = 10 * electionTimeoutTicks;

const peer: PeerStatus = {
  id: 2,
  isVoter: true,
  kind: "replicate",
  matchIndex: 7,
  nextIndex: 8,
  inflightCount: 0,
  inflightBytes: 0,
  paused: false,
  recentlyActive: true,
};

/** The status of a leader that knows of `progress`, and has committed up to 7. */
function statusWith(progress: readonly PeerStatus[], change: Partial<Status> = {}): Status {
  const status = new RaftNode(1, [2, 3]).status();
  return { ...status, role: "leader", commitIndex: 7, progress, ...change };
}

/** A rule that has been due for long; member 1 leads, and each has its id as its priority. */
function newDue(isConnected: (id: number) => boolean = () => true): LeadershipPriority {
  const rule = new LeadershipPriority(electionTimeoutTicks, {
    priorityOf: (id) => id,
    isConnected,
  });
  rule.onTicks(1, true);
  rule.onTicks(patienceTicks, true);
  expect(rule.isDue).toBe(true);
  return rule;
}

/** What the rule says at the second look, a tick after the first. */
function choice(rule: LeadershipPriority, status: Status): number {
  expect(rule.choose(status)).toBe(0);
  rule.onTicks(1, true);
  return rule.choose(status);
}

test("LeadershipPriority chooses the highest priority of those that can take over", () => {
  expect(choice(newDue(), statusWith([peer, { ...peer, id: 3 }]))).toBe(3);
  expect(choice(newDue(), statusWith([{ ...peer, id: 3 }, peer]))).toBe(3);
  expect(choice(newDue(), statusWith([peer, { ...peer, id: 3, isVoter: false }]))).toBe(2);
});

test.each<[string, Partial<PeerStatus>]>([
  ["is no voter", { isVoter: false }],
  ["is probed", { kind: "probe" }],
  ["is sent a snapshot", { kind: "snapshot" }],
  ["was not heard from", { recentlyActive: false }],
  ["lacks what was committed a tick ago", { matchIndex: 6 }],
])("LeadershipPriority chooses nobody who %s", (_, change) => {
  expect(choice(newDue(), statusWith([{ ...peer, ...change }]))).toBe(0);
});

test("LeadershipPriority lets a follower be behind by what was committed within a tick", () => {
  const rule = newDue();
  rule.choose(statusWith([peer]));
  rule.onTicks(1, true);
  expect(rule.choose(statusWith([peer], { commitIndex: 20 }))).toBe(2);
});

test("LeadershipPriority chooses nobody without a connection, of its own priority, or amid a change", () => {
  expect(
    choice(
      newDue(() => false),
      statusWith([peer]),
    ),
  ).toBe(0);
  expect(choice(newDue(), statusWith([peer], { id: 2 }))).toBe(0);
  const { confState } = statusWith([]);
  const joint = { ...confState, votersOutgoing: [1, 2] };
  expect(choice(newDue(), statusWith([peer], { confState: joint }))).toBe(0);
});

test("LeadershipPriority is due after a while of leading, and ever later after each attempt", () => {
  const rule = new LeadershipPriority(electionTimeoutTicks, {
    priorityOf: () => 0,
    isConnected: () => true,
  });
  const waits: number[] = [];
  const untilDue = (): void => {
    let ticks = 0;
    for (; !rule.isDue; ticks++) rule.onTicks(1, true);
    waits.push(ticks);
    rule.onAttempt();
  };
  rule.onTicks(1, true);
  for (let attempt = 0; attempt < 9; attempt++) untilDue();
  expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 6400, 6400]);
  // Attempts that were long ago do not count, but a leader leads for a while all the same.
  rule.onTicks(12_801, false);
  rule.onTicks(1, true);
  untilDue();
  untilDue();
  expect(waits.slice(9)).toEqual([100, 200]);
});
