import { open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { confStateOf, newEntry } from "@quorate/core";
import {
  findHolder,
  inspectDataDir,
  lockDirectory,
  startReplica,
  type StateMachine,
  verifyDataDir,
} from "quorate";
import { expect, test } from "vitest";
import { ReadOnlyDisk } from "../src/read-only-disk.ts";
import { startChild, temporaryDirectory, until } from "./processes.ts";
import { command, content, filesOf, learnerAdded, leaveDirectory } from "./survivors.ts";

const entries = [
  newEntry({ term: 1, index: 1 }, "no-op"),
  command(1, 2),
  learnerAdded(1, 3),
  command(1, 4),
];
const hardState = { term: 1, vote: 1, commitIndex: 2 };

/** Keeps nothing. */
const nothing = (): StateMachine<"none", number> => ({
  apply: (applied) => applied.map(() => new Uint8Array()),
  query: () => 0,
  snapshots: {
    kind: "memory",
    async *save() {
      yield await Promise.resolve(content);
    },
    restore: async (chunks) => {
      for await (const chunk of chunks) expect(chunk.length).toBeGreaterThan(0);
    },
  },
});

test("inspectDataDir tells who takes part, as of what is committed, and changes nothing", async () => {
  const directory = await temporaryDirectory();
  const path = await leaveDirectory(join(directory, "1"), { id: 1, entries, hardState });
  const before = await filesOf(path);
  expect(await inspectDataDir(path)).toMatchObject({
    path,
    holder: undefined,
    lineage: [],
    confState: confStateOf([1, 2, 3]),
    members: [1, 2, 3].map((id) => ({ id, address: `10.0.0.${id}:7001`, priority: 0 })),
    changeCountAfter: 1,
    log: { identity: { clusterId: "docs", nodeId: 1 }, last: { index: 4, term: 1 }, damages: [] },
  });
  expect(await filesOf(path)).toEqual(before);

  const later = await leaveDirectory(join(directory, "2"), {
    ...{ id: 2, entries, hardState: { ...hardState, commitIndex: 4 }, snapshotIndex: 2 },
  });
  const { confState, members, changeCountAfter } = await inspectDataDir(later);
  expect(confState).toEqual({ ...confStateOf([1, 2, 3]), learners: [4] });
  expect(members.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  expect(changeCountAfter).toBe(0);
});

test("a change that was overwritten counts for nothing", async () => {
  const directory = await temporaryDirectory();
  const path = await leaveDirectory(join(directory, "1"), {
    id: 1,
    entries: [...entries, command(2, 3)],
    hardState: { term: 2, vote: 0, commitIndex: 3 },
  });
  expect(await inspectDataDir(path)).toMatchObject({
    confState: confStateOf([1, 2, 3]),
    changeCountAfter: 0,
  });
});

test("verifyDataDir reads the content of snapshots, too", async () => {
  const directory = await temporaryDirectory();
  const path = await leaveDirectory(join(directory, "1"), {
    ...{ id: 1, entries, hardState, snapshotIndex: 2 },
  });
  expect((await verifyDataDir(path)).log.damages).toEqual([]);
  const [name = ""] = (await readdir(path)).filter((file) => file.endsWith(".snap"));
  const bytes = await readFile(join(path, name));
  bytes[100_000] = (bytes[100_000] ?? 0) ^ 1;
  await writeFile(join(path, name), bytes);
  expect((await inspectDataDir(path)).log.damages).toEqual([]);
  const { log } = await verifyDataDir(path);
  expect(log.damages.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^corrupt: [0-9a-f]{16}\.snap, byte \d+: the content does not match/),
  ]);
});

test("a directory in use can be verified while it is written, and damage in it is found", async () => {
  const path = join(await temporaryDirectory(), "1");
  const replica = await startReplica({
    id: 1,
    cluster: { 1: "127.0.0.1:7001" },
    listen: "127.0.0.1:0",
    dataDir: path,
    stateMachine: nothing(),
    tickMs: 10,
    segmentBytes: 64 * 1024,
    snapshotEveryCount: 200,
    snapshotTailCount: 10,
  });
  let isOver = false;
  const write = async (): Promise<void> => {
    while (!isOver) await replica.propose(new Uint8Array(700).fill(7));
  };
  const writers = Array.from({ length: 8 }, write);
  let looks = 0;
  await until("it was looked at often, and snapshots were taken meanwhile", async () => {
    const { holder, log } = await verifyDataDir(path);
    expect(holder).toEqual({ pid: process.pid });
    expect(log.damages).toEqual([]);
    return ++looks >= 25 && replica.status().snapshotIndex > 400;
  });
  isOver = true;
  await Promise.all(writers);

  const { log } = await inspectDataDir(path);
  // Not one that may be removed now: what is in the last one is needed.
  const last = log.segments.findLast(({ end }) => end > 1024);
  const file = await open(join(path, last?.name ?? ""), "r+");
  await file.write(Buffer.from("rot"), 0, 3, 1024 + 20);
  await file.close();
  const damaged = await verifyDataDir(path);
  expect(damaged.holder).toEqual({ pid: process.pid });
  expect(damaged.log.damages.map(({ code }) => code)).toEqual(["corrupt"]);
  await replica.close();
});

test("findHolder tells the process that has a directory, and leaves no trace in it", async () => {
  const directory = await temporaryDirectory();
  expect(await findHolder(directory)).toBeUndefined();
  const lock = await lockDirectory(directory);
  const names = await readdir(directory);
  expect(await findHolder(directory)).toEqual({ pid: process.pid });
  expect(await readdir(directory)).toEqual(names);
  await lock.release();

  const holder = startChild("lock-child.mjs", [directory]);
  expect(await holder.firstLine).toBe("held");
  expect(await findHolder(directory)).toEqual({ pid: holder.pid });
  holder.process.kill("SIGSTOP");
  expect(await findHolder(directory)).toEqual({ pid: holder.pid });
  await holder.kill();
  const left = await readdir(directory);
  expect(left).toHaveLength(1);
  expect(await findHolder(directory)).toBeUndefined();
  expect(await readdir(directory)).toEqual(left);
  await expect(findHolder(join(directory, "missing"))).rejects.toThrow("storage_failed: ");
});

test("a file of a disk that is only read takes no write", async () => {
  const path = await leaveDirectory(join(await temporaryDirectory(), "1"), {
    ...{ id: 1, entries, hardState },
  });
  const disk = new ReadOnlyDisk(path);
  const [name = ""] = await disk.list();
  const file = await disk.open(name);
  expect((await file.read(0, 7)).length).toBe(7);
  await expect(file.write(0, [Uint8Array.of(1)])).rejects.toThrow("storage_failed: ");
  await expect(file.truncate(0)).rejects.toThrow("storage_failed: ");
  await file.close();
});
