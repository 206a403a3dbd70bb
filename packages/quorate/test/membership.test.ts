import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type Entry,
  type NodeId,
  type RefusedConnection,
  type Replica,
  startReplica,
  type StartOptions,
  type StateMachine,
} from "quorate";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory, until } from "./processes.ts";
import { freeAddresses } from "./tcp-nodes.ts";

/** Keeps all commands, as text, and saves and restores them. */
class Journal implements StateMachine<"all", readonly string[]> {
  #lines: string[] = [];

  readonly snapshots = {
    kind: "memory" as const,
    save: (): Iterable<Uint8Array> => [Buffer.from(JSON.stringify(this.#lines))],
    restore: async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      const all: Uint8Array[] = [];
      for await (const chunk of chunks) all.push(chunk);
      const lines: unknown = JSON.parse(Buffer.concat(all).toString());
      this.#lines = Array.isArray(lines) ? lines.map(String) : [];
    },
  };

  apply(entries: readonly Entry[]): Uint8Array[] {
    return entries.map((entry) => {
      this.#lines.push(Buffer.from(entry.data).toString());
      return new Uint8Array(0);
    });
  }

  query(): readonly string[] {
    return [...this.#lines];
  }
}

type JournalReplica = Replica<"all", readonly string[]>;
type Changes = Partial<StartOptions<"all", readonly string[]>>;

const patient = { timeoutMs: 20_000 };

/** Up to five addresses, of which the first three are those of the first members. */
class Group {
  readonly replicas = new Map<NodeId, JournalReplica>();
  readonly refusals: string[] = [];
  readonly #directory: string;
  readonly #addresses: readonly string[];

  constructor(directory: string, addresses: readonly string[]) {
    this.#directory = directory;
    this.#addresses = addresses;
  }

  address(id: NodeId): string {
    return this.#addresses[id - 1] ?? "";
  }

  dataDir(id: NodeId): string {
    return join(this.#directory, `${id}`);
  }

  async start(id: NodeId, changes: Changes = {}): Promise<JournalReplica> {
    const replica = await startReplica({
      id,
      cluster: new Map([1, 2, 3].map((each) => [each, this.address(each)])),
      dataDir: this.dataDir(id),
      stateMachine: new Journal(),
      tickMs: 20,
      segmentBytes: 65_536,
      connections: { lingerMs: 200 },
      onRefused: (refusal: RefusedConnection) => this.refusals.push(refusal.error.message),
      ...changes,
    });
    onTestFinished(() => replica.close());
    this.replicas.set(id, replica);
    return replica;
  }

  /** Starts a node that joins, at the address of node `at`. */
  join(id: NodeId, at: NodeId = id): Promise<JournalReplica> {
    return this.start(id, { join: true, cluster: { [id]: this.address(at) } });
  }

  async stop(id: NodeId): Promise<void> {
    await this.replicas.get(id)?.close();
    this.replicas.delete(id);
  }

  /** Writes `text` at node `at`. */
  async write(text: string, at: NodeId = 1): Promise<void> {
    await this.replicas.get(at)?.propose(Buffer.from(text), patient);
  }

  async read(at: NodeId): Promise<readonly string[] | undefined> {
    return (await this.replicas.get(at)?.read("all", patient))?.answer;
  }
}

/** Three members that run. */
async function newGroup(changes: Changes = {}): Promise<Group> {
  const group = new Group(await temporaryDirectory(), await freeAddresses(5));
  await Promise.all([1, 2, 3].map((id) => group.start(id, changes)));
  await group.write("first");
  return group;
}

test("nodes join a group that is written to, and have all that was written before", async () => {
  const group = await newGroup();
  for (const id of [4, 5]) {
    await group.join(id);
    await group.replicas.get(1)?.members.add({ id, address: group.address(id) }, patient);
    await group.write(`with ${id}`, id);
  }
  const expected = ["first", "with 4", "with 5"];
  for (const id of [1, 2, 3, 4, 5]) expect(await group.read(id)).toEqual(expected);
  const members = group.replicas.get(5)?.members.list().members ?? [];
  expect(members.map(({ id, address }) => [id, address])).toEqual(
    [1, 2, 3, 4, 5].map((id) => [id, group.address(id)]),
  );
});

test("a node that joined finds the group again by what it knows itself", async () => {
  const group = await newGroup();
  await group.join(4);
  await group.replicas.get(2)?.members.add({ id: 4, address: group.address(4) }, patient);
  await group.write("with 4");
  await group.stop(4);
  await group.write("without 4");
  const again = await group.join(4);
  expect(await group.read(4)).toEqual(["first", "with 4", "without 4"]);
  await until("all are connected", () => again.status().connected.length === 3);
});

test("a node that joins late gets the state, while others write", async () => {
  const early = { snapshotEveryCount: 10, snapshotTailCount: 1, snapshotTailBytes: 1 };
  const group = await newGroup(early);
  const line = "x".repeat(100_000);
  for (let count = 0; count < 40; count++) await group.write(line, 1 + (count % 3));
  const four = await group.join(4);
  const told: string[] = [];
  four.subscribe((event) => told.push(event.kind));
  const adding = group.replicas.get(1)?.members.add({ id: 4, address: group.address(4) }, patient);
  for (let count = 0; count < 10; count++) await group.write("meanwhile", 1 + (count % 3));
  await adding;
  expect(told).toContain("snapshot-received");
  expect((await group.read(4))?.length).toBe(51);
});

test("a node that is removed hears of it, and the others go on", async () => {
  const group = await newGroup();
  const three = group.replicas.get(3);
  const told: string[] = [];
  three?.subscribe((event) => told.push(event.kind));
  await group.replicas.get(1)?.members.remove(3, patient);
  await group.write("without 3");
  await until("it hears of it", () => told.includes("removed"));
  await until("nobody is connected to it", () =>
    [1, 2].every((id) => group.replicas.get(id)?.status().connected.length === 1),
  );
  expect(await group.read(2)).toEqual(["first", "without 3"]);
});

test("leaders that are removed, asked at another node or at themselves, answer and go", async () => {
  const group = await newGroup();
  const leaderOf = (): NodeId => group.replicas.values().next().value?.status().leader ?? 0;
  for (const isAskedItself of [false, true]) {
    await until("somebody leads", () => group.replicas.has(leaderOf()));
    const leader = leaderOf();
    const other = [...group.replicas.keys()].find((id) => id !== leader) ?? 0;
    const asked = group.replicas.get(isAskedItself ? leader : other);
    const view = await asked?.members.remove(leader, patient);
    expect(view?.removed).toContain(leader);
    await until("it knows", () => group.replicas.get(leader)?.status().state === "removed");
    await group.stop(leader);
    await group.write(`without ${leader}`, other);
  }
  const [last = 0] = group.replicas.keys();
  expect(await group.read(last)).toHaveLength(3);
  expect(group.replicas.get(last)?.status().confState.voters).toEqual([last]);
});

test("a node that lost its disk is refused with the remedy, which brings a new one in", async () => {
  const group = await newGroup();
  await until("the group knows all logs", () => {
    const { members } = group.replicas.get(1)?.members.list() ?? { members: [] };
    return members.every(({ incarnation }) => incarnation !== undefined);
  });
  // All are restarted, so that none remembers the log of node 3 but from what the group knows.
  for (const id of [1, 2, 3]) await group.stop(id);
  await rm(group.dataDir(3), { recursive: true });
  for (const id of [1, 2, 3]) await group.start(id);
  const remedy = "give it a new one: quorate member replace 3 NEW";
  await until(
    "both refuse it",
    () => group.refusals.filter((it) => it.includes(remedy)).length >= 2,
  );
  await group.write("without 3");

  await group.stop(3);
  await group.join(4, 3);
  await group.replicas.get(1)?.members.replace(3, { id: 4, address: group.address(3) }, patient);
  await group.write("with 4");
  expect(await group.read(4)).toEqual(["first", "without 3", "with 4"]);
});

test("a node that moved is found where it says that it is, and the group remembers it", async () => {
  const group = await newGroup();
  await group.stop(3);
  await group.write("while 3 moves");
  const listen = group.address(5);
  await group.start(3, { listen, advertise: listen });
  expect(await group.read(3)).toEqual(["first", "while 3 moves"]);
  await until("the group knows its address", () =>
    [1, 2, 3].every((id) => {
      const members = group.replicas.get(id)?.members.list().members ?? [];
      return members.find((member) => member.id === 3)?.address === listen;
    }),
  );
  // Whoever starts anew now looks for it there.
  await group.stop(1);
  const one = await group.start(1);
  await until("it is found", () => one.status().connected.includes(3));
});
