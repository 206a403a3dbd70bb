import { cp, mkdir, mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspectDataDir } from "quorate";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "../src/client.ts";
import { CommandProcess, run } from "./cluster.ts";
import { freePorts } from "./free-ports.ts";

let directory: string;
/** What is left of nodes 1 and 2 of three; node 3 never was. */
let left: readonly [string, string];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "quorate-data-dir-"));
  left = [join(directory, "1"), join(directory, "2")];
  const [a, b, c, d, e] = await freePorts(5);
  const cluster = `1=127.0.0.1:${a},2=127.0.0.1:${b},3=127.0.0.1:${c}`;
  const nodes = left.map((dataDir, at) => {
    const http = `127.0.0.1:${at === 0 ? d : e}`;
    const own = ["--id", String(at + 1), "--data-dir", dataDir, "--http", http];
    const usual = ["--cluster-id", "docs", "--tick-ms", "50", "--segment-bytes", "4096"];
    return new CommandProcess(
      ["serve", ...own, ...usual, "--cluster", cluster, "--exit-with-parent"],
      { tied: true },
    );
  });
  const client = new Client({ endpoints: [`http://127.0.0.1:${d}`, `http://127.0.0.1:${e}`] });
  const put = (key: string, value: Uint8Array): Promise<unknown> =>
    client.put(Buffer.from(key), value, { timeoutMs: 60_000 });
  await put("greeting", Buffer.from("hello"));
  await put("bytes", Uint8Array.of(0xff, 0xfe));
  for (let at = 0; at < 20; at++) await put("long", Buffer.alloc(300, "x"));
  await client.delete(Buffer.from("long"), { timeoutMs: 60_000 });
  client.close();
  await Promise.all(nodes.map((node) => node.kill()));
}, 120_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

/** A copy of what is left of node 1, in which the batch `back` before the last is damaged. */
async function damagedCopy(name: string, back: number): Promise<string> {
  const copy = join(directory, name);
  await cp(left[0], copy, { recursive: true, filter: (path) => !path.includes(".lock-") });
  const places: { readonly sequence: number; readonly offset: number }[] = [];
  let sequence = 0;
  await inspectDataDir(copy, {
    watcher: {
      onSegment: async (header) => {
        ({ sequence } = header);
      },
      onBatch: async ({ offset }) => {
        places.push({ sequence, offset });
      },
    },
  });
  const place = places.at(-1 - back);
  if (place === undefined) throw new Error("the log is too short");
  const path = join(copy, `${place.sequence.toString(16).padStart(16, "0")}.wal`);
  const file = await open(path, "r+");
  await file.write(Buffer.from("rot"), 0, 3, place.offset + 20);
  await file.close();
  return copy;
}

test("log inspect shows segments, batches, entries with their commands, and whose log it is", async () => {
  const { exit, stdout, stderr } = await run(["log", "inspect", left[0], "--entries", "1-100"]);
  expect([exit.status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^0000000000000001\.wal, 4096 bytes\n {2}offset +bytes +batch +entries/);
  expect(stdout).toContain("0000000000000002.wal, 4096 bytes");
  expect(stdout).toMatch(/\n {4}\d+\/\d+ no-op\n/);
  expect(stdout).toMatch(/\n {4}\d+\/\d+ command, 14 bytes: open a session, kept for \d+ ms\n/);
  expect(stdout).toMatch(
    /\n {4}\d+\/\d+ command, 43 bytes: session \d+, number 1: put "greeting" = "hello"\n/,
  );
  expect(stdout).toContain('put "bytes" = 0xfffe\n');
  expect(stdout).toContain(`put "long" = "${"x".repeat(40)}" and 260 bytes\n`);
  expect(stdout).toContain(': delete "long"\n');
  expect(stdout).toMatch(/\ngroup {6}docs\nnode {7}1, incarnation [0-9a-f]{32}\n/);
  expect(stdout).toMatch(/\nmembers {4}voters 1, 2, 3, as of \d+\n/);
  expect(stdout.endsWith("\nverdict    a start takes it\n")).toBe(true);

  const all = await run(["log", "inspect", left[0]]);
  expect(all.stdout).not.toContain("command,");
  const { log } = await inspectDataDir(left[0]);
  const few = await run(["log", "inspect", left[0], "--entries", `${log.last.index}`]);
  expect(few.stdout.match(/ command, /g)).toHaveLength(1);
});

test("log inspect --json is a line for each thing", async () => {
  const { exit, stdout } = await run(["log", "inspect", left[0], "--json", "--entries", "1-100"]);
  expect(exit.status).toBe(0);
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  expect(lines[0]).toMatchObject({ kind: "segment", sequence: 1, bytes: 4096 });
  const entries = lines.filter((line) => JSON.stringify(line).startsWith('{"kind":"entry",'));
  expect(entries[2]).toMatchObject({
    entryKind: "command",
    bytes: 43,
    session: { kind: "command", sequence: 1 },
    command: { kind: "put", key: "Z3JlZXRpbmc=", value: "aGVsbG8=" },
  });
  const { log } = await inspectDataDir(left[0]);
  expect(lines.at(-1)).toMatchObject({
    kind: "log",
    identity: { clusterId: "docs", nodeId: 1 },
    last: log.last,
    hardState: log.hardState,
    damages: [],
  });
});

test("log verify tells a whole log, a damaged one, and none", async () => {
  const whole = await run(["log", "verify", left[0]]);
  expect([whole.exit.status, whole.stdout]).toEqual([
    0,
    expect.stringMatching(
      /^.*: last entry \d+\/\d+, commit \d+; .*\nverdict {2}a start takes it\n$/,
    ),
  ]);

  const rotten = await damagedCopy("rotten", 1);
  const before = (await readdir(rotten)).sort();
  for (const command of ["verify", "inspect"]) {
    const found = await run(["log", command, rotten]);
    expect(found.exit.status).toBe(1);
    expect(found.stdout).toMatch(
      /damaged +corrupt: 0{15}\d\.wal, byte \d+: .*; restore this file exactly/,
    );
  }
  const json = await run(["log", "verify", rotten, "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ damages: [{ code: "corrupt" }] });
  expect((await readdir(rotten)).sort()).toEqual(before);

  const empty = join(directory, "empty");
  await mkdir(empty);
  for (const [path, message] of [
    [empty, `there is no log in ${empty}`],
    [join(directory, "missing"), "ENOENT"],
  ] as const) {
    const none = await run(["log", "verify", path]);
    expect([none.exit.status, none.stdout]).toEqual([1, ""]);
    expect(none.stderr).toContain(message);
  }
  expect((await run(["log", "inspect", left[0], "--entries", "5-3"])).exit.status).toBe(2);
});

test("a reader that stops early ends an inspection, without a complaint", async () => {
  const inspection = new CommandProcess(["log", "inspect", left[0], "--entries", "1-100"]);
  inspection.stopReading();
  expect(await inspection.exited).toEqual({ status: 0, signal: null });
  expect(inspection.stderr).toBe("");
});

test("recover --report tells how far each is, and how they are compared", async () => {
  const { log } = await inspectDataDir(left[0]);
  const { term, index } = log.last;
  const both = ["--data-dir", left[0], "--data-dir", left[1]];
  const told = await run(["recover", ...both, "--report"]);
  expect([told.exit.status, told.stderr]).toEqual([0, ""]);
  expect(told.stdout).toContain(`node 1 of docs: last entry ${term}/${index}, committed up to `);
  expect(told.stdout).toContain("told elsewhere as: --other 2=");
  expect(told.stdout).toContain("Go on from the node whose last entry has the highest term");
  const json = await run(["recover", ...both, "--report", "--json"]);
  expect(json.stdout.trimEnd().split("\n")).toHaveLength(2);
  const rotten = await damagedCopy("rotten-report", 1);
  expect((await run(["recover", "--data-dir", rotten, "--report"])).exit.status).toBe(1);
});

test("recover refuses a majority, a log that is behind another, and what was not confirmed", async () => {
  const into = join(directory, "refused");
  const one = ["recover", "--data-dir", left[0], "--into", into];
  const { log } = await inspectDataDir(left[0]);
  for (const [options, status, message] of [
    [[...one, "--data-dir", left[1], "--yes"], 2, "a majority of voters 1, 2, 3 is here"],
    [[...one, "--other", "2=1/1", "--yes"], 2, "a majority of voters 1, 2, 3 is here"],
    [[...one, "--other", "4=99/1", "--yes"], 2, "node 4 has entries up to index 1 of term 99"],
    [[...one, "--other", "4", "--yes"], 2, "must be as 2=5/1234"],
    [[...one, "--cluster-id", "docs", "--yes"], 2, "clusterId must be new"],
    [[...one, "--up-to", "1", "--yes"], 2, "that takes force"],
    [["recover", "--data-dir", left[0], "--yes"], 2, "give --into, or --report to only look"],
    [["recover", "--into", into], 2, "required option '--data-dir <dir>' not specified"],
    [one, 1, "that is not its name; nothing was done"],
  ] as const) {
    const { exit, stderr } = await run(options);
    expect([options, exit.status, stderr]).toEqual([
      options,
      status,
      expect.stringContaining(message),
    ]);
  }
  expect(await readdir(directory)).not.toContain("refused");
  expect(log.damages).toEqual([]);
});

test("recover says what stands before a damage, and goes on with that if it is told to", async () => {
  // The last batch was no entry's, or the last one's: the one before it is one that counts.
  const rotten = await damagedCopy("rotten-recover", 3);
  const into = join(directory, "mended");
  const options = ["recover", "--data-dir", rotten, "--into", into, "--yes", "--force"];
  const refused = await run(options);
  expect(refused.exit.status).toBe(1);
  expect(refused.stderr).toMatch(/^quorate: \S+rotten-recover: [0-9a-f]{16}\.wal, byte \d+: /);
  const last = /up to index (\d+)\n$/.exec(refused.stderr)?.[1] ?? "";
  expect(Number(last)).toBeGreaterThan(5);
  const done = await run([...options, "--up-to", last, "--cluster-id", "docs-again", "--id", "9"]);
  expect([done.exit.status, done.stderr]).toEqual([0, ""]);
  expect(done.stdout).toContain("what stood after the damage;");
  expect(done.stdout).toContain("--cluster-id docs-again");
  expect((await inspectDataDir(into)).log).toMatchObject({
    identity: { clusterId: "docs-again", nodeId: 9 },
    last: { index: Number(last) },
    damages: [],
  });
});
