import { afterEach, beforeEach, expect, test } from "vitest";
import { valueBytesMax } from "../src/command.ts";
import { createHttpServer } from "../src/http-server.ts";
import { errorOf, HttpFixture } from "./http-fixture.ts";
import { until } from "./until.ts";

let http: HttpFixture;

beforeEach(async () => {
  http = await HttpFixture.start();
});

afterEach(() => http.close());

test("the largest value is taken and one byte more is not, told beforehand or found out", async () => {
  const largest = Buffer.alloc(valueBytesMax, 1);
  expect((await http.send("PUT", "/v1/kv/a", { body: largest })).status).toBe(200);
  const tooLarge = Buffer.alloc(valueBytesMax + 1, 1);
  const announced = await errorOf(await http.send("PUT", "/v1/kv/a", { body: tooLarge }));
  expect(announced).toMatchObject({ status: 413, code: "too_large", outcome: "not-applied" });

  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(tooLarge);
      controller.close();
    },
  });
  const chunked = { body: stream, duplex: "half" } as RequestInit;
  const found = await errorOf(await http.send("PUT", "/v1/kv/a", chunked));
  expect(found).toMatchObject({ status: 413, code: "too_large" });
  expect(http.replica.callCount).toBe(1);
});

test("a connection is still good after a value that was too large", async () => {
  const connection = http.connect();
  connection.write(
    `PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ncontent-length: ${valueBytesMax + 1}\r\n\r\n`,
  );
  await connection.expect("413");
  connection.write(Buffer.alloc(valueBytesMax + 1, 65));
  connection.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
  await connection.expect('{"status":"ok"}');
});

test("a body without end is answered and then cut off", async () => {
  const connection = http.connect();
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
  const allowed = http.connect();
  allowed.write(head(5));
  await allowed.expect("100 Continue");
  allowed.write("hello");
  await allowed.expect("200 OK");

  const refused = http.connect();
  refused.write(head(valueBytesMax + 1));
  await refused.expectClosed();
  expect(refused.received).toContain("413");
  expect(refused.received).not.toContain("100 Continue");
});

test("bodies beyond the budget are refused as busy until others are done", async () => {
  await http.restart({ bodyBytesMax: 10 });
  http.replica.hold();
  const slow = http.send("PUT", "/v1/kv/a", { body: "12345678" });
  await until("the first is proposed", () => http.replica.callCount === 1);
  const refused = await http.send("PUT", "/v1/kv/b", { body: "123" });
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(await errorOf(refused)).toMatchObject({
    status: 429,
    code: "busy",
    outcome: "not-applied",
  });
  http.replica.release();
  expect((await slow).status).toBe(200);
  expect((await http.send("PUT", "/v1/kv/b", { body: "1234567890" })).status).toBe(200);
});

test("a client that goes away ends the wait and harms nobody", async () => {
  http.replica.hold();
  const connection = http.connect();
  connection.write("PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx");
  await until("it is proposed", () => http.replica.callCount === 1);
  expect(http.replica.lastOptions?.signal?.aborted).toBe(false);
  connection.destroy();
  await until("the wait is aborted", () => http.replica.lastOptions?.signal?.aborted === true);
  http.replica.release();
  expect((await http.send("GET", "/healthz")).status).toBe(200);
});

test("a client that goes away in the middle of a body gives its bytes back", async () => {
  await http.restart({ bodyBytesMax: 10 });
  for (let round = 0; round < 3; round++) {
    const connection = http.connect();
    connection.write("PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n123456789");
    await until(
      "the bytes are held",
      async () => (await http.send("PUT", "/v1/kv/b", { body: "12" })).status === 429,
    );
    connection.destroy();
    await until(
      "they are given back",
      async () => (await http.send("PUT", "/v1/kv/b", { body: "12" })).status === 200,
    );
  }
});

test("a head that does not arrive is given up", async () => {
  await http.restart({ headTimeoutMs: 50, requestTimeoutMs: 100 });
  const connection = http.connect();
  connection.write("GET /healthz HTTP/1.1\r\nhost:");
  await connection.expectClosed();
  expect(connection.received).toContain("408");
  expect(connection.received).toContain('"code":"request_timeout"');
});

test("what is not HTTP is refused", async () => {
  const connection = http.connect();
  connection.write("\u0016\u0003\u0001 hello\r\n\r\n");
  await connection.expectClosed();
  expect(connection.received).toMatch(/^HTTP\/1\.1 400 /);
  expect(connection.received).toContain('"code":"bad_request"');

  const large = http.connect();
  large.write(`GET /healthz HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`);
  await large.expectClosed();
  expect(large.received).toContain('"code":"head_too_large"');
});

test("connections beyond the limit are closed", async () => {
  await http.restart({ connectionCountMax: 1 });
  const first = http.connect();
  first.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
  await first.expect("200 OK");
  await http.connect().expectClosed();
  first.write("GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n");
  await first.expect('"ready"');
});

test("drain refuses new work, finishes what is in progress, and then close frees the port", async () => {
  const connection = http.connect();
  connection.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
  await connection.expect("200 OK");
  http.replica.hold();
  const slow = http.send("PUT", "/v1/kv/a", { body: "x" });
  await until("it is proposed", () => http.replica.callCount === 1);
  const busy = http.connect();
  busy.write("PUT /v1/kv/b HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n");
  await until("the head was read", async () => !busy.closed);

  let drained = false;
  const draining = http.server.drain(30_000).then(() => {
    drained = true;
  });
  const late = await http.send("PUT", "/v1/kv/late", { body: "x" });
  expect([late.status, late.headers.get("connection")]).toEqual([503, "close"]);
  expect(drained).toBe(false);
  busy.destroy();
  http.replica.release();
  expect((await slow).headers.get("connection")).toBe("close");
  await draining;
  await http.server.close();
  await connection.expectClosed();
});

test("drain lets an idle connection ask once more, and ends once all have been told", async () => {
  const connection = http.connect();
  connection.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
  await connection.expect("200 OK");
  const draining = http.server.drain(30_000);
  connection.write("PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx");
  await connection.expect('"code":"closed"');
  await connection.expectClosed();
  await draining;
});

test("a node that stops reads the whole of a request before it refuses it", async () => {
  const connection = http.connect();
  const head = "PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n";
  connection.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
  await connection.expect("200 OK");
  const draining = http.server.drain(30_000);
  connection.write(`${head}x`);
  const other = await http.send("PUT", "/v1/kv/b", { body: "whole" });
  expect(other.status).toBe(503);
  expect(connection.received).not.toContain("503");
  connection.write("yz");
  await connection.expect('"code":"closed"');
  await connection.expectClosed();
  await draining;
});

test("drain waits no longer than it may, and close cuts what is left", async () => {
  http.replica.hold();
  const connection = http.connect();
  connection.write("GET /v1/kv/a HTTP/1.1\r\nhost: a\r\n\r\n");
  await until("it is asked", () => http.replica.callCount === 1);
  await http.server.drain(1);
  await http.server.close();
  await connection.expectClosed();
  await http.server.close();
});

test("an open connection is told that the node is stopping", async () => {
  http.replica.hold();
  const connection = http.connect();
  connection.write(
    "GET /v1/kv/a HTTP/1.1\r\nhost: a\r\n\r\nGET /v1/kv/b HTTP/1.1\r\nhost: a\r\n\r\n",
  );
  await until("it is asked", () => http.replica.callCount >= 1);
  const other = http.connect();
  other.write("PUT /v1/kv/c HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n");
  await until(
    "the other is connected",
    async () => (await http.send("GET", "/healthz")).status === 200,
  );
  const draining = http.server.drain(30_000);
  other.write("\r\nx");
  await other.expect('"code":"closed"');
  await other.expect("connection: close");
  http.replica.release();
  await draining;
});

test("requests that wait behind another are given up with their connection", async () => {
  http.replica.hold();
  const connection = http.connect();
  const request = "GET /v1/kv/a HTTP/1.1\r\nhost: a\r\n\r\n";
  connection.write(request + request);
  await until("both are asked", () => http.replica.callCount === 2);
  connection.destroy();
  await until("the second is aborted", () => http.replica.lastOptions?.signal?.aborted === true);
  await http.server.drain(3_600_000);
});

test("listen rejects if the port is taken", async () => {
  const second = createHttpServer(http.replica);
  await expect(second.listen("127.0.0.1", http.port)).rejects.toMatchObject({ code: "EADDRINUSE" });
  await second.close();
});
