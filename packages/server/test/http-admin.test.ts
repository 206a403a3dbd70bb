import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  exactlyOnce,
  openSnapshotArchive,
  RaftError,
  startReplica,
  type ErrorCode,
  type SnapshotArchive,
} from "quorate";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { Client } from "../src/client.ts";
import { createHttpServer } from "../src/http-server.ts";
import { KvStore } from "../src/kv-store.ts";
import { freePorts } from "./free-ports.ts";
import { errorOf, HttpFixture } from "./http-fixture.ts";
import { confStateOf } from "./memory-replica.ts";
import { until } from "./until.ts";

let http: HttpFixture;

beforeEach(async () => {
  http = await HttpFixture.start();
});

afterEach(() => http.close());

function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return http.send("POST", path, {
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
}

test("GET /v1/members lists the members, with the index that a change may name", async () => {
  http.replica.view = {
    ...http.replica.view,
    members: [
      {
        id: 1,
        role: "voter",
        address: "a:1",
        priority: 3,
        incarnation: new Uint8Array(16).fill(1),
      },
      { id: 2, role: "learner", address: "", priority: 0, incarnation: undefined },
    ],
    removed: [9],
  };
  const response = await http.send("GET", "/v1/members");
  expect([response.status, response.headers.get("x-quorate-index")]).toEqual([200, "7"]);
  expect(await response.json()).toEqual({
    index: 7,
    confState: confStateOf([1]),
    members: [
      { id: 1, role: "voter", address: "a:1", priority: 3, incarnation: "01".repeat(16) },
      { id: 2, role: "learner", address: "", priority: 0, incarnation: null },
    ],
    removed: [9],
  });
});

test.each([
  [
    { kind: "add", id: 4, address: "b:1" },
    { kind: "add", id: 4, address: "b:1" },
  ],
  [
    { kind: "add", id: 4, address: "b:1", as: "learner", priority: 2 },
    { kind: "add", id: 4, address: "b:1", as: "learner", priority: 2 },
  ],
  [
    { kind: "remove", id: 4 },
    { kind: "remove", id: 4 },
  ],
  [
    { kind: "promote", id: 4 },
    { kind: "promote", id: 4 },
  ],
  [
    { kind: "demote", id: 4 },
    { kind: "demote", id: 4 },
  ],
  [
    { kind: "replace", id: 1, by: { id: 4, address: "b:1" } },
    { kind: "replace", id: 1, by: { id: 4, address: "b:1" } },
  ],
  [
    { kind: "set", voters: [1, { id: 4, address: "b:1" }], learners: [5] },
    { kind: "set", voters: [1, { id: 4, address: "b:1" }], learners: [5] },
  ],
  [
    { kind: "update", id: 1, priority: 0, address: null },
    { kind: "update", id: 1, priority: 0 },
  ],
])("POST /v1/members asks for %j", async (body, wish) => {
  const response = await post("/v1/members", { ...body, ifIndex: 7, timeoutMs: 4000 });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ index: 7, confState: confStateOf([1]) });
  expect(http.replica.wishes).toEqual([wish]);
  expect(http.replica.lastChange).toMatchObject({ ifIndex: 7, timeoutMs: 4000 });
});

test("a change takes as long as the header, the body or else the replica says", async () => {
  const wish = { kind: "remove", id: 4 };
  await post("/v1/members", wish);
  expect(http.replica.lastChange?.timeoutMs).toBeUndefined();
  await post("/v1/members", wish, { "x-quorate-timeout-ms": "600000" });
  expect(http.replica.lastChange?.timeoutMs).toBe(600_000);
  await post("/v1/members", { ...wish, timeoutMs: 5 }, { "x-quorate-timeout-ms": "600000" });
  expect(http.replica.lastChange?.timeoutMs).toBe(5);
});

test("a dry run answers with the plan, and changes nothing", async () => {
  const joint = { ...confStateOf([1, 4]), votersOutgoing: [1] };
  http.replica.plan = {
    steps: [
      {
        change: {
          transition: "auto",
          changes: [{ kind: "add-voter", id: 4 }],
          context: new Uint8Array(3),
        },
        catchUp: [4],
        joint,
        confState: confStateOf([1, 4]),
        faultsToleratedJoint: 0,
        faultsTolerated: 0,
        warnings: [{ kind: "even-voters", message: "odd is better" }],
      },
    ],
    confState: confStateOf([1, 4]),
  };
  const dry = { kind: "promote", id: 4, dryRun: true };
  const response = await post("/v1/members", dry);
  expect(await response.json()).toEqual({
    index: 7,
    steps: [
      {
        transition: "auto",
        changes: [{ kind: "add-voter", id: 4 }],
        catchUp: [4],
        joint,
        confState: confStateOf([1, 4]),
        faultsToleratedJoint: 0,
        faultsTolerated: 0,
        warnings: [{ kind: "even-voters", message: "odd is better" }],
      },
    ],
    confState: confStateOf([1, 4]),
  });
  expect(http.replica.callCount).toBe(0);
  const other = await post("/v1/members", { ...dry, ifIndex: 6 });
  expect(await errorOf(other)).toMatchObject({ status: 412, code: "configuration_changed" });
});

test("POST /v1/leader hands over to one, or to whoever is furthest", async () => {
  expect(await (await post("/v1/leader", { to: 3 })).json()).toEqual({ leader: 3 });
  expect(http.replica.lastTransfer).toBe(3);
  expect(await (await post("/v1/leader", "")).json()).toEqual({ leader: 2 });
  expect(http.replica.lastTransfer).toBeUndefined();
});

test("POST /v1/snapshot takes one; without any, GET finds none", async () => {
  const response = await post("/v1/snapshot", "{}");
  expect(await response.json()).toEqual({ index: 0, term: 1, bytes: 5 });
  expect(http.replica.lastOptions?.timeoutMs).toBe(60_000);
  const missing = await http.send("GET", "/v1/snapshot");
  expect(await errorOf(missing)).toMatchObject({ status: 404, code: "not_found" });
});

/** A snapshot of 64 MiB whose bytes are made as they are read, and what became of it. */
function fakeArchive(failAt = Number.POSITIVE_INFINITY): SnapshotArchive & { closed: boolean } {
  const piece = Buffer.alloc(64 * 1024);
  return {
    path: "fake",
    fileBytes: 1024 * piece.length,
    info: {
      ...{ clusterId: "test", nodeId: 1, id: new Uint8Array(16), index: 5, term: 1 },
      ...{ confState: confStateOf([1]), members: [], removed: [] },
      ...{ contentBytes: 0, checksum: 0, external: false },
    },
    closed: false,
    async *content() {},
    async *fileChunks() {
      for (let count = 0; count < 1024; count++) {
        if (count === failAt) throw new RaftError("storage_failed", "EIO");
        yield piece;
      }
    },
    async close() {
      this.closed = true;
    },
  };
}

test("a copy that its client gives up lets go of the snapshot, and of its place", async () => {
  const archive = fakeArchive();
  const defects: Error[] = [];
  await http.restart({
    snapshotCountMax: 1,
    openSnapshot: () => Promise.resolve(archive),
    onDefect: (error) => defects.push(error),
  });
  const connection = http.connect();
  connection.write("GET /v1/snapshot HTTP/1.1\r\nhost: a\r\n\r\n");
  await connection.expect("x-quorate-index: 5");
  expect((await http.send("GET", "/v1/snapshot")).status).toBe(429);
  connection.destroy();
  await until("it is closed", () => archive.closed);
  const next = await http.send("GET", "/v1/snapshot");
  expect((await next.arrayBuffer()).byteLength).toBe(archive.fileBytes);
  expect(defects).toEqual([]);
});

test("a copy that cannot be read to its end is cut, never ended", async () => {
  const archive = fakeArchive(3);
  const defects: Error[] = [];
  await http.restart({
    openSnapshot: () => Promise.resolve(archive),
    onDefect: (error) => defects.push(error),
  });
  const client = new Client({ endpoints: [`http://127.0.0.1:${http.port}`] });
  const copy = client.copySnapshot(`http://127.0.0.1:${http.port}`, async () => {});
  await expect(copy).rejects.toMatchObject({ code: "unavailable" });
  client.close();
  expect(archive.closed).toBe(true);
  expect(defects).toMatchObject([{ cause: { code: "storage_failed" } }]);
});

test("so many copies of snapshots are sent at once, and no more", async () => {
  await http.restart({ snapshotCountMax: 0 });
  const busy = await http.send("GET", "/v1/snapshot");
  expect(await errorOf(busy)).toMatchObject({ status: 429, code: "busy" });
  // One that ends badly makes room for the next.
  const openSnapshot = (): Promise<undefined> => Promise.reject(new RaftError("corrupt", "rotten"));
  await http.restart({ snapshotCountMax: 1, openSnapshot });
  for (let count = 0; count < 3; count++) {
    const corrupt = await http.send("GET", "/v1/snapshot");
    expect(await errorOf(corrupt)).toMatchObject({ code: "corrupt" });
  }
});

test.each([
  ["/v1/members", "no json", "the body is not JSON"],
  ["/v1/members", "\ufffd{}", "the body is not JSON"],
  ["/v1/members", "[]", "the body must be an object"],
  ["/v1/members", "{}", "kind is missing"],
  ["/v1/members", '{"kind":"frob"}', 'kind is "frob"'],
  ["/v1/members", '{"kind":7}', "kind must be a string"],
  ["/v1/members", '{"kind":"remove"}', "id is missing"],
  ["/v1/members", '{"kind":"remove","id":0}', "id must be an integer of at least 1"],
  ["/v1/members", '{"kind":"remove","id":1.5}', "id must be an integer of at least 1"],
  ["/v1/members", '{"kind":"remove","id":"1"}', "id must be an integer of at least 1"],
  ["/v1/members", '{"kind":"remove","id":1e300}', "id must be an integer of at least 1"],
  ["/v1/members", '{"kind":"remove","id":1,"frob":1}', 'unknown field "frob"'],
  ["/v1/members", '{"kind":"remove","id":1,"ifIndex":-1}', "ifIndex must be an integer"],
  ["/v1/members", '{"kind":"remove","id":1,"dryRun":1}', "dryRun must be true or false"],
  ["/v1/members", '{"kind":"remove","id":1,"timeoutMs":3600001}', "timeoutMs must be at most"],
  ["/v1/members", '{"kind":"add","id":1}', "address is missing"],
  ["/v1/members", '{"kind":"add","id":1,"address":"a:1","as":"leader"}', 'as is "leader"'],
  ["/v1/members", '{"kind":"add","id":1,"address":"a:1","priority":-1}', "priority must be"],
  ["/v1/members", '{"kind":"replace","id":1,"by":[]}', "by must be an object"],
  ["/v1/members", '{"kind":"replace","id":1,"by":{"id":2}}', "by.address is missing"],
  ["/v1/members", '{"kind":"replace","id":1,"by":{"id":2,"address":"a:1","x":1}}', '"by.x"'],
  ["/v1/members", '{"kind":"set"}', "voters is missing"],
  ["/v1/members", '{"kind":"set","voters":{}}', "voters must be a list"],
  ["/v1/members", '{"kind":"set","voters":["1"]}', "voters[0] must be an object"],
  ["/v1/members", '{"kind":"set","voters":[{"id":1}]}', "voters[0].address is missing"],
  ["/v1/leader", '{"to":0}', "to must be an integer of at least 1"],
  ["/v1/leader", '{"from":1}', 'unknown field "from"'],
  ["/v1/snapshot", '{"index":1}', 'unknown field "index"'],
])("POST %s refuses the body %s", async (path, body, message) => {
  const error = await errorOf(await post(path, body));
  expect(error).toMatchObject({ status: 400, code: "invalid_argument", outcome: "not-applied" });
  expect(error).toMatchObject({ message: expect.stringContaining(message) as string });
  expect(http.replica.callCount).toBe(0);
});

test("what changes the group is taken as JSON only, and within a limit", async () => {
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"]) {
    const response = await post("/v1/leader", {}, { "content-type": type });
    expect([type, await errorOf(response)]).toMatchObject([
      type,
      { status: 415, code: "unsupported_media_type", outcome: "not-applied" },
    ]);
  }
  const utf8 = { "content-type": "application/json; charset=utf-8" };
  expect((await post("/v1/leader", {}, utf8)).status).toBe(200);
  const large = await post("/v1/leader", " ".repeat(256 * 1024 + 1));
  expect(await errorOf(large)).toMatchObject({ status: 413, code: "too_large" });
  const query = await http.send("GET", "/v1/members?frob=1");
  expect(await errorOf(query)).toMatchObject({ status: 400 });
  const method = await http.send("PUT", "/v1/leader", { body: "x" });
  expect([method.status, method.headers.get("allow")]).toEqual([405, "POST, DELETE"]);
});

test.each<[ErrorCode, number, string]>([
  ["change_pending", 409, "not-applied"],
  ["catch_up_failed", 409, "not-applied"],
  ["transfer_failed", 409, "not-applied"],
  ["removed", 410, "not-applied"],
  ["configuration_changed", 412, "not-applied"],
  ["invalid_change", 422, "not-applied"],
  ["transferring", 503, "not-applied"],
  ["snapshot_failed", 503, "not-applied"],
  ["leadership_lost", 504, "unknown"],
])("%s is answered with %i, and with what became of it", async (code, status, outcome) => {
  http.replica.failure = new RaftError(code, "why");
  const response = await post("/v1/members", { kind: "remove", id: 4 });
  expect(await errorOf(response)).toEqual({ status, code, message: "why", outcome });
});

test("a dry run that fails certainly changed nothing", async () => {
  http.replica.failure = new RaftError("invalid_change", "why");
  const response = await post("/v1/members", { kind: "remove", id: 4, dryRun: true });
  expect(await errorOf(response)).toMatchObject({ status: 422, outcome: "not-applied" });
});

test("a node that was removed is not healthy, and says why", async () => {
  http.replica.state = { state: "removed" };
  expect(await errorOf(await http.send("GET", "/healthz"))).toMatchObject({ code: "removed" });
  expect((await http.send("GET", "/readyz")).status).toBe(503);
});

test("a read says what it rests on, how old it may be, and what it must see", async () => {
  await http.send("PUT", "/v1/kv/a", { body: "1" });
  for (const [query, options] of [
    ["", { consistency: "linearizable" }],
    ["?consistency=lease&atLeast=1", { consistency: "lease", atLeast: 1 }],
    ["?consistency=local&stalenessMsMax=0", { consistency: "local", stalenessMsMax: 0 }],
  ] as const) {
    expect((await http.send("GET", `/v1/kv/a${query}`)).status).toBe(200);
    expect(http.replica.lastOptions).toMatchObject(options);
  }
  for (const query of ["atLeast=-1", "atLeast=1.5", "atLeast=9e99", "stalenessMsMax=x", "max=1"]) {
    const response = await http.send("GET", `/v1/kv/a?${query}`);
    expect([query, response.status]).toEqual([query, 400]);
  }
});

test("a client changes members, hands over, and copies a snapshot of a real node", async () => {
  const directory = await mkdtemp(join(tmpdir(), "quorate-admin-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const [port] = await freePorts(1);
  const dataDir = join(directory, "1");
  const replica = await startReplica({
    id: 1,
    cluster: { 1: `127.0.0.1:${port}` },
    dataDir,
    stateMachine: exactlyOnce(new KvStore()),
    tickMs: 20,
    segmentBytes: 65_536,
  });
  onTestFinished(() => replica.close());
  const server = createHttpServer(replica, { openSnapshot: () => openSnapshotArchive(dataDir) });
  const url = `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}`;
  onTestFinished(() => server.close());
  const client = new Client({ endpoints: [url] });
  onTestFinished(() => client.close());

  await client.put(Buffer.from("a"), Buffer.from("1"));
  const { index, members } = await client.members();
  expect(members).toMatchObject([{ id: 1, role: "voter", address: `127.0.0.1:${port}` }]);
  const add = { kind: "add", id: 2, address: "127.0.0.1:1", as: "learner" } as const;
  const plan = await client.planMembers(add, { ifIndex: index });
  expect(plan.steps).toMatchObject([{ changes: [{ kind: "add-learner", id: 2 }] }]);
  const after = await client.changeMembers(add, { ifIndex: index });
  expect(after.confState.learners).toEqual([2]);
  await expect(client.changeMembers({ kind: "remove", id: 2 }, { ifIndex: index })).rejects.toThrow(
    expect.objectContaining({ code: "configuration_changed", status: 412 }) as Error,
  );
  await expect(client.transferLeadership(2)).rejects.toThrow(
    expect.objectContaining({ code: "invalid_argument", status: 400 }) as Error,
  );
  expect(await client.transferLeadership(1)).toBe(1);

  await expect(client.copySnapshot(url, async () => {})).rejects.toThrow(
    expect.objectContaining({ code: "not_found", status: 404 }) as Error,
  );
  const taken = await client.takeSnapshot(url);
  const chunks: Uint8Array[] = [];
  const bytes = await client.copySnapshot(url, async (chunk) => {
    chunks.push(chunk);
  });
  const path = join(directory, "copy");
  await writeFile(path, Buffer.concat(chunks));
  const archive = await openSnapshotArchive(path);
  expect(archive?.fileBytes).toBe(bytes);
  expect(archive?.info).toMatchObject({ index: taken.index, contentBytes: taken.bytes });
  await archive?.close();
});
