import { expect, test } from "vitest";
import { Calls, methods } from "../src/calls.ts";
import { Deadlines } from "../src/deadlines.ts";
import { Forwarding } from "../src/forwarding.ts";
import { transferLeadership, transferMethod } from "../src/leadership-calls.ts";
import { LoopbackHub, SeededRandom } from "../src/testing.ts";
import { Watched } from "./cluster.ts";
import { TimedGroup, type TimedNode } from "./timed-group.ts";

/** The calls of a leader that its own users make. */
function callsOf({ id, clock, raft, leadership }: TimedNode): Calls {
  const network = new LoopbackHub(clock).network(id);
  const resume = (work: () => void): void => work();
  const calls = new Calls({
    node: raft,
    clock,
    deadlines: new Deadlines(clock, resume),
    forwarding: new Forwarding(network, new SeededRandom(id)),
    retryMs: 20,
    refusal: () => undefined,
    send: () => false,
    resume,
  });
  calls.define(methods.transferLeadership, transferMethod(leadership));
  return calls;
}

test("transferLeadership resolves with who leads then", async () => {
  const group = await TimedGroup.led(3);
  const old = group.leader;
  const calls = callsOf(old);
  const [first, second] = group.others(old);
  const same = new Watched(transferLeadership(calls, old.id, {}, 1000));
  await group.until(() => same.isSettled);
  expect(same.value).toBe(old.id);
  const moved = new Watched(transferLeadership(calls, second?.id, {}, 1000));
  await group.until(() => moved.isSettled);
  expect(moved.value).toBe(second?.id);
  expect(first?.raft.leader).toBe(second?.id);
  group.stop();
});

test("transferLeadership to anybody needs no id", async () => {
  const group = await TimedGroup.led(3);
  const old = group.leader;
  const moved = new Watched(transferLeadership(callsOf(old), undefined, {}, 1000));
  await group.until(() => moved.isSettled);
  expect(moved.value).toBe(group.leader.id);
  expect(group.leader).not.toBe(old);
  group.stop();
});

test.each([0, -1, 1.5, Number.NaN])("transferLeadership refuses the id %d", async (id) => {
  const group = await TimedGroup.led(1);
  const moved = new Watched(transferLeadership(callsOf(group.leader), id, {}, 1000));
  await group.until(() => moved.isSettled);
  expect(moved.code).toBe("invalid_argument");
  group.stop();
});

test("transferLeadership tells why nobody took over, or that the time was too short to know", async () => {
  const group = await TimedGroup.led(3);
  const calls = callsOf(group.leader);
  group.loses = ({ kind }) => kind === "timeout-now";
  const unknown = new Watched(transferLeadership(calls, undefined, {}, 300));
  await group.until(() => unknown.isSettled);
  expect(unknown.code).toBe("deadline_exceeded");
  expect(unknown.error.outcome).toBe("unknown");
  await group.until(() => group.leader.raft.status().transferTarget === 0);
  const failed = new Watched(transferLeadership(calls, undefined, {}, 5000));
  await group.until(() => failed.isSettled);
  expect(failed.code).toBe("transfer_failed");
  expect(calls.count).toBe(0);
  group.stop();
});

test("transferLeadership refuses a node that is no voter", async () => {
  const group = await TimedGroup.led(3);
  const moved = new Watched(transferLeadership(callsOf(group.leader), 9, {}, 1000));
  await group.until(() => moved.isSettled);
  expect(moved.code).toBe("invalid_argument");
  group.stop();
});
