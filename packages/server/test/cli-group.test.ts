import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RaftError, type ErrorCode } from "quorate";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createHttpServer, type HttpServer } from "../src/http-server.ts";
import { CommandProcess, run } from "./cluster.ts";
import { freePorts, freeRange } from "./free-ports.ts";
import { confStateOf, MemoryReplica } from "./memory-replica.ts";
import { until } from "./until.ts";

let replica: MemoryReplica;
let server: HttpServer;
let endpoints: string[];
let directory: string;
const processes: CommandProcess[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "quorate-cli-"));
});

beforeEach(async () => {
  replica = new MemoryReplica();
  server = createHttpServer(replica);
  endpoints = ["--endpoints", `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}`];
});

afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()));
  await server.close();
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Starts a node, and waits until it serves at `http`. */
async function serve(http: string, options: readonly string[]): Promise<CommandProcess> {
  const node = new CommandProcess(["serve", ...options, "--http", http, "--tick-ms", "20"]);
  processes.push(node);
  const isReady = (): Promise<boolean> =>
    fetch(`http://${http}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
  await until("the node is ready", isReady);
  return node;
}

test("member asks for what the command line says, and prints the members", async () => {
  for (const [commandLine, wish] of [
    ["add 4 b:1", { kind: "add", id: 4, address: "b:1", as: "voter" }],
    [
      "add 4 b:1 --learner --priority 2",
      { kind: "add", id: 4, address: "b:1", as: "learner", priority: 2 },
    ],
    ["remove 4", { kind: "remove", id: 4 }],
    ["promote 4", { kind: "promote", id: 4 }],
    ["demote 4", { kind: "demote", id: 4 }],
    ["replace 1 4 b:1", { kind: "replace", id: 1, by: { id: 4, address: "b:1" } }],
    [
      "set 1,4=b:1 --learners 5,6=[::1]:2",
      {
        kind: "set",
        voters: [1, { id: 4, address: "b:1" }],
        learners: [5, { id: 6, address: "[::1]:2" }],
      },
    ],
    ["update 1 --address b:1 --priority 3", { kind: "update", id: 1, address: "b:1", priority: 3 }],
  ] as const) {
    const words = ["member", ...commandLine.split(" "), "--if-index", "7"];
    const result = await run([...words, ...endpoints]);
    expect([commandLine, result.exit.status, result.stderr]).toEqual([commandLine, 0, ""]);
    expect(replica.wishes.pop()).toEqual(wish);
    expect(replica.lastChange?.ifIndex).toBe(7);
    expect(result.stdout).toMatch(/1 │ voter │ a:1 +│ +0 │/);
    expect(result.stdout).toContain("Tolerates 0 failures of voters. As of index 7.");
  }
  const list = await run(["member", "list", "--json", ...endpoints]);
  expect(JSON.parse(list.stdout)).toMatchObject({ index: 7, members: [{ id: 1, role: "voter" }] });
  expect(replica.wishes).toEqual([]);
});

test("member --dry-run prints steps, what each tolerates and warnings, and changes nothing", async () => {
  const joint = { ...confStateOf([1, 4, 5]), votersOutgoing: [1, 2, 3] };
  replica.plan = {
    steps: [
      {
        change: {
          transition: "auto",
          changes: [
            { kind: "add-voter", id: 4 },
            { kind: "remove", id: 2 },
          ],
          context: new Uint8Array(0),
        },
        catchUp: [4],
        joint,
        confState: confStateOf([1, 4, 5]),
        faultsToleratedJoint: 1,
        faultsTolerated: 1,
        warnings: [{ kind: "leader-leaves", message: "node 2, which leads, hands over" }],
      },
    ],
    confState: confStateOf([1, 4, 5]),
  };
  const result = await run(["member", "set", "1,4,5", "--dry-run", ...endpoints]);
  expect([result.exit.status, result.stdout]).toEqual([
    0,
    [
      "1. voter 4, remove 2",
      "   once 4 has caught up",
      "   meanwhile: voters 1, 4, 5; and, of before, 1, 2, 3; tolerates 1 failure",
      "   then: voters 1, 4, 5; tolerates 1 failure",
      "   warning: node 2, which leads, hands over",
      "",
      "Nothing was changed. --if-index 7 does just this, or nothing if others were faster.",
      "",
    ].join("\n"),
  ]);
  expect(replica.callCount).toBe(0);
  replica.plan = { steps: [], confState: confStateOf([1]) };
  const nothing = await run(["member", "promote", "1", "--dry-run", ...endpoints]);
  expect(nothing.stdout).toBe("Nothing to do: voters 1.\n");
});

test("transfer says who leads", async () => {
  expect((await run(["transfer", "3", ...endpoints])).stdout).toBe("node 3 leads\n");
  expect((await run(["transfer", ...endpoints])).stdout).toBe("node 2 leads\n");
});

test("forget-leader says whom that one node forgot, or why it did not", async () => {
  const [, endpoint = ""] = endpoints;
  const forgot = await run(["forget-leader", ...endpoints]);
  expect([forgot.exit.status, forgot.stderr, forgot.stdout]).toEqual([
    ...[0, "", `${endpoint} forgot node 2\n`],
  ]);
  const env = { QUORATE_ENDPOINTS: endpoint };
  expect((await run(["forget-leader"], { env })).stdout).toBe(forgot.stdout);

  replica.followed = 0;
  const nobody = await run(["forget-leader", ...endpoints]);
  expect([nobody.exit.status, nobody.stdout, nobody.stderr]).toEqual([
    ...[1, "", "quorate: not_found: this node knows no leader\n"],
  ]);
  for (const code of ["is_leader", "lease_promised"] as const) {
    replica.failure = new RaftError(code, "why");
    const refused = await run(["forget-leader", ...endpoints]);
    expect([refused.exit.status, refused.stdout, refused.stderr]).toEqual([
      ...[1, "", `quorate: ${code}: why\n`],
    ]);
  }
  const missing = await run(["forget-leader", "--endpoints", "http://127.0.0.1:1"]);
  expect([missing.exit.status, missing.stdout]).toEqual([3, ""]);
});

test.each<[ErrorCode, number]>([
  ["change_pending", 1],
  ["configuration_changed", 1],
  ["catch_up_failed", 1],
  ["transfer_failed", 1],
  ["invalid_change", 2],
  ["invalid_argument", 2],
  ["leadership_lost", 4],
])("a change that ends with %s ends with status %i", async (code, status) => {
  replica.failure = new RaftError(code, "why");
  const result = await run(["member", "remove", "4", ...endpoints]);
  expect([result.exit.status, result.stdout]).toEqual([status, ""]);
  expect(result.stderr).toContain(`quorate: ${code}: why\n`);
});

test("who waits for nodes that do not answer is told for what, and for how long", async () => {
  const port = await freeRange(1);
  const dead = ["--endpoints", `http://127.0.0.1:${port}`, "--timeout-ms", "2000"];
  for (const command of [
    ["member", "list"],
    ["snapshot", "save"],
    ["put", "a", "1"],
  ]) {
    const { exit, stderr } = await run([...command, ...dead]);
    expect([command, exit.status]).toEqual([command, 3]);
    const [told, ended, ...rest] = stderr.trimEnd().split("\n");
    expect(told).toMatch(/^quorate: http:\S+ .*ECONNREFUSED.*; trying again for up to 2 s$/);
    expect(ended).toMatch(/^quorate: unavailable: /);
    expect(rest).toEqual([]);
  }
});

test("snapshot inspect and restore say what is wrong with a file", async () => {
  const text = join(directory, "text");
  await writeFile(text, "no snapshot");
  const empty = join(directory, "empty");
  await mkdir(empty, { recursive: true });
  for (const [path, status, message] of [
    [text, 1, /^quorate: \S*text, byte 0: .*; take another copy of this snapshot/],
    [join(directory, "missing"), 1, /^quorate: .*ENOENT/],
    [empty, 1, /^quorate: there is no snapshot in/],
  ] as const) {
    const inspected = await run(["snapshot", "inspect", path]);
    expect([path, inspected.exit.status, inspected.stdout]).toEqual([path, status, ""]);
    expect(inspected.stderr).toMatch(message);
    const options = ["--id", "1", "--cluster", "1=127.0.0.1:1", "--data-dir", join(empty, "new")];
    const restored = await run(["snapshot", "restore", path, ...options]);
    expect([path, restored.exit.status]).toEqual([path, status]);
    expect(restored.stderr).toMatch(message);
  }
  expect(await readdir(empty)).toEqual([]);
});

test("a snapshot is saved, inspected, and restored to a group of its own that goes on from it", async () => {
  const [firstPeer, firstPort, peer, port] = await freePorts(4);
  const http = `127.0.0.1:${firstPort}`;
  const client = ["--endpoints", `http://${http}`];
  const first = ["--id", "1", "--cluster", `1=127.0.0.1:${firstPeer}`];
  const node = await serve(http, [...first, "--data-dir", join(directory, "saved")]);
  await run(["put", "kept", "yes", ...client]);
  const file = join(directory, "backup.snap");
  const saved = await run(["snapshot", "save", file, ...client]);
  expect([saved.exit.status, saved.stderr]).toEqual([0, ""]);
  const index = Number(/: index (\d+), 1 keys, verified/.exec(saved.stdout)?.[1]);
  expect(index).toBeGreaterThan(1);
  expect((await run(["snapshot", "save", file, ...client])).exit.status).toBe(2);
  await run(["put", "kept", "later", ...client]);

  const inspected = await run(["snapshot", "inspect", file, "--json"]);
  expect(JSON.parse(inspected.stdout)).toMatchObject({
    clusterId: "default",
    index,
    keyCount: 1,
    confState: confStateOf([1]),
  });
  // The newest in the directory of a node that runs is the same one.
  const running = await run(["snapshot", "inspect", join(directory, "saved")]);
  expect(running.stdout).toContain(`index    ${index}, of term 1`);

  const data = join(directory, "restored");
  const cluster = ["--id", "7", "--cluster", `7=127.0.0.1:${peer}`, "--data-dir", data];
  const restored = await run(["snapshot", "restore", file, ...cluster]);
  expect([restored.exit.status, restored.stderr]).toEqual([0, ""]);
  const again = await run(["snapshot", "restore", file, ...cluster]);
  expect([again.exit.status, again.stderr]).toMatchObject([2, /is not empty/]);
  const clusterId = /--cluster-id (\S+)/.exec(restored.stdout)?.[1] ?? "";
  const newHttp = `127.0.0.1:${port}`;
  await serve(newHttp, [...cluster, "--cluster-id", clusterId]);
  const read = await run(["get", "kept", "--endpoints", `http://${newHttp}`]);
  expect(read.stdout).toBe("yes");
  node.signal("SIGTERM");
  await node.exited;
  expect((await run(["serve", ...cluster, "--http", newHttp])).exit.status).toBe(2);
});

test.each([
  [["member"], "Usage: quorate member"],
  [["member", "frobnicate"], "unknown command"],
  [["member", "add", "4"], "missing required argument"],
  [["member", "add", "four", "127.0.0.1:1"], "must be an integer of at least 1"],
  [["member", "add", "4", "127.0.0.1"], "is not an address"],
  [["member", "add", "4", "127.0.0.1:0"], "must have a port of at least 1"],
  [["member", "add", "4", "127.0.0.1:1", "--priority", "x"], "must be an integer from 0 to 1000"],
  [["member", "remove"], "missing required argument"],
  [["member", "remove", "0"], "must be an integer of at least 1"],
  [["member", "promote", "1", "2"], "too many arguments"],
  [["member", "demote", "1", "--if-index", "x"], "must be an integer from 0"],
  [["member", "replace", "1", "2"], "missing required argument"],
  [["member", "set", "1,,2"], "must be an integer of at least 1"],
  [["member", "set", "1,2="], "is not an address"],
  [["member", "set", "1,2,2=127.0.0.1:1"], "node 2 is named twice"],
  [["member", "set", "1", "--learners", "3,3"], "node 3 is named twice"],
  [["member", "set", "1,2", "--learners", "3,2"], "node 2 cannot both vote and learn"],
  [["member", "update", "1"], "give --address, --priority or both"],
  [["member", "list", "--timeout-ms", "3600001"], "must be an integer from 1 to 3600000"],
  [["transfer", "x"], "must be an integer of at least 1"],
  [["forget-leader"], "required option '--endpoints <url>' not specified"],
  [["forget-leader", "--endpoints", "http://a:1,http://b:1"], "2 nodes are given, must be one"],
  [["forget-leader", "--endpoints", "a:1"], "must be http://host:port"],
  [["forget-leader", "1", "--endpoints", "http://a:1"], "too many arguments"],
  [["snapshot"], "Usage: quorate snapshot"],
  [["snapshot", "save", "/etc/passwd"], "/etc/passwd exists"],
  [["snapshot", "inspect"], "missing required argument"],
  [["snapshot", "restore", "s", "--id", "1"], "required option"],
  [
    ["snapshot", "restore", "s", "--id", "1", "--cluster", "1=127.0.0.1", "--data-dir", "d"],
    "is not an address",
  ],
])("status 2 and a message follow the command line %j", async (commandLine, message) => {
  const result = await run(commandLine, { cwd: directory });
  expect(result.exit.status).toBe(2);
  expect(result.stderr).toContain(message);
  expect(result.stdout).toBe("");
});
