import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { historyFormats, modelNames } from "@quorate/sim";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formats, models } from "../src/cli/check-settings.ts";
import { run } from "./cluster.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "quorate-check-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs `quorate check` on a file of these lines. */
async function check(lines: readonly string[], ...options: readonly string[]) {
  await writeFile(join(directory, "history"), lines.join("\n"));
  const { exit, stdout, stderr } = await run(["check", "history", ...options], { cwd: directory });
  return { status: exit.status, stdout, stderr };
}

const legal = [
  '{"client":1,"type":"invoke","op":"put","key":"a","value":"x"}',
  '{"client":1,"type":"ok","index":3}',
  '{"client":2,"type":"invoke","op":"get","key":"a"}',
  '{"client":2,"type":"ok","value":"x","modifiedIndex":3}',
];
const illegal = legal.with(3, '{"client":2,"type":"ok","value":null}');

test("check says with status 0 that a history is linearizable", async () => {
  expect(await check(legal)).toEqual({
    status: 0,
    stdout: "ok: 2 operations on 1 key, model kv, 2 steps\n",
    stderr: "",
  });
});

test("check says with status 1 where a history is not", async () => {
  const { status, stdout, stderr } = await check(illegal);
  expect([status, stderr]).toEqual([1, ""]);
  expect(stdout).toContain('key "a", up to line 4: no order of these explains their results\n');
  expect(stdout).toContain(
    'lines 1–2  client 1  put "x" at 3\n  lines 3–4  client 2  get → null\n',
  );
});

test("check tells all there is as JSON", async () => {
  const { status, stdout } = await check(illegal, "--json");
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: "illegal",
    model: "kv",
    window: { key: "a", isSmallest: true, last: { client: 2, line: 3, endLine: 4 } },
  });
});

test("check says with status 4 that the budget ran out", async () => {
  const more = [...legal, ...legal.slice(0, 2).map((line) => line.replace('"x"', '"y"'))];
  const { status, stdout } = await check(more, "--budget", "1");
  expect([status, stdout.split("\n")[1]]).toEqual([4, 'key "a": the budget of steps ran out']);
});

test("check reads standard input, and other formats", async () => {
  const input = Buffer.from("[{:process 1, :type :invoke, :f :write, :value 3}]");
  const piped = await run(["check", "-"], { cwd: directory, input });
  expect([piped.exit.status, piped.stdout]).toEqual([
    0,
    "ok: 1 operation on 1 key, model register, 0 steps\n",
  ]);
  const log = "INFO  jepsen.util - 0 :invoke :read nil\nINFO  jepsen.util - 0 :ok :read 7";
  expect((await check([log], "--format", "porcupine")).status).toBe(1);
});

test.each([
  [["{}"], "history: line 1: type is missing, must be a string"],
  [[], "history: there is no operation"],
  [['{"client":1,"type":"invoke","op":"read"}'], "must be one of get, put, append, delete"],
])("check refuses %j with status 2 and says why", async (lines, message) => {
  const { status, stdout, stderr } = await check(lines, "--model", "kv", "--format", "jsonl");
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(message);
});

test("check refuses what it cannot read with status 2", async () => {
  const missing = await run(["check", "nowhere.jsonl"], { cwd: directory });
  expect([missing.exit.status, missing.stderr]).toEqual([
    2,
    expect.stringContaining("cannot read nowhere.jsonl: ENOENT"),
  ]);
  const binary = await run(["check", "-"], { cwd: directory, input: Uint8Array.of(0x7b, 0xff) });
  expect([binary.exit.status, binary.stderr]).toEqual([2, "quorate: -: is not UTF-8\n"]);
  for (const options of [["--format", "csv"], ["--model", "queue"], ["--budget", "0"], []]) {
    const refused = await run(["check", ...options], { cwd: directory });
    expect(refused.exit.status).toBe(2);
  }
});

test("check knows all formats and models", () => {
  expect(formats).toEqual(historyFormats);
  expect(models).toEqual(modelNames);
});
