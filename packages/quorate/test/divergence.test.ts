import { join } from "node:path";
import type { ReplicaStatus } from "quorate";
import { expect, test } from "vitest";
import { type Child, startChild, temporaryDirectory, until } from "./processes.ts";
import { freeAddresses } from "./tcp-nodes.ts";

/** One node of a group that sums up numbers, in a process of its own. */
interface Summer {
  readonly id: number;
  readonly child: Child;
  /** What it answers, or why it does not. */
  ask(path: string): Promise<string>;
  status(): Promise<ReplicaStatus>;
}

/** Starts node `id`; `isWrong` makes its state machine another. */
async function startSummer(
  id: number,
  dataDir: string,
  cluster: object,
  isWrong: boolean,
): Promise<Summer> {
  const args = [String(id), dataDir, JSON.stringify(cluster), isWrong ? "wrong" : "right"];
  const child = startChild("differing-child.mjs", args);
  const door = await child.firstLine;
  const ask = async (path: string): Promise<string> => (await fetch(`${door}${path}`)).text();
  return { id, child, ask, status: async () => JSON.parse(await ask("/status")) as ReplicaStatus };
}

test.each(["leader", "follower"] as const)(
  "of three processes the one whose state came to differ stops, says where, and stays down: the %s",
  async (who) => {
    const directory = await temporaryDirectory();
    const [a = "", b = "", c = ""] = await freeAddresses(3);
    const cluster = { 1: a, 2: b, 3: c };
    const dataDir = (id: number): string => join(directory, String(id));
    const start = (id: number): Promise<Summer> => startSummer(id, dataDir(id), cluster, id === 1);
    const summers = await Promise.all([1, 2, 3].map(start));
    const [wrong, ...right] = summers;
    const [other] = right;
    if (wrong === undefined || other === undefined) throw new Error("a node is missing");

    // What all make the same of is no reason to stop.
    for (let count = 0; count < 32; count++) await other.ask("/add?number=1");
    await until("all have been found to agree", async () => {
      const statuses = await Promise.all(summers.map((summer) => summer.status()));
      return statuses.every(({ digest }) => digest?.agree.length === 2);
    });

    const { leader } = await wrong.status();
    const isThere = (leader === wrong.id) === (who === "leader");
    if (!isThere) await moveLeadership(summers, who === "leader" ? [wrong] : right);
    await other.ask("/add?number=13");
    // The wrong state gets into a snapshot before anybody notices.
    await until("node 1 has made its own of it", async () => {
      return (await wrong.ask("/sum?how=local")) === "46";
    });
    expect(await wrong.ask("/snapshot")).toMatch(/^\d+$/);
    await until("node 1 stops", async () => {
      await other.ask("/add?number=1");
      return (await wrong.status()).state === "failed";
    });
    const { failure = "" } = await wrong.status();
    const [, index = ""] =
      /^diverged: after entry (\d+) of term \d+ the state of node 1/.exec(failure) ?? [];
    expect(Number(index) % 16).toBe(0);
    for (const how of ["local", "linearizable"]) {
      expect(await wrong.ask(`/sum?how=${how}`)).toMatch(/^closed: .*diverged/);
    }
    expect(await wrong.ask("/add?number=1")).toMatch(/^closed: .*diverged/);

    // The others go on, and know whom it was.
    await until("the others have a leader", async () =>
      /^\d+$/.test(await other.ask("/add?number=1")),
    );
    for (const each of right) {
      expect((await each.status()).state).toBe("running");
      await until("it says who differs", () => each.child.output().includes(`differ ${index} 1\n`));
      const sums = await Promise.all(right.map((one) => one.ask("/sum?how=linearizable")));
      expect(new Set(sums).size).toBe(1);
    }

    // It does not come back, neither as it was nor as it should be.
    await wrong.child.kill();
    for (const how of ["wrong", "right"]) {
      const again = startChild("differing-child.mjs", [
        "1",
        dataDir(1),
        JSON.stringify(cluster),
        how,
      ]);
      const line = await again.firstLine;
      expect(line).toContain(`diverged: after entry ${index} of term`);
      expect(line).toContain("add one with a new id and an empty disk");
    }
  },
);

/** Hands leadership over until one of `wanted` leads. */
async function moveLeadership(
  summers: readonly Summer[],
  wanted: readonly Summer[],
): Promise<void> {
  const [to] = wanted;
  if (to === undefined) throw new Error("nobody is wanted");
  await until(`node ${to.id} leads`, async () => {
    await to.ask(`/lead?id=${to.id}`);
    const statuses = await Promise.all(summers.map((summer) => summer.status()));
    return statuses.every(({ leader }) => leader === to.id);
  });
}
