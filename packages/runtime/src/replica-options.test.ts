import { RaftError } from "@quorate/core";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import type { AbortSignalLike } from "./replica.ts";
import { type ReplicaOptions, validateReplicaOptions } from "./replica-options.ts";
import { LoopbackHub, ManualClock, SeededRandom } from "./testing.ts";

function newOptions(
  change: Partial<ReplicaOptions<string, string>> = {},
): ReplicaOptions<string, string> {
  const clock = new ManualClock();
  return {
    id: 1,
    voters: [1, 2, 3],
    clusterId: "test",
    stateMachine: { apply: () => [], query: (query) => query },
    disk: new MemoryDisk(),
    network: new LoopbackHub(clock).network(1),
    clock,
    random: new SeededRandom(1),
    ...change,
  };
}

test("validateReplicaOptions decides every option", () => {
  expect(validateReplicaOptions(newOptions())).toMatchObject({
    tickMs: 100,
    callTimeoutMs: 5000,
    retryMs: 20,
    diskFullRetryMs: 1000,
    proposalCountMax: 65_536,
    proposalBytesMax: 64 * 1024 * 1024,
    readCountMax: 65_536,
    unpersistedBytesMax: 64 * 1024 * 1024,
    snapshotEveryBytes: 64 * 1024 * 1024,
    snapshotEveryCount: 100_000,
    snapshotTailCount: 10_000,
    snapshotTailBytes: 16 * 1024 * 1024,
    snapshotKeepBytesMax: 256 * 1024 * 1024,
    snapshotBytesPerSecond: 64 * 1024 * 1024,
    snapshotWindowBytes: 2 * 1024 * 1024,
    snapshotChunkBytes: 256 * 1024,
    snapshotStallMs: 30_000,
    snapshotRetryMs: 1000,
    commandBytesMax: 4 * 1024 * 1024,
    tickCatchUpMax: 2,
  });
});

test("validateReplicaOptions keeps what is given", () => {
  const raft = { commandBytesMax: 10, electionTimeoutTicks: 2 };
  const complete = validateReplicaOptions(newOptions({ tickMs: 7, segmentBytes: 4096, raft }));
  expect(complete).toMatchObject({ tickMs: 7, segmentBytes: 4096, commandBytesMax: 10 });
  // One tick is not enough to time out an election of two.
  expect(complete.tickCatchUpMax).toBe(1);
});

test("validateReplicaOptions takes a replica that joins, which knows nobody", () => {
  const { join, voters, addresses } = validateReplicaOptions(
    newOptions({ join: true, voters: [] }),
  );
  expect([join, voters, addresses.size]).toEqual([true, [], 0]);
  const given = new Map([[2, "b:1"]]);
  expect(validateReplicaOptions(newOptions({ addresses: given })).addresses).toEqual(given);
  expect(validateReplicaOptions(newOptions()).join).toBe(false);
  const refusals: [string, Partial<ReplicaOptions<string, string>>][] = [
    ["voters must be empty to join: got 1, 2, 3", { join: true }],
    ["voters must include id 1", { join: false, voters: [] }],
    ["addresses must be of voters: got one of 4", { addresses: new Map([[4, "d:1"]]) }],
    ["the address of node 2 must", { addresses: new Map([[2, ""]]) }],
  ];
  for (const [message, change] of refusals) {
    expect(() => validateReplicaOptions(newOptions(change))).toThrow(`invalid_options: ${message}`);
  }
});

test("validateReplicaOptions takes an option that is undefined for one that is missing", () => {
  const raft = Object.fromEntries([["commandBytesMax", undefined]]);
  expect(validateReplicaOptions(newOptions({ raft })).commandBytesMax).toBe(4 * 1024 * 1024);
});

const noSignal: unknown = { aborted: false };

const refused: readonly [string, Partial<ReplicaOptions<string, string>>][] = [
  ["id", { id: 0 }],
  ["id", { id: 1.5 }],
  ["voters", { voters: [] }],
  ["voters", { voters: [2, 3] }],
  ["voters", { voters: [1, 2, 2] }],
  ["voters", { voters: [1, 0] }],
  ["clusterId", { clusterId: "" }],
  ["clusterId", { clusterId: "é".repeat(128) }],
  ["clusterId", { clusterId: "\ud800" }],
  ["tickMs", { tickMs: 0 }],
  ["tickMs", { tickMs: Number.NaN }],
  ["callTimeoutMs", { callTimeoutMs: 2 ** 31 }],
  ["retryMs", { retryMs: 0 }],
  ["diskFullRetryMs", { diskFullRetryMs: -1 }],
  ["proposalCountMax", { proposalCountMax: 0 }],
  ["proposalBytesMax", { proposalBytesMax: 1.5 }],
  ["readCountMax", { readCountMax: 0 }],
  ["unpersistedBytesMax", { unpersistedBytesMax: 0 }],
  ["segmentBytes", { segmentBytes: 0 }],
  ["signal", { signal: noSignal as AbortSignalLike }],
  ["flightRecorderBytes", { flightRecorderBytes: 1000 }],
  ["flightRecorderBytes", { flightRecorderBytes: 2 ** 31 }],
  ["snapshotEveryBytes", { snapshotEveryBytes: 0 }],
  ["snapshotEveryCount", { snapshotEveryCount: 1.5 }],
  ["snapshotTailCount", { snapshotTailCount: -1 }],
  ["snapshotTailBytes", { snapshotTailBytes: Number.NaN }],
  ["snapshotKeepBytesMax", { snapshotKeepBytesMax: 10, snapshotTailBytes: 11 }],
  ["snapshotBytesPerSecond", { snapshotBytesPerSecond: 0 }],
  ["snapshotWindowBytes", { snapshotWindowBytes: 10, snapshotChunkBytes: 11 }],
  ["snapshotChunkBytes", { snapshotChunkBytes: 2 ** 20 + 1 }],
  ["snapshotStallMs", { snapshotStallMs: 0 }],
  ["snapshotRetryMs", { snapshotRetryMs: 3_600_001 }],
  ["clockDriftMax", { clockDriftMax: -0.1 }],
  ["clockDriftMax", { clockDriftMax: 0.51 }],
  ["handOverTimeoutMs", { handOverTimeoutMs: -1 }],
  ["handOverTimeoutMs", { handOverTimeoutMs: 3_600_001 }],
  ["leaseReads", { raft: { leaseReads: true, checkQuorum: false } }],
  ["leaseReads", { raft: { leaseReads: true, electionTimeoutTicks: 3 } }],
  ["leaseReads", { tickMs: 2, raft: { leaseReads: true, electionTimeoutTicks: 4 } }],
  ["electionTimeoutTicks", { raft: { electionTimeoutTicks: 1 } }],
];

test.each(refused)("validateReplicaOptions refuses a wrong %s: %o", (name, change) => {
  let error: unknown;
  try {
    validateReplicaOptions(newOptions(change));
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(RaftError);
  expect(error).toMatchObject({ code: "invalid_options" });
  expect(String(error)).toContain(name);
});

test("validateReplicaOptions takes snapshots without a limit on bandwidth, and logs without a tail", () => {
  const change = {
    snapshotBytesPerSecond: Infinity,
    snapshotTailCount: 0,
    snapshotKeepBytesMax: 0,
  };
  expect(validateReplicaOptions(newOptions({ ...change, snapshotTailBytes: 0 }))).toMatchObject(
    change,
  );
});

test("validateReplicaOptions lets a leader that is closed wait for an election timeout", () => {
  const { handOverTimeoutMs } = validateReplicaOptions(newOptions({ tickMs: 20 }));
  expect(handOverTimeoutMs).toBe(200);
  expect(validateReplicaOptions(newOptions({ handOverTimeoutMs: 0 })).handOverTimeoutMs).toBe(0);
});

test("validateReplicaOptions tells whether reads may count on leases", () => {
  expect(validateReplicaOptions(newOptions({})).leaseReads).toBe(false);
  const raft = { leaseReads: true, electionTimeoutTicks: 4 };
  expect(validateReplicaOptions(newOptions({ raft })).leaseReads).toBe(true);
});

test("validateReplicaOptions takes a cluster id of 255 bytes", () => {
  expect(validateReplicaOptions(newOptions({ clusterId: "é".repeat(127) + "e" }))).toBeDefined();
});
