import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { confStateOf, encodeConfChange, type Entry, newEntry, RaftError } from "@quorate/core";
import { markDiverged, openWal, type OpenedWal } from "@quorate/wal";
import {
  inspectDataDir,
  lockDirectory,
  planRecovery,
  recoverReplica,
  type RecoverOptions,
  startReplica,
  type StateMachine,
} from "quorate";
import { expect, test } from "vitest";
import { openNodeDisk } from "../src/node-disk.ts";
import { temporaryDirectory } from "./processes.ts";
import { command, content, filesOf, learnerAdded, leaveDirectory } from "./survivors.ts";

const hardState = { term: 3, vote: 2, commitIndex: 4 };
/** A no-op, a change, commands; of two terms. The last two are not known to be committed. */
const entries: readonly Entry[] = [
  newEntry({ term: 1, index: 1 }, "no-op"),
  command(1, 2),
  learnerAdded(1, 3),
  command(1, 4),
  command(2, 5),
  command(2, 6),
];

async function openRecovered(path: string, clusterId: string, nodeId: number): Promise<OpenedWal> {
  return openWal(await openNodeDisk(path), {
    identity: { clusterId, nodeId },
    incarnation: new Uint8Array(16),
  });
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "none",
    (error: unknown) => (error instanceof RaftError ? error.code : String(error)),
  );
}

/** Flips a bit of the last batch in the log of `directory` but `back`, and says where. */
async function damage(directory: string, back: number): Promise<void> {
  const { log } = await inspectDataDir(directory);
  const batches: { readonly name: string; readonly offset: number }[] = [];
  let name = "";
  await inspectDataDir(directory, {
    watcher: {
      onSegment: async ({ sequence }) => {
        name = log.segments.find((_, at) => at === sequence - 1)?.name ?? "";
      },
      onBatch: async ({ offset }) => {
        batches.push({ name, offset });
      },
    },
  });
  const batch = batches.at(-1 - back);
  if (batch === undefined) throw new Error("there is no such batch");
  const path = join(directory, batch.name);
  const bytes = await readFile(path);
  bytes[batch.offset + 20] = (bytes[batch.offset + 20] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

/** Keeps the commands that it applied. */
function recorder(seen: string[]): StateMachine<"all", readonly string[]> {
  return {
    apply: (applied) =>
      applied.map(({ index, data }) => {
        seen.push(`${index} ${Buffer.from(data).toString()}`);
        return new Uint8Array();
      }),
    query: () => seen,
    snapshots: {
      kind: "memory",
      save: () => {
        throw new Error("no snapshot is taken here");
      },
      restore: async (chunks) => {
        let bytes = 0;
        for await (const chunk of chunks) bytes += chunk.length;
        seen.push(`restored ${bytes}`);
      },
    },
  };
}

test("a group goes on with all that one survivor has, committed, and with nobody else", async () => {
  const directory = await temporaryDirectory();
  const from = await leaveDirectory(join(directory, "1"), { id: 1, entries, hardState });
  const before = await filesOf(from);
  const into = join(directory, "new");
  const { clusterId, index, term, plan } = await recoverReplica({
    dataDirs: [from],
    into,
    reason: "fire",
  });
  expect({ index, term }).toEqual({ index: 6, term: 2 });
  expect(clusterId).toMatch(/^docs-r1-[0-9a-f]{8}$/);
  expect(plan).toMatchObject({
    oldClusterId: "docs",
    id: 1,
    address: "10.0.0.1:7001",
    lastIndex: 6,
    certainIndex: 4,
    commitIndex: 4,
    mayBeLost: true,
    lostVoters: [2, 3],
    snapshot: undefined,
  });
  expect(plan.confState).toEqual({ ...confStateOf([1, 2, 3]), learners: [4] });
  expect(await filesOf(from)).toEqual(before);

  const { wal, snapshots, storage } = await openRecovered(into, clusterId, 1);
  expect(storage.hardState).toEqual({ term: 3, vote: 0, commitIndex: 6 });
  expect(storage.snapshot?.confState).toEqual(confStateOf([1]));
  expect(storage.entries.map(({ kind }) => kind)).toEqual([
    ...["no-op", "command", "no-op", "command", "command", "command"],
  ]);
  expect(Buffer.from(storage.entries[5]?.data ?? []).toString()).toBe("command 6");
  expect(wal.incarnation).not.toEqual(new Uint8Array(16).fill(1));
  await snapshots.close();
  await wal.close();
  const { lineage } = await inspectDataDir(into);
  expect(lineage).toMatchObject([
    {
      fromClusterId: "docs",
      fromId: 1,
      clusterId,
      id: 1,
      index: 6,
      commitIndex: 4,
      reason: "fire",
    },
  ]);
});

test("a replica on the new directory applies all that was kept, and takes new commands", async () => {
  const directory = await temporaryDirectory();
  for (const snapshotIndex of [0, 4]) {
    const from = await leaveDirectory(join(directory, `old-${snapshotIndex}`), {
      ...{ id: 2, entries, hardState, snapshotIndex },
    });
    const into = join(directory, `new-${snapshotIndex}`);
    await mkdir(into);
    const { clusterId } = await recoverReplica({ dataDirs: [from], into, id: 7 });
    const seen: string[] = [];
    const replica = await startReplica({
      id: 7,
      cluster: { 7: "127.0.0.1:7007" },
      listen: "127.0.0.1:0",
      clusterId,
      dataDir: into,
      stateMachine: recorder(seen),
      tickMs: 10,
    });
    await replica.propose(Buffer.from("after"));
    const { confState } = replica.status();
    await replica.close();
    expect(confState).toEqual(confStateOf([7]));
    const first =
      snapshotIndex === 0 ? ["2 command 2", "4 command 4"] : [`restored ${content.length}`];
    expect(seen).toEqual([...first, "5 command 5", "6 command 6", expect.stringMatching(/after$/)]);
    const others = (await readdir(into)).filter((name) => !/\.(wal|snap)$/.test(name));
    expect(others.filter((name) => name !== "reserve")).toEqual(["lineage.jsonl"]);
  }
});

test("a state that the state machine keeps by itself stays its own", async () => {
  const directory = await temporaryDirectory();
  const from = await leaveDirectory(join(directory, "1"), {
    ...{ id: 1, entries, hardState, snapshotIndex: 4, external: true },
  });
  const into = join(directory, "new");
  const { clusterId } = await recoverReplica({ dataDirs: [from], into });
  const { wal, snapshots, storage } = await openRecovered(into, clusterId, 1);
  expect(snapshots.newest).toMatchObject({ external: true, snapshot: { index: 4, term: 1 } });
  expect(storage.entries.map(({ index }) => index)).toEqual([5, 6]);
  await snapshots.close();
  await wal.close();
});

test("a long log is copied in many batches", async () => {
  const directory = await temporaryDirectory();
  const many = Array.from({ length: 40 }, (_, at) => {
    return newEntry({ term: 1, index: at + 1 }, "command", new Uint8Array(150_000).fill(at));
  });
  const from = await leaveDirectory(join(directory, "1"), { id: 1, entries: many, hardState });
  const into = join(directory, "new");
  const { clusterId } = await recoverReplica({ dataDirs: [from], into });
  const { wal, snapshots, storage } = await openRecovered(into, clusterId, 1);
  expect(storage.entries.map(({ data }) => data[0])).toEqual(many.map(({ data }) => data[0]));
  expect(storage.entries.every(({ data }) => data.length === 150_000)).toBe(true);
  await snapshots.close();
  await wal.close();
});

test("each recovery has a name of its own, and none that its group had before", async () => {
  const directory = await temporaryDirectory();
  const from = await leaveDirectory(join(directory, "1"), { id: 1, entries, hardState });
  const names = new Set<string>();
  for (const at of [1, 2]) {
    const into = join(directory, `r${at}`);
    names.add((await recoverReplica({ dataDirs: [from], into })).clusterId);
  }
  expect(names.size).toBe(2);
  const into = join(directory, "named");
  await recoverReplica({ dataDirs: [from], into, clusterId: "manual" });

  // Its majority, one node, is there: only once the log is damaged is there a reason to go on again.
  await damage(into, 0);
  const again = { dataDirs: [into], into: join(directory, "again"), upToIndex: 6 };
  for (const clusterId of ["docs", "manual", ""]) {
    expect(await codeOf(recoverReplica({ ...again, clusterId }))).toBe("invalid_options");
  }
  const { clusterId } = await recoverReplica(again);
  expect(clusterId).toMatch(/^manual-r1-[0-9a-f]{8}$/);
  const { lineage } = await inspectDataDir(again.into);
  expect(lineage.map((step) => [step.fromClusterId, step.clusterId])).toEqual([
    ["docs", "manual"],
    ["manual", clusterId],
  ]);
});

test("the log that reaches furthest is taken, by term first, and another by force only", async () => {
  const directory = await temporaryDirectory();
  const longer = [...entries.slice(0, 4), ...[5, 6, 7, 8].map((index) => command(1, index))];
  const later = await leaveDirectory(join(directory, "1"), { id: 1, entries, hardState });
  const long = await leaveDirectory(join(directory, "4"), {
    ...{ id: 4, entries: longer, hardState: { ...hardState, commitIndex: 3 } },
  });
  const options = { dataDirs: [long, later], into: join(directory, "new") };
  expect(await planRecovery(options)).toMatchObject({ from: { id: 1 }, lastIndex: 6 });
  await expect(planRecovery({ ...options, from: long })).rejects.toThrow(
    "invalid_options: node 1 has entries up to index 6 of term 2, and node 4 only up to index 8 of term 1",
  );
  // What the two share for sure is what both know to be committed.
  expect(await planRecovery({ ...options, from: long, force: true })).toMatchObject({
    from: { id: 4 },
    lastIndex: 8,
    certainIndex: 3,
    commitIndex: 4,
    mayBeLost: true,
  });
  const elsewhere = { ...options, others: [{ id: 5, last: { term: 3, index: 2 } }] };
  await expect(planRecovery(elsewhere)).rejects.toThrow(
    "node 5 has entries up to index 2 of term 3",
  );
  expect(await planRecovery({ ...elsewhere, force: true })).toMatchObject({ certainIndex: 4 });
});

test("a majority that is here is not recovered, and of half a group nothing is lost", async () => {
  const directory = await temporaryDirectory();
  const one = await leaveDirectory(join(directory, "1"), { id: 1, entries, hardState });
  const two = await leaveDirectory(join(directory, "2"), { id: 2, entries, hardState });
  const into = join(directory, "new");
  const message = "a majority of voters 1, 2, 3 is here, so nothing is lost: start them";
  await expect(recoverReplica({ dataDirs: [one, two], into })).rejects.toThrow(message);
  const others = [{ id: 3, last: { term: 1, index: 1 } }];
  await expect(recoverReplica({ dataDirs: [one], into, others })).rejects.toThrow(message);
  // A learner is no voter.
  const learner = [{ id: 4, last: { term: 1, index: 1 } }];
  expect(await planRecovery({ dataDirs: [one], into, others: learner })).toMatchObject({
    lostVoters: [2, 3],
    mayBeLost: true,
  });

  // One of two voters is lost: it was no majority, so whatever it acknowledged is here as well.
  const pair = [confChangeTo([1, 2], 1)];
  const left = await leaveDirectory(join(directory, "left"), {
    ...{ id: 1, entries: pair, hardState: { term: 1, vote: 0, commitIndex: 1 } },
  });
  expect(await planRecovery({ dataDirs: [left], into })).toMatchObject({
    lostVoters: [2],
    mayBeLost: false,
  });
});

/** The removal of node 3 by the entry at `index`. */
function confChangeTo(left: readonly number[], index: number): Entry {
  const change = { transition: "auto", changes: [{ kind: "remove", id: 3 }] } as const;
  const data = encodeConfChange({ ...change, context: new Uint8Array() }, confStateOf(left));
  return newEntry({ term: 1, index }, "conf-change", data);
}

test("a damaged log is refused, unless it is said how much of it to keep", async () => {
  const directory = await temporaryDirectory();
  const from = await leaveDirectory(join(directory, "1"), { id: 1, entries, hardState });
  // The batch of the last entry: after it comes only the one of the commit index.
  await damage(from, 1);
  const before = await filesOf(from);
  const options = { dataDirs: [from], into: join(directory, "new") };
  await expect(recoverReplica(options)).rejects.toThrow(
    /^corrupt: .*\.wal, byte \d+: .*; or go on with what stands before the damage, up to index 5$/,
  );
  await expect(recoverReplica({ ...options, upToIndex: 6 })).rejects.toThrow(
    "the last index to keep must be from 1 to 5, which can be had: got 6",
  );
  expect(await readdir(directory)).toEqual(["1"]);
  const { index, plan } = await recoverReplica({ ...options, upToIndex: 5 });
  expect(index).toBe(5);
  expect(plan).toMatchObject({ mayBeLost: true, certainIndex: 0, lostVoters: [1, 2, 3] });
  expect(await filesOf(from)).toEqual(before);
  const made = await inspectDataDir(options.into);
  expect(made.log).toMatchObject({ last: { term: 2, index: 5 }, damages: [] });
});

test("of a node that differed from its group, the log is good enough, and a snapshot is not", async () => {
  const directory = await temporaryDirectory();
  for (const [snapshotIndex, code] of [
    [0, "none"],
    [4, "diverged"],
  ] as const) {
    const from = await leaveDirectory(join(directory, `old-${snapshotIndex}`), {
      ...{ id: 1, entries, hardState, snapshotIndex },
    });
    await markDiverged(await openNodeDisk(from), "node 1 differs at 4");
    const options = { dataDirs: [from], into: join(directory, `new-${snapshotIndex}`) };
    await expect(planRecovery(options)).rejects.toThrow("diverged: ");
    expect(await codeOf(recoverReplica({ ...options, upToIndex: 6 }))).toBe(code);
  }
});

test("what is committed is cut by force only, and what is in a snapshot never", async () => {
  const directory = await temporaryDirectory();
  const from = await leaveDirectory(join(directory, "1"), {
    ...{ id: 1, entries, hardState: { ...hardState, commitIndex: 5 }, snapshotIndex: 4 },
  });
  const options: RecoverOptions = { dataDirs: [from], into: join(directory, "new") };
  expect(await planRecovery({ ...options, upToIndex: 5 })).toMatchObject({ lastIndex: 5 });
  await expect(planRecovery({ ...options, upToIndex: 4 })).rejects.toThrow("that takes force");
  await expect(planRecovery({ ...options, upToIndex: 3, force: true })).rejects.toThrow(
    "the last index to keep must be from 4 to 6",
  );
  const { index, term } = await recoverReplica({ ...options, upToIndex: 4, force: true });
  expect({ index, term }).toEqual({ index: 4, term: 1 });
  const made = await inspectDataDir(options.into);
  expect(made.log).toMatchObject({ base: { index: 4 }, last: { index: 4 }, damages: [] });
});

test("recoverReplica refuses what it must, and leaves nothing behind", async () => {
  const directory = await temporaryDirectory();
  const from = await leaveDirectory(join(directory, "1"), {
    ...{ id: 1, entries, hardState, snapshotIndex: 4 },
  });
  const twin = await leaveDirectory(join(directory, "twin"), { id: 1, entries, hardState });
  const stranger = await leaveDirectory(join(directory, "stranger"), {
    ...{ id: 2, clusterId: "other", entries, hardState },
  });
  const fresh = await leaveDirectory(join(directory, "fresh"), {
    ...{ id: 2, entries: [], hardState: { term: 0, vote: 0, commitIndex: 0 } },
  });
  const rotten = await leaveDirectory(join(directory, "rotten"), {
    ...{ id: 1, entries, hardState, snapshotIndex: 4 },
  });
  const [name = ""] = (await readdir(rotten)).filter((file) => file.endsWith(".snap"));
  const bytes = await readFile(join(rotten, name));
  bytes[100_000] = (bytes[100_000] ?? 0) ^ 1;
  await writeFile(join(rotten, name), bytes);
  const empty = join(directory, "empty");
  await mkdir(empty);
  const before = (await readdir(directory)).sort();

  const right: RecoverOptions = { dataDirs: [from], into: join(directory, "new") };
  for (const [options, code] of [
    [{ ...right, dataDirs: [] }, "invalid_options"],
    [{ ...right, dataDirs: [join(directory, "missing")] }, "storage_failed"],
    [{ ...right, dataDirs: [empty] }, "invalid_options"],
    [{ ...right, dataDirs: [fresh] }, "invalid_options"],
    [{ ...right, dataDirs: [from, twin] }, "invalid_options"],
    [{ ...right, dataDirs: [from, stranger] }, "invalid_options"],
    [{ ...right, dataDirs: [rotten] }, "corrupt"],
    [{ ...right, dataDirs: [rotten], upToIndex: 6 }, "corrupt"],
    [{ ...right, from: twin }, "invalid_options"],
    [{ ...right, into: twin }, "invalid_options"],
    [{ ...right, into: join(from, "new") }, "invalid_options"],
    [{ ...right, into: "" }, "invalid_options"],
    [{ ...right, id: 0 }, "invalid_options"],
    [{ ...right, address: "nowhere" }, "invalid_options"],
    [{ ...right, clusterId: "docs" }, "invalid_options"],
    [{ ...right, others: [{ id: 1, last: { term: 1, index: 1 } }] }, "invalid_options"],
    [{ ...right, upToIndex: 7 }, "invalid_options"],
  ] as const) {
    expect([options, await codeOf(recoverReplica(options))]).toEqual([options, code]);
  }
  const lock = await lockDirectory(from);
  await expect(recoverReplica(right)).rejects.toThrow(
    `locked: ${from} is in use by process ${process.pid}: stop it first`,
  );
  await lock.release();
  expect((await readdir(directory)).sort()).toEqual(before);
});
