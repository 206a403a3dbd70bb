import { connect as connectSecurely } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import type { HttpServerOptions } from "../src/http-server.ts";
import { Authority } from "../../quorate/test/certificates.ts";
import { errorOf, HttpFixture } from "./http-fixture.ts";
import { until } from "./until.ts";

async function start(options: HttpServerOptions): Promise<HttpFixture> {
  const http = await HttpFixture.start(options);
  onTestFinished(() => http.close());
  return http;
}

test("an address that asks too often is refused until it has waited", async () => {
  const http = await start({ requestsPerSecondMax: 1, requestBurstMax: 3 });
  for (let count = 0; count < 3; count++) {
    expect((await http.send("GET", "/healthz")).status).toBe(200);
  }
  const refused = await http.send("PUT", "/v1/kv/a", { body: "x" });
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(await errorOf(refused)).toMatchObject({
    status: 429,
    code: "rate_limited",
    outcome: "not-applied",
  });
  expect(http.replica.callCount).toBe(0);
  await until("it is served again", async () => (await http.send("GET", "/readyz")).status === 200);
});

test("one address may have so many connections, and gets the place of one that ended", async () => {
  const http = await start({ connectionsPerClientMax: 2 });
  const ask = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
  const [first, second] = [http.connect(), http.connect()];
  for (const connection of [first, second]) {
    connection.write(ask);
    await connection.expect("200 OK");
  }
  await http.connect().expectClosed();
  first.destroy();
  await until("a new one is let in", async () => {
    const connection = http.connect();
    connection.write(ask);
    await until("it is decided", () => connection.closed || connection.received !== "");
    return !connection.closed;
  });
  second.write(ask);
  await until("the other is undisturbed", () => second.received.split("200 OK").length === 3);
});

test("requests beyond those that may be in progress are refused as busy, pipelined ones too", async () => {
  const http = await start({ requestCountMax: 3 });
  http.replica.hold();
  const connection = http.connect();
  connection.write("GET /v1/kv/a HTTP/1.1\r\nhost: a\r\n\r\n".repeat(50));
  await until("they are asked", () => http.replica.callCount === 3);
  const refused = await errorOf(await http.send("PUT", "/v1/kv/a", { body: "x" }));
  expect(refused).toMatchObject({ status: 429, code: "busy", outcome: "not-applied" });
  expect((await http.send("GET", "/healthz")).status).toBe(200);
  http.replica.release();
  await until("all are answered", () => connection.received.split("HTTP/1.1 ").length === 51);
  expect(http.replica.callCount).toBe(3);
});

test("a client that never asks is given up, with TLS and without", async () => {
  const plain = await start({ headTimeoutMs: 50, requestTimeoutMs: 100 });
  await plain.connect().expectClosed();
  const authority = await Authority.create();
  const tls = await authority.issue("server");
  const secure = await start({ headTimeoutMs: 50, requestTimeoutMs: 100, tls });
  // It never begins the handshake, or begins and never ends it.
  await secure.connect().expectClosed();
  const begun = secure.connect();
  begun.write(Uint8Array.of(0x16, 3, 1, 2, 0, 1));
  await begun.expectClosed();
  const noise = secure.connect();
  noise.write("GET /healthz HTTP/1.1\r\n\r\n");
  await noise.expectClosed();
});

test("a server closes although handshakes of TLS are not over", async () => {
  const authority = await Authority.create();
  const http = await start({ tls: await authority.issue("server") });
  const silent = http.connect();
  const socket = connectSecurely({ port: http.port, host: "127.0.0.1", ca: authority.ca });
  onTestFinished(() => {
    socket.destroy();
  });
  await new Promise((done) => socket.once("secureConnect", done));
  await http.server.close();
  await silent.expectClosed();
});

test("a refused request whose body goes on and on is cut off", async () => {
  const http = await start({ requestsPerSecondMax: 1, requestBurstMax: 1 });
  await http.send("GET", "/healthz");
  const connection = http.connect();
  connection.write("PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n");
  await connection.expect('"code":"rate_limited"');
  await until("it is cut off", () => {
    if (!connection.closed) connection.write(Buffer.alloc(256 * 1024));
    return connection.closed;
  });
});
