import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FlightReplay, startReplica } from "quorate";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHttpServer } from "../src/http-server.ts";
import { KvStore } from "../src/kv-store.ts";
import { run } from "./cluster.ts";
import { freeRange } from "./free-ports.ts";
import { MemoryReplica } from "./memory-replica.ts";

let directory: string;
/** The record of a node that led, and took ten commands. */
let path: string;
let stepCount: number;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "quorate-replay-"));
  path = join(directory, "flight.qfr");
  const replica = await startReplica({
    id: 1,
    cluster: { 1: `127.0.0.1:${await freeRange(1)}` },
    dataDir: join(directory, "1"),
    stateMachine: new KvStore(),
    tickMs: 5,
  });
  for (let each = 0; each < 10; each++) await replica.propose(new Uint8Array(20));
  const record = replica.flightRecord();
  await replica.close();
  if (record === undefined) throw new Error("a record is kept by default");
  await writeFile(path, record);
  ({ stepCount } = new FlightReplay(record));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs `replay` and returns its lines. */
async function replay(options: readonly string[], input?: string): Promise<string[]> {
  const ended = await run(["replay", path, ...options], {
    ...(input === undefined ? {} : { input: Buffer.from(input) }),
  });
  expect([ended.exit.status, ended.stderr]).toEqual([0, ""]);
  return ended.stdout.trimEnd().split("\n");
}

test("replay shows every step, the last state, and that it is the one that was recorded", async () => {
  const lines = await replay([]);
  expect(lines.length).toBe(stepCount + 3);
  expect(lines.filter((line) => / propose 20 bytes/.test(line)).length).toBe(10);
  expect(lines.filter((line) => / => leader .*leader=n1/.test(line)).length).toBe(1);
  expect(lines.at(-3)).toMatch(/^n1 leader term=1 vote=n1 leader=n1 log=1\/11 .*applied=11$/);
  expect(lines.at(-2)).toMatch(/^fingerprint [0-9a-f]{16}$/);
  expect(lines.at(-1)).toBe(`after ${stepCount} steps the state is the one that was recorded`);
});

test("replay shows some steps, or one and the state after it, also as JSON", async () => {
  const all = await replay([]);
  const some = await replay(["--from", "5", "--to", "7"]);
  expect(some.length).toBe(6);
  // The first line says how things are, since it follows on nothing.
  expect(some.slice(1, 3)).toEqual(all.slice(5, 7));
  const [one = "", state] = await replay(["--at", "6"]);
  expect(one.startsWith("6 ")).toBe(true);
  expect(state).toMatch(/^n1 \S+ term=\d/);

  const parsed = (await replay(["--json"])).map((line): unknown => JSON.parse(line));
  expect(parsed.length).toBe(stepCount + 1);
  expect(parsed[4]).toMatchObject({ step: 5, role: expect.anything() as unknown });
  expect(parsed.at(-1)).toMatchObject({
    verdict: { kind: "same" },
    recordedFailure: null,
    status: { role: "leader", commitIndex: 11 },
  });
});

test("replay goes forward and back as it is told", async () => {
  const all = await replay([]);
  const head = (line = ""): string => line.replace(/ => .*/, "");
  const said = await replay(["--interactive"], "n\nn 2\np\ng 9\np 99\nx\nn y\ns\nq\nn\n");
  const [first, ...lines] = said;
  expect(first).toContain(`${stepCount} steps; `);
  expect(lines.slice(0, 6).map(head)).toEqual([
    ...[1, 2, 3, 2, 9].map((step) => head(all[step - 1])),
    "0 the beginning",
  ]);
  expect(lines.slice(6, 8)).toEqual([first?.split("; ")[1], '"y" is not a number of steps']);
  expect(lines.slice(8)[0]).toMatch(/^n1 follower/);
  expect(lines.at(-1)).toBe("the replay has not come to its end");
});

test("replay refuses what is no record", async () => {
  const refused = await run(["replay", join(directory, "missing.qfr")]);
  expect([refused.exit.status, refused.stderr]).toEqual([2, expect.stringContaining("ENOENT")]);
  const cut = join(directory, "cut.qfr");
  await writeFile(cut, (await readFile(path)).subarray(0, 100));
  const malformed = await run(["replay", cut]);
  expect(malformed.exit.status).toBe(2);
  expect(malformed.stderr).toContain("cut.qfr: a flight record cannot be read: ");
});

test("a node that keeps no record says so, and one that does gives it to whoever asks", async () => {
  const replica = new MemoryReplica();
  const server = createHttpServer(replica);
  const url = `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}`;
  const ask = (file: string) =>
    run(["flight-record", "--endpoints", url, "--out", join(directory, file)]);
  const none = await ask("none.qfr");
  expect([none.exit.status, none.stderr]).toEqual([1, expect.stringContaining("not_found")]);
  await expect(readFile(join(directory, "none.qfr"))).rejects.toThrow("ENOENT");

  replica.flight = new Uint8Array(5 * 1024 * 1024).fill(7);
  const some = await ask("some.qfr");
  expect([some.exit.status, some.stderr]).toEqual([0, ""]);
  expect(replica.flight).toHaveLength(5 * 1024 * 1024);
  expect(Buffer.compare(await readFile(join(directory, "some.qfr")), replica.flight)).toBe(0);
  const again = await ask("some.qfr");
  expect([again.exit.status, again.stderr]).toEqual([2, expect.stringContaining("EEXIST")]);
  await server.close();
});
