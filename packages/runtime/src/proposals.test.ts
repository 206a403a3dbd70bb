import { none, RaftError, RaftNode } from "@quorate/core";
import { expect, test } from "vitest";
import { Deadlines } from "./deadlines.ts";
import { Proposals } from "./proposals.ts";
import { ManualClock } from "./testing/manual-clock.ts";

/** What a test sees and says. */
interface Bench {
  readonly clock: ManualClock;
  /** Whether the leader can be reached. */
  isConnected: boolean;
  /** The first byte of each command that was forwarded. */
  readonly forwarded: number[];
  /** How commands ended, by their first byte. */
  readonly ended: Map<number, string>;
}

/** The table of a follower that knows its leader and cannot reach it yet. */
function newProposals(): { proposals: Proposals; bench: Bench } {
  const clock = new ManualClock();
  const bench: Bench = { clock, isConnected: false, forwarded: [], ended: new Map() };
  const node = new RaftNode(1, [2, 3]);
  node.step({ kind: "heartbeat", from: 2, to: 1, term: 1, commitIndex: 0, readRound: 0 });
  const limits = {
    proposalCountMax: 10,
    proposalBytesMax: 1000,
    commandBytesMax: 100,
    retryMs: 20,
  };
  const proposals = new Proposals(limits, {
    node,
    clock,
    deadlines: new Deadlines(clock, (work) => work()),
    refusal: () => undefined,
    forward: (_leader, command) =>
      bench.isConnected ? bench.forwarded.push(command[0] ?? 0) : none,
    wake: () => {},
    resume: (work) => work(),
  });
  return { proposals, bench };
}

function submit(proposals: Proposals, bench: Bench, name: number, timeoutMs: number): void {
  proposals.submit(Uint8Array.of(name), timeoutMs, undefined, (result) =>
    bench.ended.set(name, result instanceof RaftError ? result.code : "applied"),
  );
}

test("Proposals.retry hands over what waits, oldest first, as soon as the leader can be reached", () => {
  const { proposals, bench } = newProposals();
  for (const name of [1, 2, 3]) submit(proposals, bench, name, 1000);
  proposals.retry();
  expect(bench.forwarded).toEqual([]);
  bench.isConnected = true;
  bench.clock.advance(20);
  expect(bench.forwarded).toEqual([1, 2, 3]);
  expect(bench.ended.size).toBe(0);
});

test("Proposals.retry gives a command up whose time is over, and hands over those behind it", () => {
  const { proposals, bench } = newProposals();
  submit(proposals, bench, 1, 60_000);
  submit(proposals, bench, 2, 120_000);
  // A deadline may be noticed late, and later than the leader is found.
  bench.clock.pause(60_001);
  bench.isConnected = true;
  proposals.retry();
  expect(bench.forwarded).toEqual([2]);
  expect([...bench.ended]).toEqual([[1, "unavailable"]]);
});
