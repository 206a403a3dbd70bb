import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Message, newEntry, origin } from "@quorate/core";
import { FlightReplay, type Receiver } from "@quorate/runtime";
import { decodeBatch, encodeBatch, encodeFrame } from "@quorate/wire";
import { expect, onTestFinished, test } from "vitest";
import { flightFileCountMax, writeFlightRecord } from "../src/flight-files.ts";
import { startReplica } from "../src/start-replica.ts";
import { TcpNetwork } from "../src/tcp-network.ts";
import { startProgram, temporaryDirectory, until } from "./processes.ts";

/** The command as it is installed. */
const program = fileURLToPath(new URL("../../server/bin/quorate.js", import.meta.url));

/** A port that the system has free now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Leads a group of which node 1 is a member, as another process: it says what a test makes it say. */
class HandLeader {
  readonly #network: TcpNetwork;
  readonly #acknowledged: number[] = [];

  constructor(listen: string, follower: string) {
    const peers = new Map([[1, follower]]);
    this.#network = new TcpNetwork({ id: 2, clusterId: "default", listen, peers });
    onTestFinished(() => this.#network.close());
  }

  /** Resolves when node 1 is connected. */
  async open(): Promise<void> {
    const nobody = (): void => {};
    const connected = new Promise<void>((resolve) => {
      const handlers: Receiver = {
        onFrame: (_, { type, payload }) => {
          if (type === "raft") this.#listen(decodeBatch(payload));
        },
        onConnected: () => resolve(),
        onDisconnected: nobody,
        onRemoved: nobody,
        onPeerSeen: nobody,
      };
      void this.#network.open(handlers, new Uint8Array(16).fill(2));
    });
    await connected;
  }

  /** Sends the first `count` entries of a log. */
  append(count: number): void {
    const entries = [
      newEntry({ term, index: 1 }, "no-op"),
      newEntry({ term, index: 2 }, "command"),
    ];
    const message: Message = {
      ...{ kind: "append-entries", from: 2, to: 1, term, prev: origin, commitIndex: 0 },
      entries: entries.slice(0, count),
    };
    this.#network.send(1, encodeFrame("raft", encodeBatch([message])));
  }

  /** Resolves when node 1 has acknowledged the entries up to `index`. */
  acknowledged(index: number): Promise<void> {
    return until(`node 1 holds entry ${index}`, () => this.#acknowledged.includes(index));
  }

  #listen(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.kind === "append-entries-response") this.#acknowledged.push(message.matchIndex);
    }
  }
}

/** Newer than any in which node 1 campaigns by itself. */
const term = 1000;

test("a node whose core has a bug leaves a record, by which it fails again", async () => {
  const dataDir = join(await temporaryDirectory(), "1");
  const [own, peer, http] = [await freePort(), await freePort(), await freePort()];
  const address = (port: number): string => `127.0.0.1:${port}`;
  const cluster = `1=${address(own)},2=${address(peer)},3=${address(1)}`;
  const leader = new HandLeader(address(peer), address(own));
  const bug = ["--import", new URL("forgetful-log.mjs", import.meta.url).href];
  const node = startProgram(
    program,
    [
      ...["serve", "--id", "1", "--cluster", cluster, "--http", address(http)],
      ...["--data-dir", dataDir, "--tick-ms", "20", "--log-format", "json"],
    ],
    bug,
  );
  await leader.open();
  leader.append(1);
  await leader.acknowledged(1);
  // As after a loss: the leader repeats what it does not know to have arrived.
  leader.append(2);
  expect(await node.exit).toBe(1);
  const path = join(dataDir, "flight-1.qfr");
  expect(node.output()).toContain("wrote a flight record");
  expect(node.output()).toContain(path);

  const played = startProgram(program, ["replay", path, "--from", "1"], bug);
  expect(await played.exit).toBe(0);
  const lines = played.output().trimEnd().split("\n");
  expect(lines.at(-1)).toMatch(/^step \d+ fails as it was recorded: AssertionError: /);
  expect(played.output()).toContain("n2 -> n1 append-entries term=1000");

  // Without the bug the same steps are no failure.
  const replay = new FlightReplay(await readFile(path));
  replay.goTo(replay.stepCount);
  expect(replay.recordedFailure).toMatch(/^AssertionError: an entry is appended right after/);
  expect(replay.verdict).toEqual({ kind: "failed-elsewhere" });
});

test("a signal makes a node write a record, and it goes on", async () => {
  const dataDir = join(await temporaryDirectory(), "1");
  const [own, http] = [await freePort(), await freePort()];
  const node = startProgram(program, [
    ...["serve", "--id", "1", "--cluster", `1=127.0.0.1:${own}`, "--http", `127.0.0.1:${http}`],
    ...["--data-dir", dataDir, "--tick-ms", "20", "--log-format", "json"],
  ]);
  const url = `http://127.0.0.1:${http}`;
  await until("the node is ready", () =>
    fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  await fetch(`${url}/v1/kv/greeting`, { method: "PUT", body: "hello" });
  for (const number of [1, 2]) {
    node.process.kill("SIGUSR2");
    await until("the record is written", () => node.output().includes(`flight-${number}.qfr`));
    const replay = new FlightReplay(await readFile(join(dataDir, `flight-${number}.qfr`)));
    replay.goTo(replay.stepCount);
    expect(replay.verdict).toEqual({ kind: "same" });
    expect(replay.status()).toMatchObject({ role: "leader" });
  }
  // The same over the network, and by the command that asks for it.
  const answer = await fetch(`${url}/v1/flight-record`, { method: "POST" });
  expect(new FlightReplay(new Uint8Array(await answer.arrayBuffer())).stepCount).toBeGreaterThan(0);
  const copy = join(dataDir, "..", "copy.qfr");
  const asked = startProgram(program, ["flight-record", "--endpoints", url, "--out", copy]);
  expect(await asked.exit).toBe(0);
  expect(new FlightReplay(await readFile(copy)).stepCount).toBeGreaterThan(0);
  node.process.kill("SIGTERM");
  expect(await node.exit).toBe(0);
  // A data directory with records in it is one that a node starts from.
  const replica = await startReplica({
    id: 1,
    cluster: { 1: `127.0.0.1:${own}` },
    clusterId: "default",
    dataDir,
    stateMachine: { apply: (entries) => entries.map(() => new Uint8Array(0)), query: () => 0 },
    flightRecorderBytes: 0,
  });
  expect(replica.flightRecord()).toBeUndefined();
  await replica.close();
});

test("writeFlightRecord numbers its files and keeps the newest", async () => {
  const directory = await temporaryDirectory();
  await mkdir(join(directory, "flight-x.qfr"));
  await writeFile(join(directory, "flight-9.qfr"), "of before");
  const record = Uint8Array.of(1, 2, 3);
  const paths = await Promise.all([
    writeFlightRecord(directory, record),
    writeFlightRecord(directory, record),
  ]);
  expect(paths.toSorted()).toEqual(
    [10, 11].map((n) => join(directory, `flight-${n}.qfr`)).toSorted(),
  );
  for (let each = 0; each < flightFileCountMax; each++) await writeFlightRecord(directory, record);
  const names = (await readdir(directory)).filter((name) => name !== "flight-x.qfr");
  expect(names.length).toBe(flightFileCountMax);
  expect(names).toContain(`flight-${11 + flightFileCountMax}.qfr`);
  expect(names).not.toContain("flight-11.qfr");
  await expect(writeFlightRecord(join(directory, "missing"), record)).rejects.toMatchObject({
    code: "storage_failed",
  });
});
