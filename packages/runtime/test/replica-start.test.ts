import { RaftError } from "@quorate/core";
import type { Network, Receiver } from "@quorate/runtime";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { Cluster, type ClusterOptions, Watched } from "./cluster.ts";
import { Ledger } from "./ledger.ts";

/** What a node leaves that took a snapshot. */
async function leftBy(cluster: Cluster): Promise<MemoryDisk> {
  const member = await cluster.start(1, new MemoryDisk(), { stateMachine: new Ledger() });
  await cluster.untilLed();
  for (const text of ["a", "b", "c"]) await cluster.write(member, text);
  const taken = new Watched(member.replica.snapshot());
  await cluster.until(() => taken.isSettled);
  return cluster.crash(1);
}

/** Starts node 1 on `memory`, which is to fail, and checks that nothing is left. */
async function failure(
  cluster: Cluster,
  memory: MemoryDisk,
  options: ClusterOptions,
): Promise<unknown> {
  const start = new Watched(cluster.start(1, memory, options));
  await cluster.until(() => start.isSettled);
  expect(cluster.clock.timerCount).toBe(0);
  expect(cluster.disks.at(-1)?.openFileCount).toBe(0);
  expect(start.ending.kind).toBe("rejected");
  return start.ending.kind === "rejected" ? start.ending.error : undefined;
}

test("a start that fails leaves nothing running, and the next succeeds", async () => {
  const cluster = new Cluster(1);
  const left = await leftBy(cluster);

  const broken = new Ledger();
  broken.restoring = Promise.reject(new RangeError("no room"));
  broken.restoring.catch(() => {});
  expect(await failure(cluster, left, { stateMachine: broken })).toEqual(new RangeError("no room"));

  // It stops in the middle of the state.
  const fussy = new Ledger();
  const restore = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of chunks) throw new RangeError(`no ${chunk.length} bytes`);
  };
  const stateMachine = {
    apply: fussy.apply.bind(fussy),
    query: fussy.query.bind(fussy),
    snapshots: { ...fussy.snapshots, restore },
  };
  expect(await failure(cluster, left, { stateMachine })).toEqual(new RangeError("no 6 bytes"));

  const none = { apply: fussy.apply.bind(fussy), query: fussy.query.bind(fussy) };
  expect(await failure(cluster, left, { stateMachine: none })).toMatchObject({
    code: "snapshot_failed",
  });

  const network: Network = {
    ...cluster.hub.network(1),
    open: () => Promise.reject(new RaftError("invalid_options", "the port is in use")),
  };
  expect(await failure(cluster, left, { stateMachine: new Ledger(), network })).toMatchObject({
    code: "invalid_options",
  });

  const member = await cluster.start(1, left, { stateMachine: new Ledger() });
  await cluster.untilLed();
  expect(await cluster.read(member)).toEqual(["a", "b", "c"]);
  await cluster.close();
});

test("a node that is told while it starts that it was removed starts, and ends", async () => {
  const cluster = new Cluster(3);
  const hub = cluster.hub.network(1);
  const network: Network = {
    ...hub,
    open: async (receiver: Receiver, incarnation?: Uint8Array) => {
      await hub.open(receiver, incarnation);
      receiver.onRemoved(2);
    },
  };
  const { replica, events } = await cluster.start(1, new MemoryDisk(), { network });
  expect(replica.status().state).toBe("running");
  const call = new Watched(replica.read("all"));
  await cluster.settle();
  expect(replica.status().state).toBe("removed");
  expect(call.code).toBe("closed");
  expect(events).toEqual([{ kind: "removed", by: 2 }]);
  await cluster.close();
});

test("joining is checked, and means nothing to a node that has been in the group", async () => {
  const cluster = new Cluster(1);
  const bad: ClusterOptions[] = [
    { join: true },
    { join: true, voters: [2] },
    { join: false, voters: [] },
    { voters: [2, 3] },
    { join: true, voters: [], addresses: new Map([[1, "one"]]) },
  ];
  for (const options of bad) {
    expect(await failure(cluster, new MemoryDisk(), options)).toMatchObject({
      code: "invalid_options",
    });
  }
  const left = await leftBy(cluster);
  const options = { stateMachine: new Ledger(), join: true, voters: [] };
  const member = await cluster.start(1, left, options);
  await cluster.untilLed();
  expect(await cluster.read(member)).toEqual(["a", "b", "c"]);
  await cluster.close();
});
