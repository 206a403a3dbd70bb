import { createServer, type Server } from "node:http";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RaftError } from "quorate";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createHttpServer, type HttpServer } from "../src/http-server.ts";
import { version } from "../src/version.ts";
import { CommandProcess, run } from "./cluster.ts";
import { freeRange } from "./free-ports.ts";
import { MemoryReplica } from "./memory-replica.ts";
import { until } from "./until.ts";

let replica: MemoryReplica;
let server: HttpServer;
let url: string;
let endpoints: string[];
let directory: string;
const processes: CommandProcess[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "quorate-cli-"));
});

beforeEach(async () => {
  replica = new MemoryReplica();
  server = createHttpServer(replica);
  url = `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}`;
  endpoints = ["--endpoints", url];
});

afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()));
  await server.close();
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** The options of a cluster of one, with a data directory named `name`. */
async function serveOptions(
  name: string,
): Promise<{ readonly http: string; readonly options: string[] }> {
  const port = await freeRange(2);
  const http = `127.0.0.1:${port + 1}`;
  const options = ["--id", "1", "--cluster", `1=127.0.0.1:${port}`, "--http", http];
  return {
    http,
    options: ["serve", ...options, "--data-dir", join(directory, name), "--tick-ms", "20"],
  };
}

function start(commandLine: readonly string[]): CommandProcess {
  const process = new CommandProcess(commandLine);
  processes.push(process);
  return process;
}

function isReady(http: string): () => Promise<boolean> {
  return () =>
    fetch(`http://${http}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
}

test("put, get and delete do what they say, with status 0, or 1 for no such key", async () => {
  const put = await run(["put", "greeting", "hello", ...endpoints]);
  expect([put.exit.status, put.stdout, put.stderr]).toEqual([0, "stored at index 1\n", ""]);
  const get = await run(["get", "greeting", ...endpoints]);
  expect([get.exit.status, get.stdout, get.stderr]).toEqual([0, "hello", ""]);
  const local = await run(["get", "greeting", "--local", ...endpoints]);
  expect([local.exit.status, local.stdout]).toEqual([0, "hello"]);
  expect(replica.lastOptions?.consistency).toBe("local");
  const remove = await run(["delete", "greeting", ...endpoints]);
  expect([remove.exit.status, remove.stdout]).toEqual([0, "deleted at index 2\n"]);
  for (const command of ["get", "delete"]) {
    const missing = await run([command, "greeting", ...endpoints]);
    expect([missing.exit.status, missing.stdout]).toEqual([1, ""]);
    expect(missing.stderr).toBe("quorate: greeting: not found\n");
  }
});

test("put reads any bytes from standard input, and get writes them", async () => {
  const input = Buffer.from(Array.from({ length: 70_000 }, (_, at) => at % 256));
  expect((await run(["put", "bytes", "-", ...endpoints], { input })).exit.status).toBe(0);
  expect((await run(["get", "bytes", ...endpoints])).stdoutBytes).toEqual(input);
  const input2 = Buffer.alloc(1024 * 1024 + 1);
  const tooLarge = await run(["put", "bytes", "-", ...endpoints], { input: input2 });
  expect([tooLarge.exit.status, tooLarge.stderr]).toEqual([
    2,
    "quorate: the value has more than 1048576 bytes\n",
  ]);
});

test("get says what it rests on, how old it may be, and what it must see", async () => {
  await run(["put", "a", "1", ...endpoints]);
  for (const [options, expected] of [
    [[], { consistency: "linearizable" }],
    [["--consistency", "lease", "--at-least", "1"], { consistency: "lease", atLeast: 1 }],
    [["--staleness-ms", "50"], { consistency: "local", stalenessMsMax: 50 }],
  ] as const) {
    expect((await run(["get", "a", ...options, ...endpoints])).stdout).toBe("1");
    expect(replica.lastOptions).toMatchObject(expected);
  }
});

test("status shows every node, and one that does not answer as such", async () => {
  await run(["put", "a", "1", ...endpoints]);
  const dead = `http://127.0.0.1:${await freeRange(1)}`;
  const both = ["--endpoints", `${url},${dead}`];
  const table = await run(["status", ...both]);
  expect(table.exit.status).toBe(0);
  expect(table.stdout).toMatch(/1 │ http:\S+ +│ leader +│ +1 │ +1 │ +1 │ +1 │ 1-1 │ +none │/);
  expect(table.stdout).toContain("voters 1; since index 0");
  expect(table.stdout).toMatch(/\? │ http:\S+ +│ unreachable: .*ECONNREFUSED/);

  const json = await run(["status", "--json", ...both]);
  expect(JSON.parse(json.stdout)).toMatchObject([
    { kind: "reached", endpoint: url, status: { id: 1, role: "leader", commitIndex: 1 } },
    { kind: "unreachable", endpoint: dead },
  ]);
});

test("status tells why a node leads no more, as its log does", async () => {
  replica.state = { role: "follower", stepDownReason: "newer-term", leadershipEnd: "transferred" };
  expect((await run(["status", ...endpoints])).stdout).toContain("led until: transferred");
});

test("status --watch looks again until it is interrupted", async () => {
  const watch = start(["status", "--watch", "--json", ...endpoints]);
  await until("it looked twice", () => watch.stdout.split("\n").length > 2);
  watch.signal("SIGINT");
  expect(await watch.exited).toEqual({ status: 0, signal: null });
});

test("status 3 says that nothing answered and nothing was done", async () => {
  const dead = ["--endpoints", `http://127.0.0.1:${await freeRange(1)}`, "--timeout-ms", "200"];
  for (const command of [
    ["put", "a", "1"],
    ["get", "a"],
    ["get", "a", "--local"],
    ["delete", "a"],
    ["status"],
  ]) {
    const result = await run([...command, ...dead]);
    expect([command, result.exit.status]).toEqual([command, 3]);
    if (command[0] !== "status") expect(result.stderr).toContain("quorate: unavailable: ");
  }
});

test("status 4 says that nobody knows what became of a write, and never of a read", async () => {
  replica.failure = new RaftError("leadership_lost", "the leader changed");
  for (const command of [
    ["put", "a", "1"],
    ["delete", "a"],
  ]) {
    const result = await run([...command, "--timeout-ms", "300", ...endpoints]);
    expect(result.exit.status).toBe(4);
    expect(result.stderr).toContain("the leader changed; trying again for up to 1 s\n");
    const verdict =
      "quorate: leadership_lost: the leader changed\nIt may or may not take effect.\n";
    expect(result.stderr.slice(-verdict.length)).toBe(verdict);
  }
  const read = await run(["get", "a", "--timeout-ms", "200", ...endpoints]);
  expect(read.exit.status).toBe(3);
});

test("status 4 follows a write that was sent and not answered", async () => {
  const silent: Server = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const address = silent.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const result = await run([
    "put",
    "a",
    "1",
    "--endpoints",
    `http://127.0.0.1:${port}`,
    "--timeout-ms",
    "200",
  ]);
  silent.closeAllConnections();
  await new Promise((resolve) => silent.close(resolve));
  expect(result.exit.status).toBe(4);
});

test.each([
  [[], "Usage: quorate"],
  [["frobnicate"], "unknown command"],
  [["put", "a"], "missing required argument"],
  [["put", "a", "b", "c"], "too many arguments"],
  [["get", ""], "the key has 0 bytes"],
  [["get", "k".repeat(1025)], "the key has 1025 bytes"],
  [["get", "a", "--endpoints", "127.0.0.1:1"], "must be http://host:port"],
  [["get", "a", "--timeout-ms", "0"], "must be an integer from 1"],
  [["get", "a", "--frob"], "unknown option"],
  [["serve", "--id", "1"], "required option"],
  [["serve", "--id", "0"], "must be an integer of at least 1"],
  [["serve", "--cluster", "1=a"], "is not an address"],
  [
    [
      "serve",
      "--id",
      "2",
      "--cluster",
      "1=127.0.0.1:1",
      "--http",
      "127.0.0.1:0",
      "--data-dir",
      "/nowhere",
    ],
    "does not name this node",
  ],
  [["serve", "--priority", "1001"], "must be an integer from 0 to 1000"],
  [["serve", "--join", "nowhere"], "must be http://host:port"],
  [["serve", "--advertise", "127.0.0.1:0"], "must have a port of at least 1"],
  [["get", "a", "--consistency", "strong"], "Allowed choices are linearizable, lease, local"],
  [["get", "a", "--local", "--consistency", "lease"], "cannot be used with"],
  [["get", "a", "--consistency", "lease", "--staleness-ms", "1"], "goes with"],
  [["get", "a", "--at-least", "-1"], "must be an integer from 0"],
  [["local", "--nodes", "10"], "must be an integer from 1 to 9"],
  [["local", "--http-port", "7002"], "overlap"],
])("status 2 and a message follow the command line %j", async (commandLine, message) => {
  const result = await run(commandLine, { cwd: directory });
  expect(result.exit.status).toBe(2);
  expect(result.stderr).toContain(message);
  expect(result.stdout).toBe("");
});

test("--version and --help answer on standard output with status 0", async () => {
  const printed = await run(["--version"]);
  expect([printed.exit.status, printed.stdout]).toEqual([0, `${version}\n`]);
  for (const command of [
    ...["", "serve", "local", "put", "get", "delete", "status", "transfer"],
    ...["member", "member add", "member set", "snapshot", "snapshot save", "snapshot restore"],
  ]) {
    const help = await run([...command.split(" "), "--help"].filter((word) => word !== ""));
    expect([command, help.exit.status, help.stderr]).toEqual([command, 0, ""]);
    expect(help.stdout).toContain(`Usage: quorate ${command}`);
  }
});

test("whoever reads the output may stop before its end", async () => {
  for (const command of ["--help", "serve --help", "sim --seed 1"]) {
    const process = new CommandProcess(command.split(" "));
    processes.push(process);
    process.stopReading();
    expect([command, (await process.exited).status, process.stderr]).toEqual([command, 0, ""]);
  }
});

test("serve stops on SIGTERM with status 0, and finds its data again", async () => {
  const { http, options } = await serveOptions("again");
  const client = ["--endpoints", `http://${http}`];
  for (let life = 1; life <= 2; life++) {
    const node = start(options);
    await until("the node is ready", isReady(http));
    if (life === 1) await run(["put", "kept", "yes", ...client]);
    expect((await run(["get", "kept", ...client])).stdout).toBe("yes");
    node.signal("SIGTERM");
    expect([await node.exited, node.stderr]).toEqual([{ status: 0, signal: null }, ""]);
    const messages = messagesOf(node.stdout);
    expect(messages).toContain("node 1 leads");
    expect(messages.slice(-2)).toEqual(["stopping", "stopped"]);
  }
});

test("serve logs elections and leaders, and nothing for each entry", async () => {
  const { http, options } = await serveOptions("quiet");
  const node = start(options);
  await until("the node is ready", isReady(http));
  // What a process writes arrives some time later.
  for (const line of ['"message":"election started"', '"message":"node 1 leads"', " serves"]) {
    await until(`${line} is logged`, () => node.stdout.includes(line));
  }
  const before = node.stdout;
  for (let at = 0; at < 50; at++) {
    await fetch(`http://${http}/v1/kv/${at}`, { method: "PUT", body: "x" });
  }
  node.signal("SIGTERM");
  await node.exited;
  expect(messagesOf(node.stdout.slice(before.length))).toEqual(["stopping", "stopped"]);
});

/** What was logged, but for what a leader records of members about a second after its election. */
function messagesOf(log: string): string[] {
  const lines = log.trimEnd().split("\n");
  const messages = lines.map((line) => (JSON.parse(line) as { message: string }).message);
  return messages.filter((message) => message !== "members changed");
}

test("serve refuses a data directory that another process has, with status 2", async () => {
  const { http, options } = await serveOptions("locked");
  start(options);
  await until("the node is ready", isReady(http));
  const second = await run(options);
  expect(second.exit.status).toBe(2);
  expect(second.stderr).toContain("is in use by process");
  expect(await isReady(http)()).toBe(true);
});

test("serve refuses the data of another node or cluster, with status 2", async () => {
  const { http, options } = await serveOptions("mine");
  const node = start(options);
  await until("the node is ready", isReady(http));
  node.signal("SIGINT");
  expect((await node.exited).status).toBe(0);
  const other = await run([...options, "--cluster-id", "other"]);
  expect(other.exit.status).toBe(2);
  expect(other.stderr).toContain("other");
});

test("serve says which address it cannot listen on, with status 2", async () => {
  const busy = url.replace("http://", "");
  const { options } = await serveOptions("busy");
  const http = await run([...options, "--http", busy]);
  expect(http.exit.status).toBe(2);
  expect(http.stderr).toContain(busy);
  const peer = await run([...options, "--cluster", `1=${busy}`]);
  expect(peer.exit.status).toBe(2);
  expect(peer.stderr).toContain(busy);
});

test("serve makes no data directory that it cannot use, and says why", async () => {
  const { options } = await serveOptions("unused");
  const result = await run([...options, "--data-dir", "/dev/null/x"]);
  expect(result.exit.status).toBe(1);
  expect(result.stderr).toContain("/dev/null/x");
  expect(await readdir(directory)).not.toContain("unused");
});
