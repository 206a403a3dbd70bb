import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exactlyOnce, RaftError, startReplica } from "quorate";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { Client } from "../src/client.ts";
import { createHttpServer } from "../src/http-server.ts";
import { KvStore } from "../src/kv-store.ts";
import { freePorts } from "./free-ports.ts";
import { errorOf, HttpFixture } from "./http-fixture.ts";

let http: HttpFixture;

beforeEach(async () => {
  http = await HttpFixture.start();
});

afterEach(() => http.close());

test("DELETE /v1/leader says whom this node forgot", async () => {
  const response = await http.send("DELETE", "/v1/leader");
  expect([response.status, await response.json()]).toEqual([200, { forgotten: 2 }]);
});

test("DELETE /v1/leader says why nobody was forgotten", async () => {
  http.replica.followed = 0;
  const outcome = "not-applied";
  expect(await errorOf(await http.send("DELETE", "/v1/leader"))).toEqual({
    ...{ status: 404, code: "not_found", message: "this node knows no leader", outcome },
  });
  for (const [code, status] of [
    ["is_leader", 409],
    ["lease_promised", 409],
    ["closed", 503],
    ["removed", 410],
  ] as const) {
    http.replica.failure = new RaftError(code, "why");
    const response = await http.send("DELETE", "/v1/leader");
    expect(await errorOf(response)).toEqual({ status, code, message: "why", outcome });
  }
});

test("DELETE /v1/leader takes no parameters, and there is nothing else to delete", async () => {
  const query = await http.send("DELETE", "/v1/leader?id=2");
  expect(await errorOf(query)).toMatchObject({ status: 400, code: "invalid_argument" });
  for (const path of ["/v1/members", "/v1/snapshot", "/v1/status"]) {
    expect((await http.send("DELETE", path)).status).toBe(405);
  }
  expect(http.replica.callCount).toBe(0);
});

test("a node that stops forgets nobody", async () => {
  const connection = http.connect();
  connection.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
  await connection.expect("200");
  const drained = http.server.drain(1_000);
  connection.write("DELETE /v1/leader HTTP/1.1\r\nhost: a\r\n\r\n");
  await connection.expect('"code":"closed"');
  await drained;
  expect(http.replica.callCount).toBe(0);
});

test("a client asks the node that it names, and no other", async () => {
  const other = await HttpFixture.start();
  onTestFinished(() => other.close());
  const [own, others] = [http, other].map(({ port }) => `http://127.0.0.1:${port}`);
  const client = new Client({ endpoints: [others ?? "", own ?? ""] });
  onTestFinished(() => client.close());
  expect(await client.forgetLeader(own ?? "")).toBe(2);
  http.replica.followed = 0;
  await expect(client.forgetLeader(own ?? "")).rejects.toThrow(
    expect.objectContaining({ code: "not_found", outcome: "not-applied" }) as Error,
  );
  http.replica.failure = new RaftError("busy", "why");
  await expect(client.forgetLeader(own ?? "")).rejects.toThrow(
    expect.objectContaining({ code: "busy", outcome: "not-applied" }) as Error,
  );
  expect([http.replica.callCount, other.replica.callCount]).toEqual([3, 0]);
});

test("a real node that leads has nobody to forget, and leads on", async () => {
  const directory = await mkdtemp(join(tmpdir(), "quorate-leader-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const [port] = await freePorts(1);
  const replica = await startReplica({
    id: 1,
    cluster: { 1: `127.0.0.1:${port}` },
    dataDir: join(directory, "1"),
    stateMachine: exactlyOnce(new KvStore()),
    tickMs: 20,
    segmentBytes: 65_536,
  });
  onTestFinished(() => replica.close());
  const server = createHttpServer(replica);
  const url = `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}`;
  onTestFinished(() => server.close());
  const client = new Client({ endpoints: [url] });
  onTestFinished(() => client.close());
  await client.put(Buffer.from("a"), Buffer.from("1"));
  await expect(client.forgetLeader(url)).rejects.toThrow(
    expect.objectContaining({ code: "is_leader", status: 409, outcome: "not-applied" }) as Error,
  );
  expect((await client.status(url)).role).toBe("leader");
});
