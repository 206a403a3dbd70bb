import { crc32c } from "@quorate/wire";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { Cluster, type Member } from "./cluster.ts";
import { bytesOf, Journal } from "./journal.ts";

/** A journal that says what it holds. It may be made to hold what no command put there. */
class DigestedJournal extends Journal {
  digest(): Uint8Array {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, crc32c(bytesOf(this.commands.join("\n"))));
    return bytes;
  }
}

const digestEveryCount = 8;

/** A group of so many, led, whose states are compared at every eighth index. */
async function newGroup(size: number): Promise<{
  readonly cluster: Cluster;
  readonly machineOf: (member: Member) => DigestedJournal;
}> {
  const cluster = new Cluster(size, { digestEveryCount });
  const machines = new Map<number, DigestedJournal>();
  for (const id of cluster.voters) {
    const stateMachine = new DigestedJournal();
    machines.set(id, stateMachine);
    await cluster.start(id, new MemoryDisk(), { stateMachine });
  }
  await cluster.untilLed();
  await cluster.run(1500);
  return { cluster, machineOf: ({ id }) => machines.get(id) ?? new DigestedJournal() };
}

/** Writes until every member that runs has come to an agreed index once more. */
async function passAgreedIndex(cluster: Cluster, member: Member): Promise<void> {
  for (let count = 0; count < digestEveryCount; count++) await cluster.write(member, "x");
  await cluster.run(300);
}

function divergedIn({ events }: Member): object[] {
  return events.filter(({ kind }) => kind === "diverged");
}

test("replicas that made the same of the log say so", async () => {
  const { cluster } = await newGroup(3);
  await passAgreedIndex(cluster, cluster.leader);
  for (const member of cluster.members) {
    const { digest } = member.replica.status();
    expect(digest?.agree).toHaveLength(2);
    expect(digest).toMatchObject({ differ: [], unknown: [] });
    expect(divergedIn(member)).toEqual([]);
  }
  await cluster.close();
});

test("nothing is told while nothing is applied, and nothing without digests", async () => {
  const cluster = await Cluster.ready(3, { digestEveryCount: 1 });
  await cluster.write(cluster.leader, "x");
  expect(cluster.leader.replica.status().digest).toBeUndefined();
  await cluster.close();
});

test.each(["leader", "follower"] as const)(
  "a %s whose state differs stops, says where, and does not start again",
  async (who) => {
    const { cluster, machineOf } = await newGroup(3);
    const wrong = who === "leader" ? cluster.leader : cluster.followers[0];
    if (wrong === undefined) throw new Error("there is one");
    machineOf(wrong).commands.push("what nobody wrote");
    const others = cluster.members.filter((member) => member !== wrong);
    const [other] = others;
    if (other === undefined) throw new Error("there is another");
    // Its own calls settle, too, whatever becomes of them.
    const calls = Array.from({ length: digestEveryCount }, () => cluster.propose(wrong, "y"));
    await cluster.until(() => wrong.replica.status().state === "failed");
    await cluster.until(() => calls.every(({ isSettled }) => isSettled));
    expect(wrong.replica.status().failure).toMatch(/^diverged: after entry \d+ of term \d+/);
    expect(wrong.events.at(-1)).toMatchObject({ kind: "failed", error: { code: "diverged" } });
    for (const options of [{}, { consistency: "local" as const }]) {
      const read = cluster.ask(wrong, options);
      await cluster.settle();
      expect(read.code).toBe("closed");
    }

    await cluster.until(() => other.replica.status().leader !== wrong.id);
    await passAgreedIndex(cluster, other);
    for (const member of others) {
      expect(member.replica.status().state).toBe("running");
      expect(divergedIn(member)).toContainEqual(expect.objectContaining({ wrong: [wrong.id] }));
      expect(member.replica.status().digest?.agree).toContain(
        others.find((each) => each !== member)?.id,
      );
    }
    const starting = cluster.start(
      wrong.id,
      wrong.memory.afterPowerLoss(() => false),
    );
    await expect(starting).rejects.toMatchObject({ code: "diverged" });
    await cluster.close();
  },
);

test("of two voters that differ both go on, and both say so", async () => {
  const { cluster, machineOf } = await newGroup(2);
  machineOf(cluster.leader).commands.push("what nobody wrote");
  await passAgreedIndex(cluster, cluster.leader);
  for (const member of cluster.members) {
    expect(member.replica.status()).toMatchObject({
      state: "running",
      digest: { agree: [], differ: [3 - member.id] },
    });
    expect(divergedIn(member)).toContainEqual(expect.objectContaining({ wrong: [] }));
  }
  await cluster.close();
});

test("a replica that was away is compared when it comes back", async () => {
  const { cluster, machineOf } = await newGroup(3);
  const [away] = cluster.followers;
  if (away === undefined) throw new Error("there are followers");
  machineOf(away).commands.push("what nobody wrote");
  cluster.hub.isolate(away.id);
  await passAgreedIndex(cluster, cluster.leader);
  expect(away.replica.status().state).toBe("running");
  cluster.hub.rejoin(away.id);
  await cluster.until(() => away.replica.status().state === "failed");
  expect(away.replica.status().failure).toContain("diverged");
  await cluster.close();
});
