import { RaftError } from "quorate";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "../src/cli/log.ts";
import { seekMembership, type MembershipWish } from "../src/cli/membership-job.ts";
import { HttpFixture } from "./http-fixture.ts";
import { confStateOf, MemoryReplica } from "./memory-replica.ts";
import { until } from "./until.ts";

/** A member of the group that is asked. */
let member: HttpFixture;
/** The node that wants to join. */
let replica: MemoryReplica;
let lines: string[];
const ending = new AbortController();

beforeEach(async () => {
  member = await HttpFixture.start();
  replica = new MemoryReplica();
  replica.view = { ...replica.view, members: [], confState: confStateOf([]) };
  lines = [];
});

afterEach(() => member.close());

function seek(
  changes: Partial<MembershipWish> = {},
  signal: AbortSignal = ending.signal,
): Promise<string | undefined> {
  const log = createLog(
    4,
    { format: "json", level: "info" },
    { write: (line) => lines.push(line) },
  );
  const wish: MembershipWish = {
    id: 4,
    address: "d:1",
    endpoints: [`http://127.0.0.1:${member.port}`],
    as: "voter",
    priority: undefined,
    ...changes,
  };
  return seekMembership(replica, wish, log, signal);
}

/** Lets the node learn that it is a member. */
function becomeMember(priority: number): void {
  const own = { id: 4, role: "voter", address: "d:1", priority, incarnation: undefined } as const;
  replica.view = { ...replica.view, members: [own] };
  replica.emit({ kind: "members-changed", index: 8, confState: confStateOf([1, 4]) });
}

test("a node that is no member asks to be added, as what it is to be", async () => {
  expect(await seek({ as: "learner" })).toBeUndefined();
  expect(member.replica.wishes).toEqual([{ kind: "add", id: 4, address: "d:1", as: "learner" }]);
});

test("a member of whatever kind is not added again", async () => {
  becomeMember(0);
  expect(await seek()).toBeUndefined();
  expect(await seek({ endpoints: [] })).toBeUndefined();
  expect(member.replica.wishes).toEqual([]);
});

test("what may pass is tried again, and logged", async () => {
  member.replica.failure = new RaftError("change_pending", "another change");
  const seeking = seek();
  await until("it was refused twice", () => member.replica.wishes.length >= 2);
  member.replica.failure = undefined;
  expect(await seeking).toBeUndefined();
  expect(lines.join("")).toContain("another change");
});

test("what cannot be mended ends the search, with the reason", async () => {
  member.replica.failure = new RaftError("invalid_change", "node 4 was removed");
  expect(await seek()).toBe("it cannot be added: node 4 was removed");
  expect(member.replica.wishes).toHaveLength(1);
});

test("the priority is told once the node is a member, unless it is known", async () => {
  const seeking = seek({ endpoints: [], priority: 3 });
  becomeMember(0);
  expect(await seeking).toBeUndefined();
  expect(replica.wishes).toEqual([{ kind: "update", id: 4, priority: 3 }]);
  becomeMember(3);
  expect(await seek({ endpoints: [], priority: 3 })).toBeUndefined();
  expect(replica.wishes).toHaveLength(1);
});

test("an end of the node ends the search, wherever it is", async () => {
  for (const wish of [{}, { endpoints: [], priority: 3 }]) {
    const stop = new AbortController();
    member.replica.failure = new RaftError("change_pending", "another change");
    const seeking = seek(wish, stop.signal);
    if (!("priority" in wish)) {
      await until("it was refused", () => member.replica.wishes.length > 0);
    }
    stop.abort();
    expect(await seeking).toBeUndefined();
  }
});
