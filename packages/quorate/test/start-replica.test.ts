import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Entry,
  RaftError,
  type RefusedConnection,
  type Replica,
  startReplica,
  type StartOptions,
  type StateMachine,
} from "quorate";
import { expect, onTestFinished, test } from "vitest";
import { startChild, temporaryDirectory, until } from "./processes.ts";
import { freeAddresses } from "./tcp-nodes.ts";

/** Keeps all commands, as text. */
class Journal implements StateMachine<"all", readonly string[]> {
  readonly #lines: string[] = [];

  apply(entries: readonly Entry[]): Uint8Array[] {
    return entries.map((entry) => {
      this.#lines.push(Buffer.from(entry.data).toString());
      return Buffer.from(String(this.#lines.length));
    });
  }

  query(): readonly string[] {
    return [...this.#lines];
  }
}

type JournalReplica = Replica<"all", readonly string[]>;

/** Three addresses, a directory, and a way to start replicas there that end with the test. */
class Group {
  readonly directory: string;
  readonly cluster: Map<number, string>;

  constructor(directory: string, addresses: readonly string[]) {
    this.directory = directory;
    this.cluster = new Map(addresses.map((address, position) => [position + 1, address]));
  }

  dataDir(id: number): string {
    return join(this.directory, `${id}`);
  }

  async start(
    id: number,
    changes: Partial<StartOptions<"all", readonly string[]>> = {},
  ): Promise<JournalReplica> {
    const replica = await startReplica({
      id,
      cluster: this.cluster,
      dataDir: this.dataDir(id),
      stateMachine: new Journal(),
      tickMs: 20,
      segmentBytes: 65_536,
      ...changes,
    });
    onTestFinished(() => replica.close());
    return replica;
  }
}

async function newGroup(): Promise<Group> {
  return new Group(await temporaryDirectory(), await freeAddresses(3));
}

/** The replica that leads, by its own account, once there is one. */
async function leaderOf(replicas: readonly JournalReplica[]): Promise<JournalReplica> {
  let leader: JournalReplica | undefined;
  await until("one leads", () => {
    leader = replicas.find((replica) => replica.status().role === "leader");
    return leader !== undefined;
  });
  if (leader === undefined) throw new Error("there is no leader");
  return leader;
}

const patient = { timeoutMs: 20_000 };

test("three replicas replicate, lose their leader, go on, and take it back", async () => {
  const group = await newGroup();
  const replicas = await Promise.all([1, 2, 3].map((id) => group.start(id)));
  for (const [position, replica] of replicas.entries()) {
    const { result } = await replica.propose(Buffer.from(`a${position}`), patient);
    expect(Buffer.from(result).toString()).toBe(String(position + 1));
  }
  for (const replica of replicas) {
    expect((await replica.read("all", patient)).answer).toEqual(["a0", "a1", "a2"]);
  }

  const leader = await leaderOf(replicas);
  await leader.close();
  const others = replicas.filter((replica) => replica !== leader);
  for (const [position, replica] of others.entries()) {
    await replica.propose(Buffer.from(`b${position}`), patient);
  }

  const again = await group.start(leader.id);
  const expected = ["a0", "a1", "a2", "b0", "b1"];
  expect((await again.read("all", patient)).answer).toEqual(expected);
  await again.propose(Buffer.from("c"), patient);
  for (const replica of [...others, again]) {
    expect((await replica.read("all", patient)).answer).toEqual([...expected, "c"]);
  }
});

test("a group that was closed finds its data again", async () => {
  const group = await newGroup();
  const first = await Promise.all([1, 2, 3].map((id) => group.start(id)));
  await first[0]?.propose(Buffer.from("kept"), patient);
  await Promise.all(first.map((replica) => replica.close()));
  const second = await Promise.all([1, 2, 3].map((id) => group.start(id)));
  for (const replica of second) {
    expect((await replica.read("all", patient)).answer).toEqual(["kept"]);
  }
});

test("commands as large as the limit pass through the frames", async () => {
  const group = await newGroup();
  const raft = { commandBytesMax: 20 * 1024 * 1024 };
  const replicas = await Promise.all([1, 2, 3].map((id) => group.start(id, { raft })));
  const command = Buffer.alloc(raft.commandBytesMax, "x");
  for (const replica of replicas) {
    const { result } = await replica.propose(command, { timeoutMs: 60_000 });
    expect(Buffer.from(result).toString()).toBe(String(replica.id));
  }
});

test("a start that is aborted lets go of its directory and its address", async () => {
  const group = await newGroup();
  const cluster = { 1: group.cluster.get(1) ?? "" };
  const ended = new AbortController();
  const restored: string[] = [];
  const stateMachine: StateMachine<"all", readonly string[]> = {
    apply: (entries) => entries.map(() => Buffer.from("")),
    query: () => [],
    snapshots: {
      kind: "memory",
      save: () => [Buffer.from("state")],
      restore: async (chunks) => {
        ended.abort("enough");
        for await (const chunk of chunks) restored.push(Buffer.from(chunk).toString());
      },
    },
  };
  const first = await group.start(1, { cluster, stateMachine });
  await first.propose(Buffer.from("a"), patient);
  await first.snapshot(patient);
  await first.close();

  const start = group.start(1, { cluster, stateMachine, signal: ended.signal });
  await expect(start).rejects.toMatchObject({ code: "aborted", cause: "enough" });
  expect((await readdir(group.dataDir(1))).filter((name) => name.startsWith("."))).toEqual([]);
  expect(restored).toEqual([]);
  await group.start(1, { cluster, stateMachine });
  expect(restored).toEqual(["state"]);
});

test("an aborted start makes no directory", async () => {
  const group = await newGroup();
  const start = group.start(1, { signal: AbortSignal.abort("enough") });
  await expect(start).rejects.toMatchObject({ code: "aborted" });
  expect(await readdir(group.directory)).toEqual([]);
});

test("a group of one needs nobody", async () => {
  const group = await newGroup();
  const cluster = { 1: group.cluster.get(1) ?? "" };
  const replica = await group.start(1, { cluster });
  await replica.propose(Buffer.from("alone"), patient);
  expect((await replica.read("all")).answer).toEqual(["alone"]);
});

/** The message of the `RaftError` that a start rejects with. */
async function failureOf(start: Promise<unknown>): Promise<string> {
  try {
    await start;
  } catch (error) {
    if (error instanceof RaftError) return error.message;
    throw error;
  }
  throw new Error("it started");
}

test("options that cannot be are refused before anything is touched", async () => {
  const group = await newGroup();
  const [one = "", two = ""] = group.cluster.values();
  const bad: [string, Partial<StartOptions<"all", readonly string[]>>][] = [
    ["cluster does not name this node, 4", { id: 4 }],
    [`nodes 1 and 2 both have ${one}`, { cluster: { 1: one, 2: one } }],
    ['"nowhere" is not an address', { cluster: { 1: one, 2: "nowhere" } }],
    ["needs a port", { cluster: { 1: "127.0.0.1:0", 2: two } }],
    ['cluster has "0" for an id', { cluster: { 0: one, 1: two } }],
    ['cluster has "x" for an id', { cluster: Object.fromEntries([["x", one]]) }],
    ['cluster has "1.5" for an id', { cluster: new Map([[1.5, one]]) }],
    ["is not an address", { listen: "7001" }],
    ["is not an address", { advertise: "7001" }],
    ["needs a port", { advertise: "127.0.0.1:0" }],
    ["dataDir must name a directory", { dataDir: "" }],
    ["clusterId must have", { clusterId: "" }],
    ["frameBytesMax must be at least", { connections: { frameBytesMax: 1024 * 1024 } }],
  ];
  for (const [message, changes] of bad) {
    const failure = await failureOf(group.start(1, changes));
    expect(failure).toContain("invalid_options: ");
    expect(failure).toContain(message);
  }
  expect(await readdir(group.directory)).toEqual([]);
});

test("a data directory in use is refused, and named", async () => {
  const group = await newGroup();
  await mkdir(group.dataDir(1));
  const holder = startChild("lock-child.mjs", [group.dataDir(1)]);
  expect(await holder.firstLine).toBe("held");
  expect(await failureOf(group.start(1))).toBe(
    `locked: ${group.dataDir(1)} is in use by process ${holder.pid}`,
  );
  await holder.kill();
  const replica = await group.start(1);
  const listen = group.cluster.get(2);
  expect(await failureOf(group.start(1, { listen }))).toContain(`by process ${process.pid}`);
  await replica.close();
  await replica.close();
  await group.start(1);
});

test("a start that fails half-way leaves nothing behind", async () => {
  const group = await newGroup();
  const listen = group.cluster.get(1) ?? "";
  await group.start(1);
  // The log of node 2 was opened and its directory locked before its port proved to be taken.
  expect(await failureOf(group.start(2, { listen }))).toBe(
    `invalid_options: cannot listen on ${listen}: the port is in use`,
  );
  expect((await readdir(group.dataDir(2))).filter((name) => name.startsWith("."))).toEqual([]);
  await group.start(2);

  await group.start(3, { clusterId: "other" }).then((replica) => replica.close());
  expect(await failureOf(group.start(3))).toContain("wrong_identity: ");
  expect((await readdir(group.dataDir(3))).filter((name) => name.startsWith("."))).toEqual([]);

  const file = join(group.directory, "file");
  await writeFile(file, "");
  expect(await failureOf(group.start(3, { dataDir: file }))).toContain("storage_failed: ");
});

test("a node of another cluster is refused, and the rest go on", async () => {
  const group = await newGroup();
  const refusals: string[] = [];
  const onRefused = (refusal: RefusedConnection): void => {
    refusals.push(refusal.error.message);
  };
  const replicas = await Promise.all([1, 2].map((id) => group.start(id, { onRefused })));
  await group.start(3, { clusterId: "other" });
  await replicas[0]?.propose(Buffer.from("x"), patient);
  await until("the stranger is reported on both sides", () => refusals.length >= 4);
  expect(new Set(refusals)).toEqual(
    new Set([
      'wrong_identity: node 1 belongs to cluster "quorate", not to "other"',
      'wrong_identity: node 2 belongs to cluster "quorate", not to "other"',
      'wrong_identity: node 3 belongs to cluster "other", not to "quorate"',
    ]),
  );
});

test("a node that lost its disk does not come back under its old id", async () => {
  const group = await newGroup();
  const refusals: string[] = [];
  const onRefused = (refusal: RefusedConnection): void => {
    refusals.push(`${refusal.direction} ${refusal.peer}: ${refusal.error.message}`);
  };
  const replicas = await Promise.all([1, 2, 3].map((id) => group.start(id, { onRefused })));
  await until("all are connected", () =>
    replicas.every((replica) => replica.status().connected.length === 2),
  );
  await replicas[2]?.close();
  await rm(group.dataDir(3), { recursive: true });
  const wiped = await group.start(3);
  await until("both others refuse it", () => refusals.length === 2);
  expect(new Set(refusals)).toEqual(
    new Set([
      "incoming 3: wrong_identity: node 3 came with another log than the one it is known by: a node " +
        "that lost its disk must not come back under the same id; give it a new one: " +
        "quorate member replace 3 NEW",
    ]),
  );
  expect(wiped.status().connected).toEqual([]);
  await replicas[0]?.propose(Buffer.from("x"), patient);
});
