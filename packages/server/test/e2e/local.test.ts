import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CommandProcess, run } from "../cluster.ts";
import { freeRange } from "../free-ports.ts";
import { until } from "../until.ts";

const nodeCount = 3;
let directory: string;
let httpPort: number;
let peerPort: number;
let processes: CommandProcess[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "quorate-local-"));
  const first = await freeRange(2 * nodeCount);
  [httpPort, peerPort, processes] = [first, first + nodeCount, []];
});

afterEach(async () => {
  for (const local of processes) {
    local.signal("SIGTERM");
    await local.exited;
    await until("its nodes are gone", () => pidsOf(local).every((pid) => !isAlive(pid)));
  }
  await rm(directory, { recursive: true, force: true });
});

function start(commandLine: readonly string[]): CommandProcess {
  const process = new CommandProcess(commandLine, { cwd: directory });
  processes.push(process);
  return process;
}

function startLocal(): CommandProcess {
  return start(["local", "--http-port", String(httpPort), "--peer-port", String(peerPort)]);
}

async function printed(command: CommandProcess, text: string | RegExp): Promise<void> {
  try {
    const isThere = (): boolean =>
      typeof text === "string" ? command.stdout.includes(text) : text.test(command.stdout);
    await until(`"${text}" is printed`, isThere, 60_000);
  } catch (cause) {
    throw new Error(`${command.stdout}${command.stderr}`, { cause });
  }
}

/** The process ids of the nodes, as they were printed at the start. */
function pidsOf(local: CommandProcess): number[] {
  return [...local.stdout.matchAll(/^ {2}node \d .* pid (\d+)$/gm)].map(([, pid]) => Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The command lines in what was printed, as `npx quorate ...` or as a call to kill. */
function suggestions(local: CommandProcess): string[][] {
  const lines = [...local.stdout.matchAll(/^ {2}((?:npx quorate|kill) .*)$/gm)];
  return lines.map(([, line]) => (line ?? "").split(" "));
}

test("local prints where its nodes are and commands that work, and finds its data again", async () => {
  const first = startLocal();
  await printed(first, "Ctrl-C stops all nodes.");
  expect(pidsOf(first)).toHaveLength(nodeCount);
  expect(first.stdout).toMatch(/^Node \d leads, in term \d+\.$/m);
  for (let at = 0; at < nodeCount; at++) {
    const [http, peers] = [`http://127.0.0.1:${httpPort + at}`, `127.0.0.1:${peerPort + at}`];
    expect(first.stdout).toContain(`node ${at + 1}  ${http}  peers ${peers}  pid `);
  }

  const [put = [], get = [], status = [], kill = []] = suggestions(first);
  expect((await run(put.slice(2))).exit.status).toBe(0);
  expect((await run(get.slice(2))).stdout).toBe("hello");
  expect((await run(status.slice(2))).stdout).toContain("leader");
  expect(kill.slice(0, 2)).toEqual(["kill", "-9"]);
  expect(pidsOf(first)).toContain(Number(kill[2]));

  first.signal("SIGINT");
  expect([await first.exited, first.stderr]).toEqual([{ status: 0, signal: null }, ""]);
  expect(pidsOf(first).some(isAlive)).toBe(false);
  expect(existsSync(join(directory, "data/local/node-1"))).toBe(true);

  const second = startLocal();
  await printed(second, "Ctrl-C stops all nodes.");
  expect((await run(get.slice(2))).stdout).toBe("hello");
});

test("local goes on without a leader that was killed, and says how to start it again", async () => {
  const local = startLocal();
  await printed(local, "Ctrl-C stops all nodes.");
  const [put = [], get = [], , kill = []] = suggestions(local);
  const pid = Number(kill[2]);
  process.kill(pid, "SIGKILL");
  await printed(local, `(pid ${pid}) was ended by SIGKILL.`);
  await printed(local, /Node \d leads, in term \d+\.\n[^]*Node \d leads, in term \d+\./);
  expect((await run(put.slice(2))).exit.status).toBe(0);
  expect((await run(get.slice(2))).stdout).toBe("hello");

  const [restart = []] = suggestions(local).slice(4);
  expect(restart.slice(0, 3)).toEqual(["npx", "quorate", "serve"]);
  start(restart.slice(2));
  await printed(local, /Node \d is back/);
});

test("local starts nothing if a port is busy, and names it", async () => {
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(peerPort + 1, "127.0.0.1", resolve));
  const local = startLocal();
  expect((await local.exited).status).toBe(2);
  await new Promise((resolve) => blocker.close(resolve));
  expect(local.stderr).toContain(`port ${peerPort + 1}, where peers reach node 2, is in use`);
  expect(local.stdout).toBe("");
  expect(existsSync(join(directory, "data"))).toBe(false);
});

test("local refuses the data of a cluster of another size, or one that is running", async () => {
  const local = startLocal();
  await printed(local, "Ctrl-C stops all nodes.");
  const other = String(await freeRange(2 * nodeCount));
  const ports = ["--http-port", other, "--peer-port", String(Number(other) + nodeCount)];

  const size = await run(["local", "--nodes", "1", ...ports], { cwd: directory });
  expect(size.exit.status).toBe(2);
  expect(size.stderr).toContain("which is not a cluster of 1");

  const second = start(["local", ...ports]);
  expect((await second.exited).status).toBe(2);
  expect(second.stdout).toContain("is in use by process");
  expect((await run((suggestions(local)[0] ?? []).slice(2))).exit.status).toBe(0);
});

test("no node outlives a local that is killed", async () => {
  const local = startLocal();
  await printed(local, "Ctrl-C stops all nodes.");
  const pids = pidsOf(local);
  expect(pids.every(isAlive)).toBe(true);
  await local.kill();
  await until("all nodes have stopped", () => !pids.some(isAlive));
});

test("local ends with status 1 when its last node has died", async () => {
  const local = startLocal();
  await printed(local, "Ctrl-C stops all nodes.");
  for (const pid of pidsOf(local)) process.kill(pid, "SIGKILL");
  expect((await local.exited).status).toBe(1);
});
