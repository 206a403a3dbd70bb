import { RaftError, type ErrorCode } from "quorate";
import { afterEach, beforeEach, expect, test } from "vitest";
import { valueBytesMax } from "../src/command.ts";
import { createHttpServer, type HttpServer, type HttpServerOptions } from "../src/http-server.ts";
import { MemoryReplica } from "./memory-replica.ts";
import { RawConnection } from "./raw-connection.ts";
import { until } from "./until.ts";

let replica: MemoryReplica;
let server: HttpServer;
let port: number;
let connections: RawConnection[];

async function start(options: HttpServerOptions = {}): Promise<void> {
  await server?.close();
  server = createHttpServer(replica, options);
  port = await server.listen("127.0.0.1", 0);
}

function connect(): RawConnection {
  const connection = new RawConnection(port);
  connections.push(connection);
  return connection;
}

function send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, { method, ...init });
}

async function errorOf(response: Response): Promise<object> {
  return { status: response.status, ...((await response.json()) as object) };
}

beforeEach(async () => {
  connections = [];
  replica = new MemoryReplica();
  await start();
});

afterEach(async () => {
  replica.release();
  for (const connection of connections) connection.destroy();
  await server.close();
});

test("PUT stores what GET returns, and answers carry the index", async () => {
  const first = await send("PUT", "/v1/kv/greeting", { body: "hello" });
  expect(first.status).toBe(200);
  expect(first.headers.get("x-quorate-index")).toBe("1");
  expect(await first.json()).toEqual({ index: 1, previousIndex: 0 });

  const second = await send("PUT", "/v1/kv/greeting", { body: "hi" });
  expect(await second.json()).toEqual({ index: 2, previousIndex: 1 });

  const read = await send("GET", "/v1/kv/greeting");
  expect(read.status).toBe(200);
  expect(read.headers.get("content-type")).toBe("application/octet-stream");
  expect(read.headers.get("x-quorate-index")).toBe("2");
  expect(read.headers.get("x-quorate-modified-index")).toBe("2");
  expect(await read.text()).toBe("hi");
});

test("DELETE removes a key, and a key without a value is not found, as of an index", async () => {
  await send("PUT", "/v1/kv/a", { body: "1" });
  const removed = await send("DELETE", "/v1/kv/a");
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
    const response = await send(method, "/v1/kv/a");
    expect(response.headers.get("x-quorate-index")).toBe(index);
    expect(await errorOf(response)).toEqual(notFound);
  }
});

test("an empty value is a value", async () => {
  await send("PUT", "/v1/kv/empty");
  const response = await send("GET", "/v1/kv/empty");
  expect(response.status).toBe(200);
  expect(await response.text()).toBe("");
});

test("keys and values are any bytes", async () => {
  const value = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
  await send("PUT", "/v1/kv/%ff%00/%2f", { body: value });
  const response = await send("GET", "/v1/kv/%FF%00%2F/");
  expect(Buffer.from(await response.arrayBuffer())).toEqual(value);
  expect(replica.store.query({ key: new Uint8Array([0xff, 0, 0x2f, 0x2f]) })?.value).toHaveLength(
    256,
  );
});

test("a key of dots reaches the store as it was sent", async () => {
  const connection = connect();
  connection.write("PUT /v1/kv/.. HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx");
  await connection.expect('"previousIndex":0');
  expect(replica.store.query({ key: Buffer.from("..") })).toBeDefined();
});

test("a request target in absolute form is understood", async () => {
  const connection = connect();
  connection.write("GET http://any.host:1/healthz HTTP/1.1\r\nhost: any.host\r\n\r\n");
  await connection.expect('{"status":"ok"}');
});

test("GET asks for the consistency that the query names", async () => {
  await send("GET", "/v1/kv/a");
  expect(replica.lastOptions?.consistency).toBe("linearizable");
  await send("GET", "/v1/kv/a?consistency=local");
  expect(replica.lastOptions?.consistency).toBe("local");
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
  const error = await errorOf(await send(method, path, { headers }));
  expect(error).toMatchObject({ status: 400, code: "invalid_argument", outcome: "not-applied" });
  expect(replica.callCount).toBe(0);
});

test("a request waits as long as it asks to, or as long as the server is told", async () => {
  await send("GET", "/v1/kv/a", { headers: { "x-quorate-timeout-ms": "1234" } });
  expect(replica.lastOptions?.timeoutMs).toBe(1234);
  await start({ callTimeoutMs: 77 });
  await send("DELETE", "/v1/kv/a");
  expect(replica.lastOptions?.timeoutMs).toBe(77);
});

test.each([
  ["POST", "/v1/kv/a", "GET, PUT, DELETE"],
  ["HEAD", "/v1/kv/a", "GET, PUT, DELETE"],
  ["OPTIONS", "/v1/kv/a", "GET, PUT, DELETE"],
  ["PUT", "/v1/status", "GET"],
  ["DELETE", "/healthz", "GET"],
])("%s %s is not allowed, and the answer says what is", async (method, path, allow) => {
  const response = await send(method, path);
  expect(response.status).toBe(405);
  expect(response.headers.get("allow")).toBe(allow);
});

test.each(["/", "/v1", "/v1/kv", "/v2/kv/a", "/healthz/"])(
  "there is nothing at %s",
  async (path) => {
    expect(await errorOf(await send("GET", path))).toMatchObject({
      status: 404,
      code: "unknown_path",
    });
  },
);

const proposalErrors: readonly (readonly [ErrorCode, number, string])[] = [
  ["too_large", 413, "not-applied"],
  ["busy", 429, "not-applied"],
  ["invalid_argument", 400, "not-applied"],
  ["disk_full", 503, "not-applied"],
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
    replica.failure = new RaftError(code, "the reason");
    for (const method of ["PUT", "DELETE"]) {
      const error = await errorOf(await send(method, "/v1/kv/a"));
      expect(error).toEqual({ status, code, message: "the reason", outcome });
    }
  },
);

test.each(proposalErrors)(
  "a read that fails with %s certainly had no effect",
  async (code, status) => {
    replica.failure = new RaftError(code, "the reason");
    const error = await errorOf(await send("GET", "/v1/kv/a"));
    expect(error).toMatchObject({
      status: status === 504 ? 503 : status,
      code,
      outcome: "not-applied",
    });
  },
);

test("a defect is told to the operator, not to the client", async () => {
  const defects: Error[] = [];
  await start({ onDefect: (error) => defects.push(error) });
  replica.failure = new TypeError("secret");
  const error = await errorOf(await send("PUT", "/v1/kv/a"));
  expect(error).toMatchObject({ status: 500, code: "internal", outcome: "unknown" });
  expect(JSON.stringify(error)).not.toContain("secret");
  expect(defects.map((defect) => defect.cause)).toEqual([replica.failure]);
});

test("the largest value is taken and one byte more is not, told beforehand or found out", async () => {
  const largest = Buffer.alloc(valueBytesMax, 1);
  expect((await send("PUT", "/v1/kv/a", { body: largest })).status).toBe(200);
  const tooLarge = Buffer.alloc(valueBytesMax + 1, 1);
  const announced = await errorOf(await send("PUT", "/v1/kv/a", { body: tooLarge }));
  expect(announced).toMatchObject({ status: 413, code: "too_large", outcome: "not-applied" });

  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(tooLarge);
      controller.close();
    },
  });
  const chunked = { body: stream, duplex: "half" } as RequestInit;
  const found = await errorOf(await send("PUT", "/v1/kv/a", chunked));
  expect(found).toMatchObject({ status: 413, code: "too_large" });
  expect(replica.callCount).toBe(1);
});

test("a connection is still good after a value that was too large", async () => {
  const connection = connect();
  connection.write(
    `PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ncontent-length: ${valueBytesMax + 1}\r\n\r\n`,
  );
  await connection.expect("413");
  connection.write(Buffer.alloc(valueBytesMax + 1, 65));
  connection.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
  await connection.expect('{"status":"ok"}');
});

test("a body without end is answered and then cut off", async () => {
  const connection = connect();
  connection.write("PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
  const chunk = Buffer.concat([
    Buffer.from("10000\r\n"),
    Buffer.alloc(65_536, 65),
    Buffer.from("\r\n"),
  ]);
  await until("the server hangs up", () => {
    connection.write(chunk);
    return connection.closed;
  });
  expect(connection.received).toContain("413");
});

test("a client that asks before it sends gets leave, or the refusal instead", async () => {
  const head = (length: number): string =>
    `PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`;
  const allowed = connect();
  allowed.write(head(5));
  await allowed.expect("100 Continue");
  allowed.write("hello");
  await allowed.expect("200 OK");

  const refused = connect();
  refused.write(head(valueBytesMax + 1));
  await refused.expectClosed();
  expect(refused.received).toContain("413");
  expect(refused.received).not.toContain("100 Continue");
});

test("bodies beyond the budget are refused as busy until others are done", async () => {
  await start({ bodyBytesMax: 10 });
  replica.hold();
  const slow = send("PUT", "/v1/kv/a", { body: "12345678" });
  await until("the first is proposed", () => replica.callCount === 1);
  const refused = await send("PUT", "/v1/kv/b", { body: "123" });
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(await errorOf(refused)).toMatchObject({
    status: 429,
    code: "busy",
    outcome: "not-applied",
  });
  replica.release();
  expect((await slow).status).toBe(200);
  expect((await send("PUT", "/v1/kv/b", { body: "1234567890" })).status).toBe(200);
});

test("a client that goes away ends the wait and harms nobody", async () => {
  replica.hold();
  const connection = connect();
  connection.write("PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx");
  await until("it is proposed", () => replica.callCount === 1);
  expect(replica.lastOptions?.signal?.aborted).toBe(false);
  connection.destroy();
  await until("the wait is aborted", () => replica.lastOptions?.signal?.aborted === true);
  replica.release();
  expect((await send("GET", "/healthz")).status).toBe(200);
});

test("a client that goes away in the middle of a body gives its bytes back", async () => {
  await start({ bodyBytesMax: 10 });
  for (let round = 0; round < 3; round++) {
    const connection = connect();
    connection.write("PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n123456789");
    await until(
      "the bytes are held",
      async () => (await send("PUT", "/v1/kv/b", { body: "12" })).status === 429,
    );
    connection.destroy();
    await until(
      "they are given back",
      async () => (await send("PUT", "/v1/kv/b", { body: "12" })).status === 200,
    );
  }
});

test("a head that does not arrive is given up", async () => {
  await start({ headTimeoutMs: 50, requestTimeoutMs: 100 });
  const connection = connect();
  connection.write("GET /healthz HTTP/1.1\r\nhost:");
  await connection.expectClosed();
  expect(connection.received).toContain("408");
  expect(connection.received).toContain('"code":"request_timeout"');
});

test("what is not HTTP is refused", async () => {
  const connection = connect();
  connection.write("\u0016\u0003\u0001 hello\r\n\r\n");
  await connection.expectClosed();
  expect(connection.received).toMatch(/^HTTP\/1\.1 400 /);
  expect(connection.received).toContain('"code":"bad_request"');

  const large = connect();
  large.write(`GET /healthz HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`);
  await large.expectClosed();
  expect(large.received).toContain('"code":"head_too_large"');
});

test("connections beyond the limit are closed", async () => {
  await start({ connectionCountMax: 1 });
  const first = connect();
  first.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
  await first.expect("200 OK");
  await connect().expectClosed();
  first.write("GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n");
  await first.expect('"ready"');
});

test("healthz fails with the replica, and readyz without a leader too", async () => {
  const statuses = async (): Promise<number[]> => [
    (await send("GET", "/healthz")).status,
    (await send("GET", "/readyz")).status,
  ];
  expect(await statuses()).toEqual([200, 200]);
  replica.state = { leader: 0 };
  expect(await statuses()).toEqual([200, 503]);
  replica.state = { state: "full" };
  expect(await statuses()).toEqual([200, 503]);
  replica.state = { state: "failed", failure: "the disk is gone" };
  expect(await statuses()).toEqual([503, 503]);
  expect(await errorOf(await send("GET", "/healthz"))).toMatchObject({
    message: "the disk is gone",
  });
});

test("status tells about the replica and its process", async () => {
  const response = await send("GET", "/v1/status");
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(await response.json()).toMatchObject({
    id: 1,
    role: "leader",
    clusterId: "test",
    pid: process.pid,
  });
});

test("drain refuses new work, finishes what is in progress, and then close frees the port", async () => {
  const connection = connect();
  connection.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
  await connection.expect("200 OK");
  replica.hold();
  const slow = send("PUT", "/v1/kv/a", { body: "x" });
  await until("it is proposed", () => replica.callCount === 1);
  const busy = connect();
  busy.write("PUT /v1/kv/b HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n");
  await until("the head was read", async () => !busy.closed);

  let drained = false;
  const draining = server.drain(30_000).then(() => {
    drained = true;
  });
  await expect(send("GET", "/healthz")).rejects.toThrow();
  expect(drained).toBe(false);
  busy.destroy();
  replica.release();
  expect((await slow).headers.get("connection")).toBe("close");
  await draining;
  await server.close();
  await connection.expectClosed();
});

test("drain waits no longer than it may, and close cuts what is left", async () => {
  replica.hold();
  const connection = connect();
  connection.write("GET /v1/kv/a HTTP/1.1\r\nhost: a\r\n\r\n");
  await until("it is asked", () => replica.callCount === 1);
  await server.drain(1);
  await server.close();
  await connection.expectClosed();
  await server.close();
});

test("an open connection is told that the node is stopping", async () => {
  replica.hold();
  const connection = connect();
  connection.write(
    "GET /v1/kv/a HTTP/1.1\r\nhost: a\r\n\r\nGET /v1/kv/b HTTP/1.1\r\nhost: a\r\n\r\n",
  );
  await until("it is asked", () => replica.callCount >= 1);
  const other = connect();
  other.write("PUT /v1/kv/c HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n");
  await until("the other is connected", async () => (await send("GET", "/healthz")).status === 200);
  const draining = server.drain(30_000);
  other.write("\r\nx");
  await other.expect('"code":"closed"');
  await other.expect("connection: close");
  replica.release();
  await draining;
});

test("requests that wait behind another are given up with their connection", async () => {
  replica.hold();
  const connection = connect();
  const request = "GET /v1/kv/a HTTP/1.1\r\nhost: a\r\n\r\n";
  connection.write(request + request);
  await until("both are asked", () => replica.callCount === 2);
  connection.destroy();
  await until("the second is aborted", () => replica.lastOptions?.signal?.aborted === true);
  await server.drain(3_600_000);
});

test("listen rejects if the port is taken", async () => {
  const second = createHttpServer(replica);
  await expect(second.listen("127.0.0.1", port)).rejects.toMatchObject({ code: "EADDRINUSE" });
  await second.close();
});
