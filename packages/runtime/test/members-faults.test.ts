import { none, RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import type { MemberWish } from "../src/member-wish.ts";
import type { MembersView } from "../src/members-view.ts";
import type { ChangeOptions } from "../src/replica.ts";
import { Watched } from "./cluster.ts";
import { incarnationOf, MemberGroup, type MemberNode, tickMs } from "./member-group.ts";

/** A group of `count` nodes of which node 1 leads, and has recorded what it says of itself. */
function led(count: number): MemberGroup {
  const group = new MemberGroup(count);
  group.elect(1);
  group.until(() => [...group.nodes.values()].every(({ changes }) => changes.length === 1));
  return group;
}

function change(node: MemberNode, wish: MemberWish, options?: ChangeOptions): Watched<MembersView> {
  return new Watched(node.users.change(wish, options));
}

function roles({ confState }: MembersView): { voters: number[]; learners: number[] } {
  return { voters: [...confState.voters], learners: [...confState.learners] };
}

const addition: MemberWish = { kind: "add", id: 4, address: "host-4" };

test("a new member that nobody hears of stays a learner, and asking again goes on from there", async () => {
  const group = led(3);
  const added = change(group.node(2), addition, { timeoutMs: 3000 });
  await group.settled([added]);
  expect(added.code).toBe("catch_up_failed");
  expect(added.error.outcome).toBe("not-applied");
  expect(added.error.message).toContain("node 4 has entry 0");
  expect(roles(group.node(1).users.list())).toEqual({ voters: [1, 2, 3], learners: [4] });
  group.join(4);
  const again = change(group.node(2), addition);
  await group.settled([again]);
  expect(roles(again.value)).toEqual({ voters: [1, 2, 3, 4], learners: [] });
});

test("a new member that the log runs away from stays a learner", async () => {
  const group = led(3);
  group.join(4);
  // Each answer takes longer than a round may.
  group.delayMs.set(4, 1200);
  const added = change(group.node(1), addition, { timeoutMs: 100_000 });
  for (let tick = 0; tick < 400 && !added.isSettled; tick++) {
    group.node(1).raft.propose(Uint8Array.of(tick % 256));
    await group.settled([], 0);
    group.tick();
  }
  expect(added.code).toBe("catch_up_failed");
  expect(added.error.message).toContain("the log grows too fast");
  group.delayMs.clear();
  const again = change(group.node(1), addition);
  await group.settled([again]);
  expect(roles(again.value).voters).toEqual([1, 2, 3, 4]);
});

test("leadership lost before anything was proposed: the next leader makes the change", async () => {
  const group = led(3);
  const old = group.node(1);
  group.cut.add(1);
  // A change that nobody else will ever hear of keeps the one that is asked for waiting.
  const [step] = old.users.plan({ kind: "demote", id: 2 }).steps;
  if (step === undefined) expect.fail("there is a step");
  old.raft.proposeChange(step.change);
  const asked = change(old, { kind: "demote", id: 3 });
  group.until(() => (group.leader?.id ?? 1) !== 1);
  expect(asked.isSettled).toBe(false);
  group.cut.delete(1);
  await group.settled([asked]);
  expect(roles(asked.value)).toEqual({ voters: [1, 2], learners: [3] });
});

test("leadership lost in the midst is told as such, and asking again brings it to its end", async () => {
  const group = led(5);
  const old = group.node(1);
  group.join(6);
  group.delayMs.set(6, 2500);
  const wish: MemberWish = { kind: "replace", id: 5, by: { id: 6, address: "host-6" } };
  const replaced = change(old, wish);
  group.tick(3);
  expect(roles(old.users.list()).learners).toEqual([6]);
  old.raft.stepDown();
  await group.settled([replaced]);
  expect(replaced.code).toBe("leadership_lost");
  expect(replaced.error.outcome).toBe("unknown");
  group.delayMs.clear();
  const again = change(old, wish);
  await group.settled([again]);
  expect(roles(again.value)).toEqual({ voters: [1, 2, 3, 4, 6], learners: [] });
});

test("a change that is applied is done, even if leadership is lost in the same moment", async () => {
  const group = led(1);
  const node = group.node(1);
  const asked = change(node, { kind: "update", id: 1, priority: 5 });
  node.work();
  node.raft.stepDown();
  await group.settled([asked], 0);
  expect(asked.value.members[0]?.priority).toBe(5);
});

test("leadership lost and won again is lost: others may have changed what was looked at", async () => {
  const group = led(1);
  const node = group.node(1);
  const asked = change(node, { kind: "update", id: 1, priority: 5 });
  node.raft.stepDown();
  node.raft.campaign();
  node.work();
  expect(node.raft.role).toBe("leader");
  await group.settled([asked], 0);
  expect(asked.code).toBe("leadership_lost");
});

test("the connection to the leader is lost: nobody knows what became of the change", async () => {
  const group = led(3);
  const asked = change(group.node(2), { kind: "demote", id: 3 });
  group.node(2).pump();
  group.cutOff(1);
  await group.settled([asked], 1);
  expect(asked.code).toBe("leadership_lost");
});

test("a leader without a majority cannot tell what becomes of a change", async () => {
  const group = led(3);
  group.cut.add(1);
  const asked = change(group.node(1), { kind: "demote", id: 3 }, { timeoutMs: 500 });
  await group.settled([asked]);
  expect(asked.code).toBe("deadline_exceeded");
  // It was appended, but nobody else ever saw it.
  group.until(() => (group.leader?.id ?? 1) !== 1);
  group.cut.delete(1);
  group.until(() => group.node(1).raft.leader === group.leader?.id);
  expect(roles(group.node(1).users.list()).voters).toEqual([1, 2, 3]);
});

test("a change that could not begin in time did nothing", async () => {
  const group = led(3);
  const leader = group.node(1);
  const [step] = leader.users.plan({ kind: "demote", id: 3 }).steps;
  if (step === undefined) expect.fail("there is a step");
  group.cut.add(1);
  leader.raft.proposeChange(step.change);
  const asked = change(leader, { kind: "demote", id: 2 }, { timeoutMs: 500 });
  await group.settled([asked]);
  expect(asked.code).toBe("unavailable");
  expect(asked.error.cause).toMatchObject({ code: "change_pending" });
});

/** An abort signal that a test pulls. */
function newAbort(): { signal: AbortSignal; abort: (reason: unknown) => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) };
}

test("a change is given up by its caller: before it begins, and in its midst", async () => {
  const group = led(3);
  const [early, midst, waiting] = [newAbort(), newAbort(), newAbort()];
  const leader = group.node(1);
  // Nothing was proposed while the learner that is to be promoted catches up.
  const learner = change(leader, { ...addition, as: "learner" });
  await group.settled([learner]);
  const promoted = change(leader, { kind: "promote", id: 4 }, { signal: early.signal });
  group.tick();
  early.abort("enough");
  await group.settled([promoted]);
  expect(promoted.code).toBe("unavailable");
  expect(promoted.error.cause).toBe("enough");

  group.cut.add(1);
  const demoted = change(leader, { kind: "demote", id: 3 }, { signal: midst.signal });
  midst.abort("enough");
  await group.settled([demoted]);
  expect(demoted.code).toBe("aborted");
  expect(demoted.error.outcome).toBe("unknown");

  group.cut.add(2);
  group.until(() => group.node(2).raft.leader === none);
  const unled = change(group.node(2), { kind: "demote", id: 3 }, { signal: waiting.signal });
  waiting.abort("enough");
  await group.settled([unled]);
  expect(unled.code).toBe("unavailable");
});

test("every call settles when its replica stops", async () => {
  const group = led(3);
  const untouched = new RaftError("closed", "closed");
  const pending = new RaftError("stopped", "stopped");
  const performed = change(group.node(1), addition);
  const forwarded = change(group.node(2), { kind: "demote", id: 3 });
  group.node(2).pump();
  group.cut.add(3);
  group.until(() => group.node(3).raft.leader === none);
  const waiting = change(group.node(3), { kind: "demote", id: 3 });
  for (const { calls } of group.nodes.values()) calls.stop(untouched, pending);
  await group.settled([performed, forwarded, waiting], 0);
  expect([performed, forwarded, waiting].map(({ code }) => code)).toEqual([
    "stopped",
    // The leader answered at once that it is busy with the first.
    "change_pending",
    "closed",
  ]);
  expect(group.node(1).calls.count).toBe(0);
});

test("the leader records what members say of themselves, but not in the way of a change", async () => {
  const group = led(3);
  const leader = group.node(1);
  const index = leader.raft.lastIndex;
  // A change that takes its time: nothing is heard of the new member.
  const added = change(leader, addition, { timeoutMs: 3000 });
  leader.members.onPeerSeen({ id: 2, address: "moved", incarnation: incarnationOf(2) });
  group.tick(15);
  expect(leader.raft.lastIndex).toBe(index + 1);
  await group.settled([added]);
  group.until(() => leader.raft.lastIndex === index + 2);
  group.tick(2);
  expect(group.node(3).users.list().members[1]).toMatchObject({
    address: "moved",
    incarnation: incarnationOf(2),
  });
  expect(group.node(3).peers.find(({ id }) => id === 2)).toEqual({
    id: 2,
    address: "moved",
    incarnation: incarnationOf(2),
  });
});

test("a follower remembers what it was told, and records it once it leads", () => {
  const group = led(3);
  const follower = group.node(2);
  follower.members.onPeerSeen({ id: 3, address: "host-3", incarnation: incarnationOf(3) });
  follower.members.onPeerSeen({ id: 9, address: "host-9", incarnation: incarnationOf(9) });
  group.tick(20);
  expect(follower.users.list().members[2]?.incarnation).toBeUndefined();
  group.elect(2);
  group.until(() => group.node(1).users.list().members[2]?.incarnation !== undefined);
  // Its own and that of node 3, in one change; who is no member is none of the group's business.
  group.tick(30);
  expect(follower.changes).toHaveLength(2);
  expect(
    group
      .node(1)
      .users.list()
      .members.map(({ incarnation }) => incarnation),
  ).toEqual([incarnationOf(1), incarnationOf(2), incarnationOf(3)]);
});

test("moves are recorded at a bounded pace", () => {
  const group = led(3);
  const leader = group.node(1);
  const index = leader.raft.lastIndex;
  const ticks = 100;
  for (let tick = 0; tick < ticks; tick++) {
    leader.members.onPeerSeen({ id: 2, address: `at-${tick}`, incarnation: incarnationOf(2) });
    group.tick();
  }
  const count = leader.raft.lastIndex - index;
  expect(count).toBeGreaterThan(1);
  expect(count).toBeLessThanOrEqual((ticks * tickMs) / 1000 + 1);
});
