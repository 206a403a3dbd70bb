import { MemoryDisk } from "@quorate/wal/testing";
import { describe, expect, test } from "vitest";
import { Cluster, type ClusterOptions, type Member } from "./cluster.ts";
import { LastWord } from "./last-word.ts";

const segmentBytes = 4096;
const usual: ClusterOptions = { segmentBytes, reserveBytes: 8192, diskFullRetryMs: 100 };
/** A command of which few fit into a segment. */
const big = ".".repeat(700);

/** A group of one over a disk with `capacityBytes`, and its state machine. */
async function alone(
  capacityBytes: number,
  options: ClusterOptions = {},
): Promise<{ cluster: Cluster; member: Member; machine: LastWord }> {
  const machine = new LastWord();
  const cluster = new Cluster(1, { ...usual, ...options, stateMachine: machine });
  const member = await cluster.start(1, new MemoryDisk({ capacityBytes }));
  await cluster.untilLed();
  return { cluster, member, machine };
}

/** A group of three, each with a small state. */
async function trio(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = new Cluster(3, { ...usual, ...options });
  for (const id of cluster.voters) {
    await cluster.start(id, new MemoryDisk(), { stateMachine: new LastWord() });
  }
  await cluster.untilLed();
  await cluster.run(1500);
  return cluster;
}

function kinds({ events }: Member): readonly string[] {
  return events.map(({ kind }) => kind);
}

/** Writes until a proposal is refused for want of room. */
async function fill(cluster: Cluster, member: Member): Promise<void> {
  for (let number = 0; number < 100; number++) {
    const call = cluster.propose(member, big, 500);
    await cluster.until(() => call.isSettled || member.replica.status().state === "full");
    if (member.replica.status().state === "full") return;
  }
  expect.unreachable("the disk is full by now");
}

/** Leaves no room beyond what is in use. */
function close({ memory }: Member): void {
  memory.capacityBytes = memory.bytes;
}

describe("a disk at its limit", () => {
  test.each([0, 8192])(
    "holds an endless load of writes to a small state, reserve %i",
    async (r) => {
      const { cluster, member } = await alone(6 * segmentBytes + r, { reserveBytes: r });
      for (let number = 0; number < 300; number++) {
        expect(await cluster.write(member, `${big}${number}`)).toBe(`${big}${number}`);
      }
      // Nobody was refused: room was made ahead.
      expect(kinds(member)).not.toContain("disk-full");
      expect(kinds(member)).toContain("snapshot-taken");
      expect(member.memory.bytes).toBeLessThanOrEqual(member.memory.capacityBytes);
      await cluster.close();
    },
  );

  test("that is full of log is made room on by itself, and proposals go on", async () => {
    const { cluster, member } = await alone(Number.POSITIVE_INFINITY);
    for (let number = 0; number < 20; number++) await cluster.write(member, big);
    close(member);
    await fill(cluster, member);
    await cluster.until(() => member.replica.status().state === "running");
    expect(await cluster.write(member, "after")).toBe("after");
    const told = kinds(member);
    expect(told.filter((kind) => kind.startsWith("disk-"))).toEqual([
      "disk-full",
      "disk-recovered",
    ]);
    expect(told.indexOf("snapshot-taken")).toBeLessThan(told.indexOf("disk-recovered"));
    expect(member.memory.bytes).toBeLessThanOrEqual(member.memory.capacityBytes);
    await cluster.close();
  });

  test("that is full of something else refuses proposals and answers reads", async () => {
    const { cluster, member } = await alone(Number.POSITIVE_INFINITY);
    await cluster.write(member, "before");
    // The log is one segment, and nothing can be let go of.
    close(member);
    member.memory.writeFile("ballast", new Uint8Array(100_000));
    member.memory.capacityBytes += 100_000;
    await fill(cluster, member);
    await cluster.run(2000);
    // What was taken went into the room of the reserve.
    expect(member.replica.status()).toMatchObject({ state: "full", unpersistedBytes: 0 });
    expect(["segment", "reserve"]).toContain(member.replica.status().diskLacks);
    const refused = cluster.propose(member, "refused");
    await cluster.settle();
    expect([refused.code, refused.error.outcome]).toEqual(["disk_full", "not-applied"]);
    expect(await cluster.read(member)).toEqual([big]);
    await member.memory.remove("ballast");
    await cluster.until(() => member.replica.status().state === "running");
    expect(member.replica.status().diskLacks).toBeUndefined();
    expect(await cluster.write(member, "after")).toBe("after");
    await cluster.close();
  });

  test("lets what was promised into a reserve that is smaller than a segment", async () => {
    const { cluster, member } = await alone(Number.POSITIVE_INFINITY, { reserveBytes: 2560 });
    close(member);
    await fill(cluster, member);
    await cluster.run(2000);
    expect(member.replica.status()).toMatchObject({ state: "full", unpersistedBytes: 0 });
    expect(await cluster.read(member)).toEqual([big]);
    await cluster.close();
  });

  test("takes no proposals before the reserve and the next segment are back", async () => {
    const { cluster, member } = await alone(Number.POSITIVE_INFINITY);
    close(member);
    await fill(cluster, member);
    await cluster.run(500);
    const states: string[] = [];
    const enough = member.memory.bytes + segmentBytes + 8192;
    while (member.replica.status().state === "full") {
      member.memory.capacityBytes += 64;
      await cluster.run(300);
      states.push(member.replica.status().state);
      expect(member.memory.capacityBytes).toBeLessThanOrEqual(enough + 64);
    }
    expect(states.length).toBeGreaterThan(10);
    expect(kinds(member).filter((kind) => kind.startsWith("disk-"))).toEqual([
      "disk-full",
      "disk-recovered",
    ]);
    await cluster.close();
  });

  test("with a state larger than the reserve says so, and goes on once there is room", async () => {
    const { cluster, member, machine } = await alone(Number.POSITIVE_INFINITY);
    machine.stateBytes = 100_000;
    for (let number = 0; number < 20; number++) await cluster.write(member, big);
    close(member);
    await fill(cluster, member);
    await cluster.run(2000);
    expect(member.replica.status()).toMatchObject({ state: "full", diskLacks: "snapshot" });
    const failed = member.events.find(({ kind }) => kind === "snapshot-failed");
    expect(failed).toMatchObject({ error: { code: "disk_full" } });
    expect(await cluster.read(member)).toEqual([big]);
    member.memory.capacityBytes += 110_000;
    await cluster.until(() => member.replica.status().state === "running");
    await cluster.close();
  });

  test("is no reason not to start: reads are answered, and room is made if it can be", async () => {
    const { cluster, member } = await alone(Number.POSITIVE_INFINITY);
    await cluster.write(member, "before");
    const left = await cluster.crash(1);
    await left.remove("reserve");
    await left.syncDirectory();
    left.capacityBytes = left.bytes;
    const machine = new LastWord();
    const again = await cluster.start(1, left, { stateMachine: machine });
    expect(again.replica.status()).toMatchObject({ state: "full", diskLacks: "reserve" });
    await cluster.untilLed();
    expect(kinds(again)).toContain("disk-full");
    expect(await cluster.read(again)).toEqual(["before"]);
    const refused = cluster.propose(again, "refused");
    await cluster.settle();
    expect(refused.code).toBe("disk_full");
    left.capacityBytes = Number.POSITIVE_INFINITY;
    await cluster.until(() => again.replica.status().state === "running");
    expect(await cluster.write(again, "after")).toBe("after");
    await cluster.close();
  });

  test("that a process was killed on is full of the same after a restart, and recovers", async () => {
    const { cluster, member, machine } = await alone(Number.POSITIVE_INFINITY);
    machine.stateBytes = 100_000;
    for (let number = 0; number < 20; number++) await cluster.write(member, big);
    close(member);
    await fill(cluster, member);
    await cluster.run(350);
    const left = await cluster.crash(1, () => true);
    // The state is small again, and so its snapshot makes room.
    const again = await cluster.start(1, left, { stateMachine: new LastWord() });
    await cluster.until(() => again.replica.status().state === "running");
    expect(left.bytes).toBeLessThanOrEqual(left.capacityBytes);
    expect(await cluster.write(again, "after")).toBe("after");
    await cluster.close();
  });
});

describe("a group with full disks", () => {
  test("all full of log at once makes room on each of them", async () => {
    const cluster = await trio();
    for (let number = 0; number < 20; number++) await cluster.write(cluster.leader, big);
    for (const member of cluster.members) close(member);
    for (let number = 0; number < 60; number++) {
      cluster.propose(cluster.leader, big, 200);
      await cluster.run(50);
    }
    await cluster.until(() =>
      cluster.members.every(({ replica }) => replica.status().state === "running"),
    );
    await cluster.untilLed();
    expect(await cluster.write(cluster.leader, "after")).toBe("after");
    for (const { memory } of cluster.members) {
      expect(memory.bytes).toBeLessThanOrEqual(memory.capacityBytes);
    }
    await cluster.close();
  });

  test("that all start on a full disk elects a leader, and answers reads", async () => {
    const cluster = await trio();
    await cluster.write(cluster.leader, "before");
    await cluster.run(500);
    const disks = [];
    for (const id of cluster.voters) {
      const left = await cluster.crash(id);
      await left.remove("reserve");
      await left.syncDirectory();
      left.capacityBytes = left.bytes;
      disks.push(left);
    }
    for (const [place, left] of disks.entries()) {
      await cluster.start(place + 1, left, { stateMachine: new LastWord() });
    }
    await cluster.until(() =>
      cluster.members.some(({ replica }) => replica.status().role === "leader"),
    );
    for (const member of cluster.members) {
      const read = cluster.ask(member, { timeoutMs: 60_000 });
      await cluster.until(() => read.isSettled);
      expect(read.value.answer).toEqual(["before"]);
      expect(member.replica.status().state).toBe("full");
    }
    for (const left of disks) left.capacityBytes = Number.POSITIVE_INFINITY;
    await cluster.until(() =>
      cluster.members.every(({ replica }) => replica.status().state === "running"),
    );
    await cluster.untilLed();
    expect(await cluster.write(cluster.leader, "after")).toBe("after");
    await cluster.close();
  });

  test("gives a follower its snapshot, though its disk is full but for the reserve", async () => {
    const cluster = await trio({
      snapshotEveryCount: 10,
      snapshotTailBytes: 0,
      snapshotKeepBytesMax: 0,
    });
    const [behind] = cluster.followers;
    if (behind === undefined) throw new Error("there are followers");
    const left = await cluster.crash(behind.id);
    for (let number = 0; number < 30; number++) await cluster.write(cluster.leader, big);
    left.capacityBytes = left.bytes;
    const again = await cluster.start(behind.id, left, { stateMachine: new LastWord() });
    await cluster.until(() => kinds(again).includes("snapshot-received"));
    expect(kinds(again)).toContain("disk-full");
    left.capacityBytes += 3 * segmentBytes;
    await cluster.until(() => again.replica.status().state === "running");
    await cluster.untilLed();
    expect(await cluster.read(again, { consistency: "local" })).toEqual([big]);
    await cluster.close();
  });
});

test("a write on a full disk does not wait for ever for a state machine with its own", async () => {
  const machine = new LastWord();
  const durable = {
    apply: (entries: Parameters<LastWord["apply"]>[0]) => machine.apply(entries),
    query: () => machine.query(),
    snapshots: {
      kind: "durable",
      // It never gets to write anything down.
      appliedIndex: () => Promise.resolve(0),
      pin: () => Promise.reject(new Error("not asked for")),
      restore: () => Promise.reject(new Error("not asked for")),
    },
  } as const;
  const cluster = new Cluster(1, { ...usual, stateMachine: durable });
  const member = await cluster.start(1);
  await cluster.untilLed();
  for (let number = 0; number < 20; number++) await cluster.write(member, big);
  close(member);
  await fill(cluster, member);
  // Ten attempts' time later what was taken goes into the reserve.
  await cluster.until(() => member.replica.status().unpersistedBytes === 0);
  expect(member.replica.status().state).toBe("full");
  await cluster.close();
});
