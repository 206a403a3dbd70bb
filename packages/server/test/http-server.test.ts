import { RaftError, type ErrorCode } from "quorate";
import { afterEach, beforeEach, expect, test } from "vitest";
import { errorOf, HttpFixture } from "./http-fixture.ts";

let http: HttpFixture;

beforeEach(async () => {
  http = await HttpFixture.start();
});

afterEach(() => http.close());

test("PUT stores what GET returns, and answers carry the index", async () => {
  const first = await http.send("PUT", "/v1/kv/greeting", { body: "hello" });
  expect(first.status).toBe(200);
  expect(first.headers.get("x-quorate-index")).toBe("1");
  expect(await first.json()).toEqual({ index: 1, previousIndex: 0 });

  const second = await http.send("PUT", "/v1/kv/greeting", { body: "hi" });
  expect(await second.json()).toEqual({ index: 2, previousIndex: 1 });

  const read = await http.send("GET", "/v1/kv/greeting");
  expect(read.status).toBe(200);
  expect(read.headers.get("content-type")).toBe("application/octet-stream");
  expect(read.headers.get("x-quorate-index")).toBe("2");
  expect(read.headers.get("x-quorate-modified-index")).toBe("2");
  expect(await read.text()).toBe("hi");
});

test("DELETE removes a key, and a key without a value is not found, as of an index", async () => {
  await http.send("PUT", "/v1/kv/a", { body: "1" });
  const removed = await http.send("DELETE", "/v1/kv/a");
  expect(removed.status).toBe(200);
  expect(await removed.json()).toEqual({ index: 2, previousIndex: 1 });

  const notFound = {
    status: 404,
    code: "not_found",
    message: "the key has no value",
    outcome: "not-applied",
  };
  for (const [method, index] of [
    ["GET", "2"],
    ["DELETE", "3"],
  ] as const) {
    const response = await http.send(method, "/v1/kv/a");
    expect(response.headers.get("x-quorate-index")).toBe(index);
    expect(await errorOf(response)).toEqual(notFound);
  }
});

test("an empty value is a value", async () => {
  await http.send("PUT", "/v1/kv/empty");
  const response = await http.send("GET", "/v1/kv/empty");
  expect(response.status).toBe(200);
  expect(await response.text()).toBe("");
});

test("keys and values are any bytes", async () => {
  const value = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
  await http.send("PUT", "/v1/kv/%ff%00/%2f", { body: value });
  const response = await http.send("GET", "/v1/kv/%FF%00%2F/");
  expect(Buffer.from(await response.arrayBuffer())).toEqual(value);
  expect(
    http.replica.store.query({ key: new Uint8Array([0xff, 0, 0x2f, 0x2f]) })?.value,
  ).toHaveLength(256);
});

test("a key of dots reaches the store as it was sent", async () => {
  const connection = http.connect();
  connection.write("PUT /v1/kv/.. HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx");
  await connection.expect('"previousIndex":0');
  expect(http.replica.store.query({ key: Buffer.from("..") })).toBeDefined();
});

test("a request target in absolute form is understood", async () => {
  const connection = http.connect();
  connection.write("GET http://any.host:1/healthz HTTP/1.1\r\nhost: any.host\r\n\r\n");
  await connection.expect('{"status":"ok"}');
});

test("GET asks for the consistency that the query names", async () => {
  await http.send("GET", "/v1/kv/a");
  expect(http.replica.lastOptions?.consistency).toBe("linearizable");
  await http.send("GET", "/v1/kv/a?consistency=local");
  expect(http.replica.lastOptions?.consistency).toBe("local");
});

test.each([
  ["GET", "/v1/kv/a?consistency=eventual", {}],
  ["GET", "/v1/kv/a?consistancy=local", {}],
  ["PUT", "/v1/kv/a?ttl=5", {}],
  ["GET", "/v1/status?verbose", {}],
  ["GET", "/v1/kv/", {}],
  ["GET", "/v1/kv/%zz", {}],
  ["PUT", `/v1/kv/${"k".repeat(1025)}`, {}],
  ["GET", "/v1/kv/a", { "x-quorate-timeout-ms": "0" }],
  ["GET", "/v1/kv/a", { "x-quorate-timeout-ms": "60001" }],
  ["DELETE", "/v1/kv/a", { "x-quorate-timeout-ms": "soon" }],
  ["PUT", "/v1/kv/a", { "content-encoding": "gzip" }],
])("%s %s with headers %j is refused as an invalid argument", async (method, path, headers) => {
  const error = await errorOf(await http.send(method, path, { headers }));
  expect(error).toMatchObject({ status: 400, code: "invalid_argument", outcome: "not-applied" });
  expect(http.replica.callCount).toBe(0);
});

test("a request waits as long as it asks to, or as long as the server is told", async () => {
  await http.send("GET", "/v1/kv/a", { headers: { "x-quorate-timeout-ms": "1234" } });
  expect(http.replica.lastOptions?.timeoutMs).toBe(1234);
  await http.restart({ callTimeoutMs: 77 });
  await http.send("DELETE", "/v1/kv/a");
  expect(http.replica.lastOptions?.timeoutMs).toBe(77);
});

test.each([
  ["POST", "/v1/kv/a", "GET, PUT, DELETE"],
  ["HEAD", "/v1/kv/a", "GET, PUT, DELETE"],
  ["OPTIONS", "/v1/kv/a", "GET, PUT, DELETE"],
  ["PUT", "/v1/status", "GET"],
  ["DELETE", "/healthz", "GET"],
])("%s %s is not allowed, and the answer says what is", async (method, path, allow) => {
  const response = await http.send(method, path);
  expect(response.status).toBe(405);
  expect(response.headers.get("allow")).toBe(allow);
});

test.each(["/", "/v1", "/v1/kv", "/v2/kv/a", "/healthz/"])(
  "there is nothing at %s",
  async (path) => {
    expect(await errorOf(await http.send("GET", path))).toMatchObject({
      status: 404,
      code: "unknown_path",
    });
  },
);

const proposalErrors: readonly (readonly [ErrorCode, number, string])[] = [
  ["too_large", 413, "not-applied"],
  ["busy", 429, "not-applied"],
  ["invalid_argument", 400, "not-applied"],
  ["disk_full", 507, "not-applied"],
  ["unavailable", 503, "not-applied"],
  ["superseded", 503, "not-applied"],
  ["closed", 503, "not-applied"],
  ["not_leader", 503, "not-applied"],
  ["leadership_lost", 504, "unknown"],
  ["deadline_exceeded", 504, "unknown"],
  ["aborted", 504, "unknown"],
  ["stopped", 504, "unknown"],
  ["storage_failed", 504, "unknown"],
  ["state_machine_failed", 504, "unknown"],
];

test.each(proposalErrors)(
  "a write that fails with %s is answered %i, %s",
  async (code, status, outcome) => {
    http.replica.failure = new RaftError(code, "the reason");
    for (const method of ["PUT", "DELETE"]) {
      const error = await errorOf(await http.send(method, "/v1/kv/a"));
      expect(error).toEqual({ status, code, message: "the reason", outcome });
    }
  },
);

test.each(proposalErrors)(
  "a read that fails with %s certainly had no effect",
  async (code, status) => {
    http.replica.failure = new RaftError(code, "the reason");
    const error = await errorOf(await http.send("GET", "/v1/kv/a"));
    expect(error).toMatchObject({
      status: status === 504 ? 503 : status,
      code,
      outcome: "not-applied",
    });
  },
);

test("a defect is told to the operator, not to the client", async () => {
  const defects: Error[] = [];
  await http.restart({ onDefect: (error) => defects.push(error) });
  http.replica.failure = new TypeError("secret");
  const error = await errorOf(await http.send("PUT", "/v1/kv/a"));
  expect(error).toMatchObject({ status: 500, code: "internal", outcome: "unknown" });
  expect(JSON.stringify(error)).not.toContain("secret");
  expect(defects.map((defect) => defect.cause)).toEqual([http.replica.failure]);
});

test("healthz fails with the replica, and readyz without a leader too", async () => {
  const statuses = async (): Promise<number[]> => [
    (await http.send("GET", "/healthz")).status,
    (await http.send("GET", "/readyz")).status,
  ];
  expect(await statuses()).toEqual([200, 200]);
  http.replica.state = { leader: 0 };
  expect(await statuses()).toEqual([200, 503]);
  http.replica.state = { state: "full" };
  expect(await statuses()).toEqual([200, 503]);
  http.replica.state = { state: "failed", failure: "the disk is gone" };
  expect(await statuses()).toEqual([503, 503]);
  expect(await errorOf(await http.send("GET", "/healthz"))).toMatchObject({
    message: "the disk is gone",
  });
});

test("status tells about the replica and its process", async () => {
  const response = await http.send("GET", "/v1/status");
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(await response.json()).toMatchObject({
    id: 1,
    role: "leader",
    clusterId: "test",
    pid: process.pid,
  });
});
