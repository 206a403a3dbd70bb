import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CommandProcess, program, run } from "./cluster.ts";
import { until } from "./until.ts";

const execute = promisify(execFile);

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "quorate-sim-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs `quorate sim` to its end. */
async function sim(...options: readonly string[]) {
  const { exit, stdout, stderr } = await run(["sim", ...options], { cwd: directory });
  return { status: exit.status, stdout, stderr };
}

const scenario = new URL("../../sim/test/scenarios/flaw-forgets-vote.txt", import.meta.url);

test("sim runs seeds on several threads and says what it has seen", async () => {
  const failures = join(directory, "none.jsonl");
  const { status, stdout } = await sim("--seeds", "1-12", "--jobs", "2", "--failures", failures);
  expect(stdout).toMatch(/^core: 12 seeds from 1 in .* 0 failed$/m);
  expect(stdout).toMatch(/^ {2}election-won +\d+$/m);
  expect(status).toBe(0);
});

test("sim runs whole replicas", async () => {
  const failures = join(directory, "whole.jsonl");
  const range = ["--seeds", "1-4", "--failures", failures];
  const { status, stdout } = await sim("--level", "whole", ...range);
  expect(stdout).toMatch(/^whole: 4 seeds from 1 in .* 0 failed$/m);
  expect(status).toBe(0);
});

test("sim runs a seed the same way each time, and tells it line by line", async () => {
  const first = await sim("--seed", "3");
  const second = await sim("--seed", "3", "--print");
  expect(first.stdout).toMatch(/^seed 3: \d+ events in \d+ ticks, hash [0-9a-f]{16}$/m);
  expect(second.stdout.endsWith(`\n${first.stdout}`)).toBe(true);
  expect(second.stdout).toMatch(/^deliver n\d -> n\d request-vote/m);
});

test("sim writes the events of a run for tools to read", async () => {
  const [trace, tla] = [join(directory, "trace.jsonl"), join(directory, "tla.jsonl")];
  const { status } = await sim("--seed", "3", "--trace", trace, "--tla", tla);
  expect(status).toBe(0);
  for (const file of [trace, tla]) {
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(100);
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
  }

  const replayed = await sim("--replay", scenario.pathname, "--trace", trace);
  expect(replayed.status).toBe(0);
  expect(await readFile(trace, "utf8")).toContain('"kind":"crashed"');
});

test("sim tries seeds again that failed before, and forgets those that do not", async () => {
  const failures = join(directory, "before.jsonl");
  await writeFile(failures, '{"level":"core","seed":5,"commit":"0","what":"I1: two leaders"}\n');
  const { status, stdout } = await sim("--seeds", "1-2", "--failures", failures);
  expect(stdout).toContain("seed 5 failed before, and does not now");
  expect(status).toBe(0);
  expect(await readFile(failures, "utf8")).toBe("");
});

test("sim replays a scenario, and says if it ends as expected", async () => {
  const as = await sim("--replay", scenario.pathname);
  expect(as.stdout).toContain("flaw-forgets-vote.txt: I7, expected I7");
  expect(as.status).toBe(0);

  const file = join(directory, "honest.txt");
  const text = await readFile(scenario, "utf8");
  await writeFile(file, text.replace(/^flaw .*\n/m, ""));
  const otherwise = await sim("--replay", file);
  expect(otherwise.stdout).toContain("honest.txt: holds, expected I7");
  expect(otherwise.status).toBe(1);
});

test("sim explains what it cannot do", async () => {
  const wrong = join(directory, "wrong.txt");
  await writeFile(wrong, "level core\nfly n1\n");
  const list = join(directory, "wrong.jsonl");
  await writeFile(list, "no list\n");
  const full = existsSync("/dev/full") ? "/dev/full" : join(directory, "no", "full");
  const wholeScenario = join(directory, "whole.txt");
  await writeFile(wholeScenario, "level whole\nexpect holds\n");
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["--replay", wrong], "line 2: "],
    [["--replay", join(directory, "absent.txt")], "ENOENT"],
    [["--seeds", "9-1"], "not a range A-B: 9-1"],
    [["--seed", "one"], "must be an integer"],
    [["--level", "moon"], "Allowed choices are"],
    [["--seeds", "1-2", "--trace", wrong], "--trace and --tla are for one seed"],
    [["--level", "whole", "--seed", "1", "--tla", wrong], "of the core level"],
    [["--seed", "1", "--trace", join(directory, "no", "trace")], "ENOENT"],
    // Its trace is long enough to be written while the seed runs.
    [["--seed", "24", "--trace", full], full],
    [["--replay", scenario.pathname, "--tla", full], full],
    [["--replay", wholeScenario, "--trace", wrong], "of the core level"],
    [["--seeds", "1-2", "--print"], "--print is for one seed, or one scenario"],
    [["--seed", "1", "--seeds", "1-2"], "cannot be used with option '--seeds <A-B>'"],
    [["--seed", "1", "--replay", wrong], "cannot be used with option '--replay <file>'"],
    [["--replay", wrong, "--minutes", "1"], "cannot be used with option '--minutes <count>'"],
    [["--seeds", "0-999999999999999"], "seeds go up to 281474976710656"],
    [["--seeds", "1-1", "--failures", directory], "EISDIR"],
    [["--seeds", "1-1", "--failures", list], "wrong.jsonl, line 1: not a failure of a simulation"],
  ];
  for (const [options, message] of cases) {
    const { status, stderr } = await sim(...options);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  }
});

test("a campaign that is interrupted says what it has seen", async () => {
  const failures = join(directory, "interrupted.jsonl");
  await writeFile(failures, '{"level":"core","seed":5,"commit":"0","what":"I1: two leaders"}\n');
  const range = ["--seeds", "1-100000000", "--jobs", "2", "--failures", failures];
  const command = new CommandProcess(["sim", ...range], { cwd: directory });
  try {
    await until("it has begun", () => command.stdout.includes("seed 5 failed before"));
    command.signal("SIGINT");
    const { status } = await command.exited;
    expect(command.stdout).toMatch(/^core: \d+ seeds from 1 in .* 0 failed$/m);
    expect(status).toBe(0);
  } finally {
    await command.kill();
  }
});

test("a run whose reader goes away ends quietly", async () => {
  const command = ["sim", "--seed", "3", "--print"];
  const { stdout, stderr } = await execute("sh", [
    "-c",
    `"$0" "$@" | head -n 1`,
    process.execPath,
    program,
    ...command,
  ]);
  expect(stdout).toBe("0\n");
  expect(stderr).toBe("");
});
