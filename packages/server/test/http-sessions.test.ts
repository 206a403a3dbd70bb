import { afterEach, beforeEach, expect, test } from "vitest";
import { errorOf, HttpFixture } from "./http-fixture.ts";

let http: HttpFixture;

beforeEach(async () => {
  http = await HttpFixture.start();
});

afterEach(() => http.close());

/** Status, body and the headers that matter. */
async function answerOf(response: Response): Promise<object> {
  return {
    status: response.status,
    index: response.headers.get("x-quorate-index"),
    isReplay: response.headers.get("x-quorate-replayed"),
    body: await response.text(),
  };
}

async function send(method: string, key: string, name: string, body?: string): Promise<Response> {
  const headers = { [name.includes(".") ? "x-quorate-session" : "idempotency-key"]: name };
  return http.send(method, `/v1/kv/${key}`, { headers, ...(body === undefined ? {} : { body }) });
}

/** Opens a session. */
async function open(body = "{}"): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return http.send("POST", "/v1/sessions", { headers, body });
}

test("a repeated PUT has the same answer, and a header that says so", async () => {
  const first = await answerOf(await send("PUT", "a", "some-key", "1"));
  expect(first).toMatchObject({ status: 200, index: "1", isReplay: null });
  await http.send("PUT", "/v1/kv/a", { body: "2" });
  const second = await answerOf(await send("PUT", "a", "some-key", "1"));
  expect(second).toEqual({ ...first, isReplay: "true" });
  expect(await (await http.send("GET", "/v1/kv/a")).text()).toBe("2");
});

test("a repeated DELETE has the same answer, whether the key had a value or not", async () => {
  await http.send("PUT", "/v1/kv/a", { body: "1" });
  for (const [name, status] of [
    ["first", 200],
    ["second", 404],
  ] as const) {
    const answer = await answerOf(await send("DELETE", "a", name));
    expect(answer).toMatchObject({ status, isReplay: null });
    expect(await answerOf(await send("DELETE", "a", name))).toEqual({
      ...answer,
      isReplay: "true",
    });
  }
});

test("a key or number that another write has is refused", async () => {
  await send("PUT", "a", "some-key", "1");
  await open();
  await send("PUT", "a", "2.1", "1");
  const conflict = { status: 409, code: "idempotency_conflict", outcome: "not-applied" };
  for (const name of ["some-key", "2.1"]) {
    expect(await errorOf(await send("PUT", "a", name, "2"))).toMatchObject(conflict);
    expect(await errorOf(await send("PUT", "b", name, "1"))).toMatchObject(conflict);
    expect(await errorOf(await send("DELETE", "a", name))).toMatchObject(conflict);
  }
});

test("the writes of a session are numbered, and forgotten below the floor", async () => {
  const opened = await open();
  expect(opened.headers.get("x-quorate-index")).toBe("1");
  expect(await opened.json()).toEqual({ session: 1, ttlMs: 3_600_000 });
  const first = await answerOf(await send("PUT", "a", "1.1", "1"));
  expect(first).toMatchObject({ status: 200, isReplay: null });
  expect(await answerOf(await send("PUT", "a", "1.1.1", "1"))).toEqual({
    ...first,
    isReplay: "true",
  });
  await send("PUT", "a", "1.2.2", "2");
  expect(await errorOf(await send("PUT", "a", "1.1", "1"))).toMatchObject({
    ...{ status: 410, code: "session_expired", outcome: "unknown" },
  });
  expect(await (await http.send("GET", "/v1/kv/a")).text()).toBe("2");
});

test("a session that is unknown, closed or expired takes no write", async () => {
  const expired = { status: 410, code: "session_expired" };
  expect(await errorOf(await send("PUT", "a", "7.1", "1"))).toMatchObject(expired);
  await open();
  const closed = await http.send("DELETE", "/v1/sessions/2");
  expect(await closed.json()).toEqual({ session: 2 });
  expect((await http.send("DELETE", "/v1/sessions/2")).status).toBe(200);
  expect(await errorOf(await send("PUT", "a", "2.1", "1"))).toMatchObject(expired);
  expect((await http.send("GET", "/v1/kv/a")).status).toBe(404);
});

test.each([
  [{ "idempotency-key": "" }],
  [{ "idempotency-key": "k".repeat(65) }],
  [{ "idempotency-key": "with space" }],
  [{ "x-quorate-session": "1" }],
  [{ "x-quorate-session": "0.1" }],
  [{ "x-quorate-session": "1.0" }],
  [{ "x-quorate-session": "1.2.3" }],
  [{ "x-quorate-session": "1.2.0" }],
  [{ "x-quorate-session": "1.281474976710656" }],
  [{ "x-quorate-session": "one.two" }],
  [{ "x-quorate-session": "1.1", "idempotency-key": "a" }],
])("a write with the headers %j is refused", async (headers: Record<string, string>) => {
  const error = await errorOf(await http.send("PUT", "/v1/kv/a", { headers, body: "1" }));
  expect(error).toMatchObject({ status: 400, code: "invalid_argument", outcome: "not-applied" });
  expect(http.replica.callCount).toBe(0);
  // A read has nothing to repeat.
  expect((await http.send("GET", "/v1/kv/a", { headers })).status).toBe(404);
});

test("a request for a session says what it wants, and how long it waits", async () => {
  expect(await (await open('{"ttlMs": 5000}')).json()).toEqual({ session: 1, ttlMs: 5000 });
  expect(await (await open("")).json()).toMatchObject({ session: 2 });
  for (const body of ['{"ttlMs": 0}', '{"ttlMs": 604800001}', '{"ttl": 5}', "[]", "x"]) {
    expect(await errorOf(await open(body))).toMatchObject({ status: 400 });
  }
  expect((await http.send("POST", "/v1/sessions", { body: "{}" })).status).toBe(415);
  expect((await http.send("GET", "/v1/sessions")).status).toBe(405);
  expect((await http.send("GET", "/v1/sessions/1")).status).toBe(405);
  for (const path of ["/v1/sessions/", "/v1/sessions/0", "/v1/sessions/x", "/v1/sessions/1/2"]) {
    expect((await http.send("DELETE", path)).status).toBe(404);
  }
  await http.send("DELETE", "/v1/sessions/1", { headers: { "x-quorate-timeout-ms": "1234" } });
  expect(http.replica.lastOptions?.timeoutMs).toBe(1234);
});

test("a node that stops opens and closes no session", async () => {
  const draining = http.server.drain(2_000);
  const answers = await Promise.all([open(), http.send("DELETE", "/v1/sessions/1")]);
  for (const answer of answers) expect(await errorOf(answer)).toMatchObject({ code: "closed" });
  await draining;
});
