import { decodeConfChange, RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import type { MemberWish } from "../src/member-wish.ts";
import type { MembersView } from "../src/members-view.ts";
import type { ChangeOptions } from "../src/replica.ts";
import { Watched } from "./cluster.ts";
import { incarnationOf, MemberGroup, type MemberNode } from "./member-group.ts";

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

/** A view as text: `1 2 l3 -9`, the tombstones last. */
function show({ members, removed }: MembersView): string {
  const signs = { voter: "", learner: "l", outgoing: "o" };
  const words = members.map(({ id, role }) => signs[role] + id);
  return [...words, ...removed.map((id) => `-${id}`)].join(" ");
}

/** What each node that runs takes for the members. */
function views(group: MemberGroup): string[] {
  return [...group.nodes.values()]
    .filter(({ id }) => !group.cut.has(id))
    .map(({ users }) => show(users.list()));
}

/** Waits until every node in reach has the same members. */
function agree(group: MemberGroup, expected: string): void {
  group.until(() => views(group).every((view) => view === expected));
}

test("a new voter learns, votes, and everybody knows it and where it is", async () => {
  const group = led(3);
  const joining = group.join(4);
  expect(show(joining.users.list())).toBe("");
  const added = new Watched(group.node(1).users.add({ id: 4, address: "host-4", priority: 7 }));
  await group.settled([added]);
  expect(show(added.value)).toBe("1 2 3 4");
  expect(added.value.members[3]).toEqual({
    id: 4,
    role: "voter",
    address: "host-4",
    priority: 7,
    incarnation: undefined,
  });
  agree(group, "1 2 3 4");
  // What the leader says of itself, then a learner, then a voter: no commit waits for an empty disk.
  const learnersAfter = group
    .node(1)
    .changes.map(({ data }) => decodeConfChange(data).result?.learners);
  // What nodes said of themselves, two steps, and the entry by which a majority knows of them.
  expect(learnersAfter).toEqual([[], [4], [], []]);
  expect(joining.peers.map(({ id, address }) => [id, address])).toEqual([
    [1, "host-1"],
    [2, "host-2"],
    [3, "host-3"],
  ]);
  expect(group.node(2).peers.map(({ id }) => id)).toEqual([1, 3, 4]);
});

test("what is asked of a follower is done by the leader, and answered", async () => {
  const group = led(3);
  group.join(4);
  const added = change(group.node(3), { kind: "add", id: 4, address: "host-4", as: "learner" });
  await group.settled([added]);
  expect(show(added.value)).toBe("1 2 3 l4");
  expect(added.value.members[3]?.address).toBe("host-4");
});

test("what is asked while nobody leads waits for a leader", async () => {
  const group = new MemberGroup(3);
  const removed = change(group.node(2), { kind: "remove", id: 3 });
  await group.settled([removed]);
  expect(show(removed.value)).toBe("1 2 -3");
});

test("a removed member leaves a tombstone, and its id is refused with the remedy", async () => {
  const group = led(3);
  const removed = new Watched(group.node(2).users.remove(3));
  await group.settled([removed]);
  group.cutOff(3);
  agree(group, "1 2 -3");
  expect(group.node(2).gone).toEqual([3]);
  expect(group.node(2).peers.map(({ id }) => id)).toEqual([1]);
  const again = new Watched(group.node(1).users.add({ id: 3, address: "host-3" }));
  await group.settled([again]);
  expect(again.code).toBe("invalid_change");
  expect(again.error.message).toContain("so choose a new one");
});

test("a leader that removes itself says so, and hands over", async () => {
  const group = led(3);
  const removed = new Watched(group.node(1).users.remove(1));
  await group.settled([removed]);
  expect(show(removed.value)).toBe("2 3 -1");
  group.until(() => group.node(1).raft.role === "follower");
  group.cutOff(1);
  group.until(() => group.leader !== undefined);
  agree(group, "2 3 -1");
});

test("a leader that demotes itself learns from then on", async () => {
  const group = led(3);
  const demoted = new Watched(group.node(1).users.demote(1));
  await group.settled([demoted]);
  expect(show(demoted.value)).toBe("l1 2 3");
  group.until(() => (group.leader?.id ?? 1) !== 1);
  agree(group, "l1 2 3");
  const promoted = new Watched(group.node(1).users.promote(1));
  await group.settled([promoted]);
  agree(group, "1 2 3");
});

test("a dead voter is replaced by a new node at its own address, in one change", async () => {
  const group = led(3);
  group.cutOff(3);
  group.join(4);
  const replaced = new Watched(group.node(2).users.replace(3, { id: 4, address: "host-3" }));
  await group.settled([replaced]);
  expect(show(replaced.value)).toBe("1 2 4 -3");
  agree(group, "1 2 4 -3");
  expect(group.node(4).gone).toEqual([3]);
});

test("a group grows from three to five, and shrinks back to others", async () => {
  const group = led(3);
  for (const id of [4, 5]) group.join(id);
  const grown = new Watched(
    group.node(2).users.set({
      voters: [1, 2, 3, { id: 4, address: "host-4" }, { id: 5, address: "host-5" }],
    }),
  );
  await group.settled([grown]);
  agree(group, "1 2 3 4 5");
  const shrunk = new Watched(group.node(1).users.set({ voters: [5, 4], learners: [3] }));
  await group.settled([shrunk]);
  expect(show(shrunk.value)).toBe("l3 4 5 -1 -2");
  for (const id of [1, 2]) group.cutOff(id);
  agree(group, "l3 4 5 -1 -2");
  group.until(() => [4, 5].includes(group.leader?.id ?? 0));
});

test("a member's address and priority change without a change of who votes", async () => {
  const group = led(3);
  const updated = new Watched(
    group.node(1).users.update({ id: 2, address: "elsewhere", priority: 9 }),
  );
  await group.settled([updated]);
  group.tick(2);
  agree(group, "1 2 3");
  expect(group.node(3).users.list().members[1]).toMatchObject({
    address: "elsewhere",
    priority: 9,
  });
  expect(group.node(3).peers.find(({ id }) => id === 2)?.address).toBe("elsewhere");
});

test("asking again for what is so already changes nothing, and is confirmed by an entry", async () => {
  const group = led(3);
  const before = group.node(1).raft.lastIndex;
  for (const id of [1, 2]) {
    const again = change(group.node(id), { kind: "promote", id: 3 });
    await group.settled([again]);
    expect(show(again.value)).toBe("1 2 3");
  }
  expect(group.node(1).raft.lastIndex).toBe(before + 2);
  // A leader that was deposed and does not know it cannot say how things are.
  group.cutOff(1);
  const stale = change(group.node(1), { kind: "promote", id: 3 }, { timeoutMs: 3000 });
  await group.settled([stale]);
  expect(["leadership_lost", "deadline_exceeded"]).toContain(stale.code);
});

test("a change is made only of the configuration that it was meant for", async () => {
  const group = led(3);
  const { index } = group.node(1).users.list();
  const meant = change(group.node(2), { kind: "demote", id: 3 }, { ifIndex: index });
  await group.settled([meant]);
  const late = change(group.node(2), { kind: "promote", id: 3 }, { ifIndex: index });
  await group.settled([late]);
  expect(late.code).toBe("configuration_changed");
  // Commands do not change it: an older index will do as long as nothing else did.
  group.node(1).raft.propose(Uint8Array.of(1));
  const current = change(group.node(1), { kind: "promote", id: 3 }, { ifIndex: meant.value.index });
  await group.settled([current]);
  expect(show(current.value)).toBe("1 2 3");
});

test("who was removed by a leader that went with it is let go at once, which is no change", async () => {
  const group = led(4);
  const removed = change(group.node(1), { kind: "remove", id: 1 });
  await group.settled([removed]);
  const startMs = group.clock.now();
  group.until(() => group.node(3).gone.includes(1));
  // The time to elect another, and to commit.
  expect(group.clock.now() - startMs).toBeLessThan(900);
  const { index } = removed.value;
  const meant = change(group.node(3), { kind: "demote", id: 4 }, { ifIndex: index });
  await group.settled([meant]);
  expect(show(meant.value)).toBe("2 3 l4 -1");
});

test("a change that waits for a learner does not keep those who have left", async () => {
  const group = led(3);
  group.join(9);
  const added = change(group.node(1), { kind: "add", id: 9, address: "host-9", as: "learner" });
  await group.settled([added]);
  group.cut.add(9);
  // So slow that the next leader is asked before it has committed anything, and could let anybody go.
  for (const id of [2, 3]) group.delayMs.set(id, 250);
  const removed = change(group.node(1), { kind: "remove", id: 1 });
  const next = (): MemberNode | undefined =>
    [group.node(2), group.node(3)].find(({ raft }) => raft.role === "leader");
  group.until(() => next() !== undefined);
  expect(next()?.members.membership.table.leaving).toHaveLength(1);
  const promoted = change(next() ?? group.node(2), { kind: "promote", id: 9 });
  group.until(() => group.node(2).gone.includes(1) && group.node(3).gone.includes(1));
  await group.settled([removed]);
  expect(promoted.isSettled).toBe(false);
  group.cut.delete(9);
  await group.settled([promoted]);
  expect(show(promoted.value)).toBe("2 3 9 -1");
});

test("one change at a time: another is refused, and settles nothing of the first", async () => {
  const group = led(3);
  group.join(4);
  group.delayMs.set(4, 250);
  const first = change(group.node(1), { kind: "add", id: 4, address: "host-4" });
  group.tick();
  const second = change(group.node(2), { kind: "remove", id: 3 });
  await group.settled([second]);
  expect(second.code).toBe("change_pending");
  expect(first.isSettled).toBe(false);
  await group.settled([first]);
  expect(show(first.value)).toBe("1 2 3 4");
});

test("a change waits for one that is on its way already, as after another leader", async () => {
  const group = led(3);
  const leader = group.node(1);
  // As by hand: of the core, and unknown to the operation.
  const [one] = leader.users.plan({ kind: "demote", id: 3 }).steps;
  if (one === undefined) expect.fail("there is a step");
  leader.raft.proposeChange(one.change);
  const next = change(leader, { kind: "demote", id: 2 });
  await group.settled([next]);
  expect(show(next.value)).toBe("1 l2 l3");
});

test("an explicit joint configuration, which nobody leaves, is left by the next change", async () => {
  const group = led(3);
  const leader = group.node(1);
  const [one] = leader.users.plan({ kind: "demote", id: 3 }).steps;
  if (one === undefined) expect.fail("there is a step");
  leader.raft.proposeChange({ ...one.change, transition: "explicit" });
  leader.isAwake = true;
  group.tick(5);
  expect(show(group.node(2).users.list())).toBe("1 2 o3");
  const next = change(group.node(2), { kind: "promote", id: 3 });
  await group.settled([next]);
  expect(show(next.value)).toBe("1 2 3");
});

test("what cannot be is refused at once, and harms nothing", async () => {
  const group = led(3);
  const leader = group.node(1);
  const wrong = [
    change(group.node(2), { kind: "remove", id: 9 }),
    change(leader, { kind: "set", voters: [] }),
    change(leader, { kind: "remove", id: 0 }),
    change(leader, { kind: "demote", id: 2 }, { ifIndex: -1 }),
  ];
  await group.settled(wrong);
  expect(wrong.map(({ code }) => code)).toEqual([
    "invalid_change",
    "invalid_change",
    "invalid_argument",
    "invalid_argument",
  ]);
  expect(() => leader.users.plan({ kind: "remove", id: 9 })).toThrow("invalid_change");
  leader.refusal = new RaftError("disk_full", "the disk has no room");
  const full = change(leader, { kind: "demote", id: 2 }, { timeoutMs: 500 });
  await group.settled([full]);
  // It waited for a leader that has room.
  expect(full.code).toBe("unavailable");
  expect(full.error.cause).toBe(leader.refusal);
  expect(views(group)).toEqual(["1 2 3", "1 2 3", "1 2 3"]);
});

test("a frame that arrives twice changes members once", async () => {
  const group = led(3);
  group.copies = 2;
  const demoted = change(group.node(2), { kind: "demote", id: 3 });
  await group.settled([demoted]);
  expect(show(demoted.value)).toBe("1 2 l3");
});

test("a node that joins by a snapshot knows all members, tombstones and addresses", async () => {
  const group = led(4);
  const shrunk = change(group.node(1), { kind: "remove", id: 4 });
  await group.settled([shrunk]);
  group.cutOff(4);
  const { raft } = group.node(1);
  group.node(1).compact();
  const joining = group.join(5);
  const added = change(group.node(1), { kind: "add", id: 5, address: "host-5" });
  await group.settled([added]);
  agree(group, "1 2 3 5 -4");
  expect(raft.snapshot?.index).toBeGreaterThan(0);
  expect(joining.raft.status().firstIndex).toBeGreaterThan(1);
  expect(joining.gone).toEqual([4]);
  expect(joining.users.list().members.map(({ address }) => address)).toEqual([
    "host-1",
    "host-2",
    "host-3",
    "host-5",
  ]);
});

test("the plan is the same on every replica, warns of its leader, and changes nothing", () => {
  const group = led(3);
  const before = group.node(1).raft.lastIndex;
  const plans = [1, 2].map((id) => group.node(id).users.plan({ kind: "remove", id: 1 }));
  expect(plans[0]).toEqual(plans[1]);
  expect(plans[0]?.steps[0]?.warnings.map(({ kind }) => kind)).toContain("leader-leaves");
  expect(group.node(1).raft.lastIndex).toBe(before);
});

test("what members say of themselves is recorded at most once a second", () => {
  const group = led(3);
  const leader = group.node(1);
  const times = ["moved-1", "moved-2", "moved-3"].map((address) => {
    leader.members.onPeerSeen({ id: 2, address, incarnation: incarnationOf(2) });
    group.until(() => leader.users.list().members[1]?.address === address);
    return group.clock.now();
  });
  const [first = 0, second = 0, third = 0] = times;
  expect(second - first).toBeGreaterThanOrEqual(1000);
  expect(third - second).toBeGreaterThanOrEqual(1000);
});

test("nothing is known of a member's log before it came with it", () => {
  const group = led(3);
  const known = group
    .node(2)
    .users.list()
    .members.map(({ incarnation }) => incarnation);
  expect(known).toEqual([incarnationOf(1), undefined, undefined]);
});

test("once a change is done, a majority of those who stay knows it", async () => {
  const group = led(5);
  // What is sent takes longer than a tick: who is not told on purpose does not know yet.
  for (const id of group.nodes.keys()) group.delayMs.set(id, 250);
  const removed = change(group.node(1), { kind: "set", voters: [1, 2, 3] });
  let knowing = 0;
  group.until(() => {
    const isDone = group.node(1).users.list().removed.length === 2;
    if (isDone && knowing === 0) knowing = knowingOf(group);
    return isDone;
  });
  expect(knowing).toBe(1);
  await group.settled([removed]);
  expect(show(removed.value)).toBe("1 2 3 -4 -5");
  expect(knowingOf(group)).toBeGreaterThanOrEqual(2);
  // Nobody of those who went is needed any more, nor the leader.
  for (const id of [1, 4, 5]) group.cutOff(id);
  group.until(() => [2, 3].some((id) => group.node(id).raft.role === "leader"));
});

/** How many of nodes 1 to 3 know that they alone are members. */
function knowingOf(group: MemberGroup): number {
  const views = [1, 2, 3].map((id) => group.node(id).users.list());
  return views.filter((view) => show(view) === "1 2 3 -4 -5").length;
}
