import { expect, onTestFinished, test } from "vitest";
import { ApiError } from "../src/api-error.ts";
import { Client } from "../src/client.ts";
import type { HttpServerOptions } from "../src/http-server.ts";
import { Authority } from "../../quorate/test/certificates.ts";
import { SecretFiles } from "./secret-files.ts";
import { errorOf, HttpFixture } from "./http-fixture.ts";
import { until } from "./until.ts";

const [full, reading, next] = [
  "a-token-for-everything",
  "a-token-for-reading",
  "the-next-token-of-all",
];
const key = Buffer.from("a");

async function start(options: HttpServerOptions): Promise<HttpFixture> {
  const http = await HttpFixture.start(options);
  onTestFinished(() => http.close());
  return http;
}

function bearer(token: string): RequestInit {
  return { headers: { authorization: `Bearer ${token}` } };
}

test("with tokens, requests need one that is good for them, but for the health of the node", async () => {
  const files = await SecretFiles.create();
  const tokenFile = await files.write("tokens", `${full}\n${reading} read-only\n`);
  const http = await start({ tokenFile });

  const refused = await http.send("GET", "/v1/kv/a");
  expect(refused.headers.get("www-authenticate")).toBe("Bearer");
  expect(await errorOf(refused)).toMatchObject({
    status: 401,
    code: "unauthenticated",
    outcome: "not-applied",
  });
  for (const headers of [
    { authorization: "Bearer not-a-token-of-ours" },
    { authorization: `Bearer ${full}x` },
    { authorization: `Basic ${full}` },
    { authorization: "Bearer" },
  ]) {
    const response = await http.send("PUT", "/v1/kv/a", { headers, body: "x" });
    expect(await errorOf(response)).toMatchObject({ status: 401, code: "unauthenticated" });
  }
  expect((await http.send("PUT", "/v1/kv/a", { ...bearer(full), body: "x" })).status).toBe(200);
  expect((await http.send("GET", "/v1/kv/a", bearer(reading))).status).toBe(200);
  for (const [method, path] of [
    ["PUT", "/v1/kv/a"],
    ["DELETE", "/v1/kv/a"],
    ["DELETE", "/v1/leader"],
    ["POST", "/v1/members"],
    ["POST", "/v1/snapshot"],
  ] as const) {
    const response = await http.send(method, path, bearer(reading));
    expect(await errorOf(response)).toMatchObject({ status: 403, code: "forbidden" });
  }
  for (const path of ["/v1/status", "/v1/members", "/v1/nothing", "/", "/healthz/", "//healthz"]) {
    expect((await http.send("GET", path)).status).toBe(401);
  }
  for (const path of ["/healthz", "/readyz"]) {
    expect((await http.send("GET", path)).status).toBe(200);
  }
});

test("tokens are changed without a restart, and a broken file changes nothing", async () => {
  const files = await SecretFiles.create();
  const tokenFile = await files.write("tokens", full);
  const told: (string | undefined)[] = [];
  const http = await start({
    tokenFile,
    tokenCheckMs: 20,
    onTokens: (error) => told.push(error?.code),
  });
  const status = async (token: string): Promise<number> =>
    (await http.send("GET", "/v1/status", bearer(token))).status;
  await files.write("tokens", `${full}\n${next}`);
  await until("the next counts too", async () => (await status(next)) === 200);
  expect(await status(full)).toBe(200);
  await files.write("tokens", "oops");
  await until("it is told", () => told.length === 2);
  expect(await status(full)).toBe(200);
  await files.write("tokens", next);
  await until("the first counts no more", async () => (await status(full)) === 401);
  expect(await status(next)).toBe(200);
  expect(told).toEqual([undefined, "invalid_options", undefined]);
});

test("a server without usable tokens does not come to be", async () => {
  const files = await SecretFiles.create();
  await expect(HttpFixture.start({ tokenFile: files.path("none") })).rejects.toThrow("cannot read");
  const tokenFile = await files.write("tokens", "# none\n");
  await expect(HttpFixture.start({ tokenFile })).rejects.toThrow("there are 0 tokens");
});

test("over TLS a client is let in with a certificate of the authority, and told so without one", async () => {
  const [authority, other] = await Promise.all([Authority.create(), Authority.create("other")]);
  const http = await start({ tls: { ca: authority.ca, ...(await authority.issue("server")) } });
  const { ca } = authority;
  const newClient = (tls: object, endpoint = `https://127.0.0.1:${http.port}`): Client => {
    const client = new Client({ endpoints: [endpoint], tls: { ca, ...tls }, timeoutMs: 1_000 });
    onTestFinished(() => client.close());
    return client;
  };
  const client = newClient(await authority.issue("client"));
  await client.put(key, Buffer.from("x"));
  expect(String((await client.get(key)).value)).toBe("x");
  expect(await client.readyEndpoint()).toBe(`https://127.0.0.1:${http.port}`);

  for (const shown of [{}, await other.issue("client")]) {
    const stranger = newClient(shown);
    await expect(stranger.get(key)).rejects.toMatchObject({ code: "unauthenticated", status: 401 });
    expect(await stranger.readyEndpoint()).toBe(`https://127.0.0.1:${http.port}`);
  }
  const distrustful = newClient({ ca: other.ca });
  await expect(distrustful.get(key)).rejects.toMatchObject({ code: "unavailable" });
  const plain = newClient({}, `http://127.0.0.1:${http.port}`);
  await expect(plain.get(key)).rejects.toMatchObject({ code: "unavailable" });
});

test("a client of https at a server without TLS is told so, and nothing was done", async () => {
  const http = await start({});
  const endpoints = [`https://127.0.0.1:${http.port}`];
  const client = new Client({ endpoints, timeoutMs: 300 });
  onTestFinished(() => client.close());
  const put = client.put(key, Buffer.from("x"));
  await expect(put).rejects.toMatchObject({ code: "unavailable", outcome: "not-applied" });
  await expect(put).rejects.toThrow("it does not seem to speak TLS");
});

test("with certificates and tokens both must be shown", async () => {
  const authority = await Authority.create();
  const files = await SecretFiles.create();
  const tokenFile = await files.write("tokens", full);
  const { ca } = authority;
  const http = await start({ tokenFile, tls: { ca, ...(await authority.issue("server")) } });
  const certified = await authority.issue("client");
  const endpoints = [`https://127.0.0.1:${http.port}`];
  for (const [tls, token, answer] of [
    [{ ca, ...certified }, full, "found"],
    [{ ca, ...certified }, undefined, "unauthenticated"],
    [{ ca }, full, "unauthenticated"],
  ] as const) {
    const client = new Client({ endpoints, tls, token });
    onTestFinished(() => client.close());
    const result = client.get(key).then(
      () => "found",
      (error: unknown) => (error instanceof ApiError ? error.code : "defect"),
    );
    expect(await result).toBe(answer);
  }
});

test("a snapshot is copied over TLS, or refused", async () => {
  const authority = await Authority.create();
  const files = await SecretFiles.create();
  const tokenFile = await files.write("tokens", full);
  const http = await start({ tokenFile, tls: await authority.issue("server") });
  const endpoint = `https://127.0.0.1:${http.port}`;
  for (const [token, code] of [
    [full, "not_found"],
    [undefined, "unauthenticated"],
  ] as const) {
    const client = new Client({ endpoints: [endpoint], tls: { ca: authority.ca }, token });
    onTestFinished(() => client.close());
    await expect(client.copySnapshot(endpoint, async () => {})).rejects.toMatchObject({ code });
  }
});
