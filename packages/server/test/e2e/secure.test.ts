import { copyFile, readFile } from "node:fs/promises";
import { connect } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { ApiError } from "../../src/api-error.ts";
import { Client } from "../../src/client.ts";
import { Authority, type Certified } from "../../../quorate/test/certificates.ts";
import { CommandProcess, run } from "../cluster.ts";
import { freePorts } from "../free-ports.ts";
import { SecretFiles } from "../secret-files.ts";
import { until } from "../until.ts";

const [token, nextToken, readToken] = [
  "the-first-token-of-all",
  "the-second-token",
  "a-read-token-of-ours",
];

/** Three nodes that speak TLS with one another and with clients, and what clients need. */
interface SecureGroup {
  readonly authority: Authority;
  readonly files: SecretFiles;
  readonly processes: readonly CommandProcess[];
  readonly ports: readonly number[];
  readonly endpoints: readonly string[];
  /** What the command must be told: whom to trust, and who it is. */
  readonly show: readonly string[];
}

/** A certificate for node `id` of a group whose name nobody has chosen. */
function certify(authority: Authority, id: number): Promise<Certified> {
  return authority.node(id, { clusterId: "default" });
}

/** Starts node `id` with `options`, and with a certificate and the other secrets in `files`. */
async function startNode(
  { authority, files }: Pick<SecureGroup, "authority" | "files">,
  id: number,
  options: Readonly<Record<string, string>>,
): Promise<CommandProcess> {
  const { cert, key: certKey } = await files.writeCertified(
    `node-${id}`,
    await certify(authority, id),
  );
  const ca = files.path("ca.pem");
  const all = {
    "--id": String(id),
    ...options,
    "--data-dir": files.path(`data-${id}`),
    "--tick-ms": "50",
    "--log-format": "json",
    ...{ "--peer-tls-ca": ca, "--peer-tls-cert": cert, "--peer-tls-key": certKey },
    ...{ "--tls-ca": ca, "--tls-cert": cert, "--tls-key": certKey },
    "--token-file": files.path("tokens"),
  };
  return startTied(["serve", ...Object.entries(all).flat()]);
}

/** Starts a process that ends with the test. */
function startTied(commandLine: readonly string[]): CommandProcess {
  const process = new CommandProcess([...commandLine, "--exit-with-parent"], { tied: true });
  onTestFinished(() => process.kill());
  return process;
}

async function start(): Promise<SecureGroup> {
  const authority = await Authority.create();
  const files = await SecretFiles.create();
  const ca = await files.write("ca.pem", authority.ca);
  await files.write("tokens", `${token}\n${readToken} read-only\n`);
  const ports = await freePorts(6);
  const members = [1, 2, 3].map((id) => `${id}=127.0.0.1:${ports[id - 1]}`).join(",");
  const processes = await Promise.all(
    [1, 2, 3].map((id) => {
      const options = { "--cluster": members, "--http": `127.0.0.1:${ports[id + 2]}` };
      return startNode({ authority, files }, id, options);
    }),
  );
  const client = await files.writeCertified("client", await authority.issue("a client"));
  const endpoints = ports.slice(3).map((port) => `https://127.0.0.1:${port}`);
  const show = ["--ca", ca, "--cert", client.cert, "--key", client.key];
  return { authority, files, processes, ports, endpoints, show };
}

test("a group that asks for certificates and tokens serves who has both, and nobody else", async () => {
  const { files, processes, endpoints, show } = await start();
  const where = ["--endpoints", endpoints.join(",")];
  const withToken = ["--token-file", files.path("tokens")];
  const put = await run(["put", "a", "1", ...where, ...show, ...withToken]);
  expect(put.exit.status).toBe(0);

  const env = { QUORATE_TOKEN: readToken };
  const get = await run(["get", "a", ...where, ...show], { env });
  expect([get.exit.status, get.stdout]).toEqual([0, "1"]);
  const forbidden = await run(["put", "a", "2", ...where, ...show], { env });
  expect([forbidden.exit.status, forbidden.stderr]).toEqual([
    2,
    "quorate: forbidden: the token is good for reading only\n",
  ]);
  const unknown = { QUORATE_TOKEN: "not-a-token-of-ours" };
  for (const [options, environment, message] of [
    [show, {}, "unauthenticated: a bearer token is needed"],
    [show, unknown, "unauthenticated: the token is not known"],
    [show.slice(0, 2), { QUORATE_TOKEN: token }, "unauthenticated: a client certificate is needed"],
  ] as const) {
    const refused = await run(["put", "a", "2", ...where, ...options], { env: environment });
    expect([refused.exit.status, refused.stderr]).toEqual([
      2,
      expect.stringContaining(message) as string,
    ]);
  }
  const distrust = await run(["get", "a", ...where, "--timeout-ms", "500"], { env });
  expect(distrust.exit.status).toBe(3);
  expect(distrust.stderr).toContain("certificate");

  const status = await run(["status", ...where, ...show, ...withToken]);
  expect(status.stdout).toContain("leader");
  expect(processes.every(({ exit }) => exit === undefined)).toBe(true);
});

/** What a client of a secure group shows, as text. */
async function clientTls({
  show,
}: SecureGroup): Promise<{ ca: string; cert: string; key: string }> {
  const [ca = "", cert = "", key = ""] = await Promise.all(
    [1, 3, 5].map((at) => readFile(show[at] ?? "", "utf8")),
  );
  return { ca, cert, key };
}

function newClient({ endpoints }: SecureGroup, text: string, tls: object): Client {
  const client = new Client({ endpoints, token: text, tls, timeoutMs: 30_000 });
  onTestFinished(() => client.close());
  return client;
}

/** Asks every node alone, and says what became of it. */
async function askAll({ endpoints }: SecureGroup, client: Client): Promise<string[]> {
  const results = await Promise.allSettled(endpoints.map((it) => client.status(it)));
  return results.map((it) => {
    if (it.status === "fulfilled") return "served";
    const error: unknown = it.reason;
    return error instanceof ApiError ? error.code : String(error);
  });
}

const key = Buffer.from("a");

test("tokens are changed while the nodes run", async () => {
  const group = await start();
  const { files, processes } = group;
  const tls = await clientTls(group);
  const client = newClient(group, token, tls);
  await client.put(key, Buffer.from("1"));
  await files.write("tokens", `${token}\n${nextToken}\n`);
  await until("all have the tokens", () =>
    processes.every((it) => it.stdout.includes("tokens reloaded")),
  );
  const next = newClient(group, nextToken, tls);
  await next.put(key, Buffer.from("2"));
  await client.put(key, Buffer.from("3"));
  await files.write("tokens", `${nextToken}\n`);
  await until("the first counts nowhere", async () =>
    (await askAll(group, client)).every((it) => it === "unauthenticated"),
  );
  await next.put(key, Buffer.from("4"));
});

test("certificates are changed while the nodes run, and broken ones are not used", async () => {
  const group = await start();
  const { authority, files, ports, processes } = group;
  const tls = await clientTls(group);
  const client = newClient(group, token, tls);
  await client.put(key, Buffer.from("1"));
  const serial = (): Promise<string> => {
    const socket = connect({ port: ports[3] ?? 0, host: "127.0.0.1", ...tls });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("secureConnect", () => {
        resolve(socket.getPeerX509Certificate()?.serialNumber ?? "");
        socket.destroy();
      });
    });
  };
  const before = await serial();
  await files.write("node-1.pem", "not a certificate");
  const [one] = processes;
  await until("it is told", () => one?.stdout.includes("the old ones stay") ?? false);
  expect(await serial()).toBe(before);
  await files.writeCertified("node-1", await certify(authority, 1));
  await until("the new one is shown", async () => (await serial()) !== before);
  expect(one?.stdout).toContain("certificates reloaded");
  await client.put(key, Buffer.from("2"));
});

test("another authority takes the place of the first while the nodes run", async () => {
  const group = await start();
  const { authority, files } = group;
  const old = await clientTls(group);
  await newClient(group, token, old).put(key, Buffer.from("1"));
  const other = await Authority.create("other");
  const both = `${authority.ca}\n${other.ca}`;
  await files.write("ca.pem", both);
  for (const id of [1, 2, 3]) {
    await files.writeCertified(`node-${id}`, await certify(other, id));
  }
  const newer = newClient(group, token, { ...(await other.issue("a client")), ca: both });
  await until("the new certificate counts everywhere", async () =>
    (await askAll(group, newer)).every((it) => it === "served"),
  );
  await files.write("ca.pem", other.ca);
  await until("the old one counts nowhere", async () => {
    const stranger = newClient(group, token, { ...old, ca: both });
    return (await askAll(group, stranger)).every((it) => it === "unauthenticated");
  });
  await newer.put(key, Buffer.from("2"));
  expect(String((await newer.get(key)).value)).toBe("2");
});

test("a node with the certificate of another, or with none, does not come into the group", async () => {
  const { files, processes, ports, endpoints, show } = await start();
  const where = ["--endpoints", endpoints.join(","), ...show, "--token-file", files.path("tokens")];
  expect((await run(["put", "a", "1", ...where])).exit.status).toBe(0);
  const [, , third] = processes;
  await third?.kill();
  const words = third?.commandLine ?? [];
  const commandLine = words.filter((word) => word !== "--exit-with-parent");

  const lax = [...commandLine, "--peer-tls-any-node"];
  await copyFile(files.path("node-2.pem"), files.path("node-3.pem"));
  await copyFile(files.path("node-2.key"), files.path("node-3.key"));
  const strict = await run(commandLine);
  expect([strict.exit.status, strict.stderr]).toEqual([
    2,
    expect.stringContaining("must name quorate://default/3 to speak for node 3") as string,
  ]);
  const impostor = startTied(lax);
  await until("it is told", () => impostor.stdout.includes("to speak for node 3, and names"));
  await until("the others tell", () =>
    processes.slice(0, 2).some((it) => it.stdout.includes("to speak for node 3, and names")),
  );
  await impostor.kill();

  const isPeerTls = (at: number): boolean => commandLine[at]?.startsWith("--peer-tls") ?? false;
  const without = commandLine.filter((_, at) => !isPeerTls(at) && !isPeerTls(at - 1));
  const plain = startTied(without);
  await until("it is told", () => plain.stdout.includes("takes nothing but TLS"));
  const alone = ["--endpoints", `https://127.0.0.1:${ports[5]}`, "--timeout-ms", "1000"];
  const status = await run(["get", "a", ...where, ...alone]);
  expect(status.exit.status).toBe(3);
});

test("a node that nobody guards listens for this machine only, unless told otherwise", async () => {
  const files = await SecretFiles.create();
  const [peers = 0, http = 0] = await freePorts(2);
  const line = (peerHost: string, httpHost: string): string[] => [
    ...["serve", "--id", "1", "--cluster", `1=${peerHost}:${peers}`],
    ...["--http", `${httpHost}:${http}`, "--data-dir", files.path("data")],
  ];
  const tokens = await files.write("tokens", token);
  for (const [commandLine, message] of [
    [line("127.0.0.1", "0.0.0.0"), "everybody who reaches 0.0.0.0 could read and write"],
    [line("0.0.0.0", "127.0.0.1"), "everybody who reaches 0.0.0.0 could pretend to be a node"],
    [
      [...line("127.0.0.1", "127.0.0.1"), "--listen", `0.0.0.0:${peers}`],
      "could pretend to be a node",
    ],
    [[...line("0.0.0.0", "0.0.0.0"), "--token-file", tokens], "could pretend to be a node"],
    [[...line("127.0.0.1", "127.0.0.1"), "--tls-ca", tokens], "--tls-ca goes with"],
    [[...line("127.0.0.1", "127.0.0.1"), "--peer-tls-ca", tokens], "go together"],
    [[...line("127.0.0.1", "127.0.0.1"), "--tls-cert", tokens], "go together"],
    [
      [...line("127.0.0.1", "127.0.0.1"), "--tls-cert", tokens, "--tls-key", tokens],
      "cert holds no certificate",
    ],
    [[...line("127.0.0.1", "127.0.0.1"), "--token-file", files.path("none")], "cannot read"],
  ] as const) {
    const refused = await run(commandLine);
    expect([refused.exit.status, refused.stderr]).toEqual([
      2,
      expect.stringContaining(message) as string,
    ]);
  }
  const open = startTied([...line("127.0.0.1", "0.0.0.0"), "--insecure", "--tick-ms", "20"]);
  const where = ["--endpoints", `http://127.0.0.1:${http}`];
  expect((await run(["put", "a", "1", ...where])).exit.status).toBe(0);
  await open.kill();

  const guarded = startTied([...line("127.0.0.1", "0.0.0.0"), "--token-file", tokens]);
  await until("it warns", () => guarded.stdout.includes("tokens and values travel in the clear"));
});

test("a node joins a group by what it shows to its own clients", async () => {
  const group = await start();
  const { files, endpoints, show } = group;
  const [peer, http] = await freePorts(2);
  await startNode(group, 4, {
    "--cluster": `4=127.0.0.1:${peer}`,
    "--http": `127.0.0.1:${http}`,
    "--join": endpoints.join(","),
  });
  const where = ["--endpoints", endpoints.join(","), ...show, "--token-file", files.path("tokens")];
  await until(
    "it is a member",
    async () => {
      const list = await run(["member", "list", "--json", ...where]);
      return list.stdout.includes('"voters":[1,2,3,4]');
    },
    60_000,
  );
});
