import { RaftError } from "@quorate/core";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
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

test("validateReplicaOptions takes an option that is undefined for one that is missing", () => {
  const raft = Object.fromEntries([["commandBytesMax", undefined]]);
  expect(validateReplicaOptions(newOptions({ raft })).commandBytesMax).toBe(4 * 1024 * 1024);
});

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

test("validateReplicaOptions takes a cluster id of 255 bytes", () => {
  expect(validateReplicaOptions(newOptions({ clusterId: "é".repeat(127) + "e" }))).toBeDefined();
});
