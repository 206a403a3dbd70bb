import {
  createServer,
  request as startRequest,
  type RequestListener,
  type Server,
} from "node:http";
import { createServer as createTcpServer } from "node:net";
import { encodeSessionCommand, RaftError } from "quorate";
import { afterEach, expect, test } from "vitest";
import { ApiError } from "../src/api-error.ts";
import { Client, type ClientOptions, type Written } from "../src/client.ts";
import { createHttpServer } from "../src/http-server.ts";
import { MemoryReplica } from "./memory-replica.ts";
import { freeRange } from "./free-ports.ts";
import { until } from "./until.ts";

const key = Buffer.from("key/ÿ?");
const value = Buffer.from([0, 255, 10]);
const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function client(endpoints: readonly string[], options: Partial<ClientOptions> = {}): Client {
  const made = new Client({ endpoints, timeoutMs: 20_000, ...options });
  cleanUps.push(() => made.close());
  return made;
}

async function node(
  replica = new MemoryReplica(),
): Promise<{ replica: MemoryReplica; url: string }> {
  const server = createHttpServer(replica);
  const port = await server.listen("127.0.0.1", 0);
  cleanUps.push(() => server.close());
  return { replica, url: `http://127.0.0.1:${port}` };
}

/** A server that is none of ours. */
async function stranger(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  cleanUps.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${port}`;
}

/** A port that nothing listens on. */
async function deadEnd(): Promise<string> {
  return `http://127.0.0.1:${await freeRange(1)}`;
}

async function failure(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

test("Client puts, gets and deletes any bytes", async () => {
  const { url } = await node();
  const c = client([url]);
  expect(await c.get(key)).toEqual({ value: undefined, index: 0 });
  // The first opens the client's session.
  expect(await c.put(key, value)).toEqual({ index: 2, previousIndex: 0 });
  expect(await c.get(key)).toEqual({ value, index: 2 });
  expect(await c.get(key, { consistency: "local" })).toEqual({ value, index: 2 });
  expect(await c.delete(key)).toEqual({ index: 3, previousIndex: 2 });
  expect(await c.delete(key)).toBeUndefined();
  expect(await c.status(url)).toMatchObject({ id: 1, appliedIndex: 4 });
});

test("Client passes by endpoints that refuse or are not ready", async () => {
  const notReady = await node();
  notReady.replica.state = { leader: 0 };
  const good = await node();
  const c = client([await deadEnd(), notReady.url, good.url]);
  await c.put(key, value);
  expect([notReady.replica.callCount, good.replica.callCount]).toEqual([0, 2]);
});

test("Client sends no write to a node that takes connections and says nothing", async () => {
  const silent = createTcpServer((socket) => socket.resume());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  cleanUps.push(() => new Promise((resolve) => silent.close(() => resolve())));
  const address = silent.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const good = await node();
  await client([`http://127.0.0.1:${port}`, good.url]).put(key, value);
  expect(good.replica.callCount).toBe(2);
});

test("Client repeats a write elsewhere that certainly had no effect", async () => {
  for (const code of ["unavailable", "busy"] as const) {
    const refusing = await node();
    const good = await node();
    const c = client([refusing.url, good.url]);
    good.replica.state = { leader: 0 };
    const idempotencyKey = "a";
    await c.put(key, value, { idempotencyKey });
    refusing.replica.failure = new RaftError(code, "not now");
    good.replica.state = {};
    await c.put(key, value, { idempotencyKey });
    expect([refusing.replica.callCount, good.replica.callCount]).toEqual([2, 1]);
  }
});

test.each(["closed", "removed"] as const)(
  "Client sends a write to a node that is %s no more, though no other is ready yet",
  async (code) => {
    const leaving = await node();
    const other = await node();
    other.replica.state = { leader: 0 };
    const c = client([leaving.url, other.url]);
    await c.put(key, value, { idempotencyKey: "a" });
    leaving.replica.failure = new RaftError(code, "for good");
    leaving.replica.state = { state: code };
    const putting = c.put(key, value, { idempotencyKey: "b" });
    await until("it was refused", () => leaving.replica.callCount === 2);
    // From here on it is the only one that could be asked, for as long as a few attempts take.
    await expect(c.get(key, { timeoutMs: 300 })).rejects.toMatchObject({ code: "unavailable" });
    other.replica.state = {};
    await putting;
    expect([leaving.replica.callCount, other.replica.callCount]).toEqual([2, 1]);
  },
);

test.each([[{}], [{ idempotencyKey: "a-key" }]])(
  "Client repeats a write whose answers were lost, which takes effect once: %j",
  async (options) => {
    const { url, replica } = await node();
    const c = client([url]);
    await c.put(key, value, { idempotencyKey: "first" });
    // Opens the session; that is repeated, too, if its answer is lost.
    replica.lost.push(new RaftError("leadership_lost", "the answer was lost"));
    await c.put(Buffer.from("another"), value);
    const { callCount } = replica;
    for (const code of ["leadership_lost", "deadline_exceeded", "stopped"] as const) {
      replica.lost.push(new RaftError(code, "the answer was lost"));
    }
    const { previousIndex, index } = await c.put(key, value, options);
    // Applied a second time, it would have replaced itself.
    expect(previousIndex).toBe(1);
    expect(replica.callCount).toBe(callCount + 4);
    replica.lost.push(new RaftError("leadership_lost", "the answer was lost"));
    expect(await c.delete(key, { idempotencyKey: "last" })).toMatchObject({ previousIndex: index });
  },
);

test("Client repeats a write elsewhere when the node that had it is gone", async () => {
  const machine = await node();
  let lossCount = 2;
  // Hands everything on to the same group, and loses answers to writes.
  const lossy = await stranger((request, response) => {
    const { method, url = "", headers } = request;
    const onward = startRequest(machine.url + url, { method, headers }, (reply) => {
      if (method === "PUT" && lossCount-- > 0) request.socket.destroy();
      else reply.pipe(response.writeHead(reply.statusCode ?? 0, reply.headers));
    });
    request.pipe(onward);
  });
  const c = client([lossy]);
  const written = await c.put(key, value);
  expect(lossCount).toBe(-1);
  expect(written).toEqual({ index: 2, previousIndex: 0 });
});

test("Client opens one session for writes that come together, and another when it has expired", async () => {
  const { url, replica } = await node();
  const c = client([url]);
  const put = (name: number): Promise<Written> => c.put(Buffer.from([name]), value);
  const written = await Promise.all([1, 2, 3, 4, 5, 6].map(put));
  expect(replica.callCount).toBe(7);
  expect(new Set(written.map(({ index }) => index))).toEqual(new Set([2, 3, 4, 5, 6, 7]));
  await replica.propose(encodeSessionCommand({ kind: "close", stamp: 0, session: 1 }));
  expect(await put(1)).toMatchObject({ previousIndex: written[0]?.index });
  // The refused write, another session, and the write again.
  expect(replica.callCount).toBe(8 + 3);
});

test("Client does not know what became of a write whose session expired before it was repeated", async () => {
  const { url, replica } = await node();
  const c = client([url]);
  await c.put(key, value);
  replica.lost.push(new RaftError("leadership_lost", "the answer was lost"));
  const putting = failure(c.put(key, value));
  await until("the answer was lost", () => replica.lost.length === 0);
  await replica.propose(encodeSessionCommand({ kind: "close", stamp: 0, session: 1 }));
  expect(await putting).toMatchObject({ code: "session_expired", outcome: "unknown" });
});

test("Client tells what the last attempt left open when time runs out", async () => {
  let count = 0;
  const url = await stranger((request) => {
    count += 1;
    request.socket.destroy();
  });
  const c = client([url], { timeoutMs: 300 });
  const options = { idempotencyKey: "a" };
  const unknown = { code: "no_answer", outcome: "unknown" };
  expect(await failure(c.put(key, value, options))).toMatchObject(unknown);
  expect(count).toBeGreaterThan(1);
  expect(await failure(c.delete(key, options))).toMatchObject(unknown);
  // Where no session could be opened, nothing was written.
  expect(await failure(c.put(key, value))).toMatchObject({ outcome: "not-applied" });
  const abort = new AbortController();
  const { signal } = abort;
  const before = count;
  const putting = failure(c.put(key, value, { ...options, signal, timeoutMs: 20_000 }));
  await until("an attempt was made", () => count > before);
  abort.abort();
  expect(await putting).toMatchObject({ outcome: "unknown" });
});

test("Client leaves a node that does not answer alone", async () => {
  let probeCount = 0;
  const hanging = await stranger((request, response) => {
    if (request.url !== "/readyz") return;
    probeCount += 1;
    if (probeCount === 1) response.end();
  });
  const good = await node();
  good.replica.state = { leader: 0 };
  const c = client([hanging, good.url]);
  const options = { idempotencyKey: "a", timeoutMs: 200 };
  expect(await failure(c.put(key, value, options))).toMatchObject({ code: "no_answer" });
  good.replica.state = {};
  await c.put(key, value);
  expect(good.replica.callCount).toBe(2);
});

test("Client makes no other change again that may have had an effect", async () => {
  const nodes = [await node(), await node()];
  for (const { replica } of nodes) replica.failure = new RaftError("leadership_lost", "who knows");
  const c = client(nodes.map(({ url }) => url));
  expect(await failure(c.transferLeadership())).toMatchObject({
    code: "leadership_lost",
    outcome: "unknown",
  });
  expect(nodes.map(({ replica }) => replica.callCount).sort((a, b) => a - b)).toEqual([0, 1]);
});

test("Client refuses an idempotency key that is none, and one that another write has", async () => {
  const { url, replica } = await node();
  const c = client([url]);
  for (const idempotencyKey of ["", "a b", "k".repeat(65), "ü", "a\nb"]) {
    expect(await failure(c.put(key, value, { idempotencyKey }))).toMatchObject({ status: 400 });
  }
  expect(replica.callCount).toBe(0);
  await c.put(key, value, { idempotencyKey: "a" });
  expect(await failure(c.delete(key, { idempotencyKey: "a" }))).toMatchObject({
    code: "idempotency_conflict",
    outcome: "not-applied",
    status: 409,
  });
  expect((await c.get(key)).value).toEqual(value);
});

test("Client repeats a read whatever became of it", async () => {
  let askedCount = 0;
  const broken = await stranger((request, response) => {
    if (request.url === "/readyz") {
      response.end();
    } else {
      askedCount += 1;
      request.socket.destroy();
    }
  });
  const good = await node();
  good.replica.state = { leader: 0 };
  const c = client([broken, good.url]);
  const reading = c.get(key);
  await until("the broken one was asked", () => askedCount > 0);
  good.replica.state = {};
  expect(await reading).toEqual({ value: undefined, index: 0 });
});

test("Client waits for a node to become ready, and says so if none does", async () => {
  const late = await node();
  late.replica.state = { leader: 0 };
  const c = client([late.url, await deadEnd()]);
  const error = await failure(c.put(key, value, { timeoutMs: 300 }));
  expect(error).toMatchObject({ code: "unavailable", outcome: "not-applied" });
  expect(error.message).toContain("ECONNREFUSED");

  const writing = c.put(key, value);
  late.replica.state = {};
  expect((await writing).index).toBe(2);
});

test("Client reads locally from a node that knows no leader", async () => {
  const alone = await node();
  alone.replica.state = { leader: 0 };
  const c = client([await deadEnd(), alone.url]);
  expect((await c.get(key, { consistency: "local" })).value).toBeUndefined();
});

test("Client does not repeat what no node would take", async () => {
  const { url, replica } = await node();
  const c = client([url, url]);
  expect(await failure(c.put(new Uint8Array(0), value))).toMatchObject({ status: 400 });
  expect(await failure(c.put(key, new Uint8Array(1024 * 1024 + 1)))).toMatchObject({ status: 413 });
  // A session was opened, and no more.
  expect(replica.callCount).toBe(1);
});

test("Client tells once that it goes on trying, and nothing where another node serves at once", async () => {
  const told: string[] = [];
  const onRetry = (reason: string, leftMs: number): void => {
    expect(leftMs).toBeGreaterThan(0);
    told.push(reason);
  };
  const dead = await deadEnd();
  for (const endpoints of [[dead], [dead, await deadEnd()]]) {
    const settings = { timeoutMs: 2_000, onRetry };
    expect(await failure(client(endpoints, settings).members())).toMatchObject({
      code: "unavailable",
    });
    expect(told.splice(0)).toEqual([expect.stringMatching(`${dead}: .*ECONNREFUSED`)]);
  }
  const one = await node();
  const two = await node();
  one.replica.failure = new RaftError("leader_not_ready", "not yet");
  await client([one.url, two.url], { onRetry }).put(key, value);
  await client([dead, two.url], { onRetry }).put(key, value);
  expect(told).toEqual([]);
});

test("Client takes the answer of a stranger for none", async () => {
  const url = await stranger((_request, response) => response.end("<html>"));
  const c = client([url]);
  expect(await failure(c.put(key, value, { idempotencyKey: "a" }))).toMatchObject({
    code: "bad_answer",
    outcome: "unknown",
  });
  expect(await failure(c.put(key, value))).toMatchObject({
    code: "bad_answer",
    outcome: "not-applied",
  });
  expect(await failure(c.get(key))).toMatchObject({ code: "bad_answer" });
  expect(await failure(c.status(url))).toMatchObject({ code: "bad_answer" });
});

test("Client stops trying when its caller does", async () => {
  const abort = new AbortController();
  const c = client([await deadEnd(), await deadEnd()]);
  const call = failure(c.get(key, { signal: abort.signal }));
  abort.abort();
  expect(await call).toMatchObject({ code: "unavailable" });
  expect(await failure(c.get(key, { signal: abort.signal }))).toMatchObject({
    code: "unavailable",
  });
});

test.each([
  [[]],
  [["127.0.0.1:8001"]],
  [["ftp://a:1"]],
  [["https:/xample\u00d8\u00a8"]],
  [["http://a:1/path"]],
  [["nonsense"]],
])("Client refuses the endpoints %j", (endpoints) => {
  expect(() => new Client({ endpoints })).toThrow(ApiError);
});
