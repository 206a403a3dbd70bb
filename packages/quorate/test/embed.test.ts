import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { restoreSnapshot, startReplica, type Replica, type StateMachine } from "quorate";
import { expect, onTestFinished, test, vi } from "vitest";
import { replaceFirst } from "./embed/change.ts";
import { DurableLedger } from "./embed/durable-ledger.ts";
import { Ledger } from "./embed/ledger.ts";
import { MemoryLedger } from "./embed/memory-ledger.ts";
import { depositOnce, openLedgerSession, repeatable } from "./embed/once.ts";
import { startFirst, startJoining } from "./embed/start.ts";
import { closeOnSignal } from "./embed/stop.ts";
import { deposit, look } from "./embed/use.ts";
import { temporaryDirectory, until } from "./processes.ts";
import { freeAddresses } from "./tcp-nodes.ts";

const folder = join(import.meta.dirname, "embed");
const guide = resolve(import.meta.dirname, "..", "..", "..", "docs", "guides", "embed.md");

type LedgerReplica = Replica<string, number>;

function closedAtEnd(replica: LedgerReplica): LedgerReplica {
  onTestFinished(() => replica.close());
  return replica;
}

async function startThree(
  machineOf: (id: number, directory: string) => Promise<StateMachine<string, number>>,
): Promise<{ readonly replicas: LedgerReplica[]; readonly directory: string }> {
  for (const method of ["log", "error"] as const) {
    vi.spyOn(console, method).mockImplementation(() => {});
  }
  // The guide lets a process end badly whose node was removed; this one shall not.
  onTestFinished(() => {
    process.exitCode = undefined;
  });
  const directory = await temporaryDirectory();
  const [a = "", b = "", c = ""] = await freeAddresses(3);
  const cluster = { 1: a, 2: b, 3: c };
  const replicas = await Promise.all(
    [1, 2, 3].map(async (id) => {
      const machine = await machineOf(id, directory);
      return closedAtEnd(await startFirst(id, join(directory, String(id)), machine, cluster));
    }),
  );
  return { replicas, directory };
}

/** The replicas, one by one. */
function three([a, b, c]: readonly LedgerReplica[]): [LedgerReplica, LedgerReplica, LedgerReplica] {
  if (a === undefined || b === undefined || c === undefined) throw new Error("a node is missing");
  return [a, b, c];
}

test("every block of code in the guide is a file that these tests run", async () => {
  const text = await readFile(guide, "utf8");
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
  const names = (await readdir(folder)).sort();
  const files = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  expect(new Set(blocks)).toEqual(new Set(files));
  expect(blocks).toHaveLength(files.length);
});

test.each<[string, (id: number, directory: string) => Promise<StateMachine<string, number>>]>([
  ["in memory", async () => new MemoryLedger()],
  [
    "durable by itself",
    (id, directory) => DurableLedger.open(join(directory, `ledger-${id}.json`)),
  ],
])("the ledger that is %s is written, read, saved, and joined", async (_, machineOf) => {
  const { replicas, directory } = await startThree(machineOf);
  const [first, second, third] = three(replicas);
  const token = await deposit(first, "alice", 5);
  expect(await look(second, "alice", token)).toEqual([5, 5, 5, expect.any(Number), 5]);
  await expect(deposit(second, "alice", -6)).rejects.toThrow("not enough");
  await expect(deposit(second, "alice", Number.NaN)).rejects.toThrow("not enough");

  // The log forgets its past, so that the new node learns from a snapshot.
  for (const replica of replicas) await replica.snapshot();
  const [address = ""] = await freeAddresses(1);
  const machine = await machineOf(4, directory);
  const fourth = closedAtEnd(await startJoining(4, join(directory, "4"), machine, address));
  vi.spyOn(console, "warn").mockImplementation(() => {});
  await replaceFirst(second, address);
  await until("node 4 knows its priority", () =>
    fourth.members.list().members.some(({ id, priority }) => id === 4 && priority === 10),
  );
  expect(fourth.members.list().confState.voters).toEqual([2, 3, 4]);
  expect((await fourth.read("alice")).answer).toBe(5);
  await until("node 1 knows that it was removed", () => first.status().state === "removed");

  await third.close();
  const again = await machineOf(3, directory);
  const cluster = { 3: (await freeAddresses(1))[0] ?? "" };
  const restarted = closedAtEnd(
    await startReplica({
      ...{ id: 3, cluster, clusterId: "ledger", join: true },
      ...{ dataDir: join(directory, "3"), stateMachine: again },
    }),
  );
  expect((await restarted.read("alice", { timeoutMs: 20_000 })).answer).toBe(5);
});

test("the ledger without snapshots replicates all the same", async () => {
  const { replicas } = await startThree(async () => new Ledger());
  const [first, second] = three(replicas);
  const token = await deposit(first, "bob", 3);
  expect((await look(second, "bob", token))[0]).toBe(3);
  await expect(first.snapshot()).rejects.toThrow("snapshot_failed");
});

test("deposits of a session are made once, though leaders come and go", async () => {
  const { replicas } = await startThree(async () => repeatable(new MemoryLedger()));
  const [first] = three(replicas);
  const session = await openLedgerSession(first);
  const depositCount = 60;
  const deposits = (async () => {
    for (let count = 0; count < depositCount; count++) await depositOnce(session, "alice", 1);
  })();
  for (const id of [2, 3, 2, 1]) {
    // It may be refused while another leader is being found.
    await first.transferLeadership(id).catch(() => {});
  }
  const leaving = replicas.find(({ id }) => id !== first.id && id === first.status().leader);
  await (leaving ?? three(replicas)[2]).close();
  await deposits;
  await expect(depositOnce(session, "alice", -1000)).rejects.toThrow("not enough");
  expect((await first.read("alice")).answer).toBe(depositCount);
  await session.close();
});

test("a snapshot of the ledger becomes the beginning of another group", async () => {
  const { replicas, directory } = await startThree(async () => new MemoryLedger());
  const [first] = three(replicas);
  await deposit(first, "alice", 5);
  // A snapshot holds what is applied here, which need not be what was just acknowledged.
  await first.read("alice");
  await first.snapshot();
  const cluster = { 1: (await freeAddresses(1))[0] ?? "" };
  const options = { id: 1, cluster, dataDir: join(directory, "restored") };
  const { clusterId } = await restoreSnapshot({ ...options, snapshot: join(directory, "1") });
  const stateMachine = new MemoryLedger();
  const restored = closedAtEnd(await startReplica({ ...options, clusterId, stateMachine }));
  expect((await restored.read("alice")).answer).toBe(5);
});

test("a signal closes the replica", async () => {
  const { replicas } = await startThree(async () => new MemoryLedger());
  const [first] = three(replicas);
  const listeners = process.listeners("SIGTERM");
  closeOnSignal(first);
  // Only what was added: the signal itself would end the test.
  const added = process.listeners("SIGTERM").filter((listener) => !listeners.includes(listener));
  for (const listener of added) listener("SIGTERM");
  await until("it is closed", () => first.status().state === "closed");
  process.off("SIGTERM", added[0] ?? (() => {}));
});
