import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import type { NodeId } from "@quorate/core";
import { FrameReader } from "@quorate/wire";
import { expect, onTestFinished, test } from "vitest";
import { readRefusal } from "../src/handshake.ts";
import type { PeerTlsOptions } from "../src/peer-tls.ts";
import { startReplica } from "../src/start-replica.ts";
import type { TlsChange } from "../src/tls-credentials.ts";
import { Authority, type Certified } from "./certificates.ts";
import { until } from "./processes.ts";
import {
  connectStranger,
  freeAddresses,
  helloBytes,
  introduce,
  openNode,
  type TcpNode,
  textFrame,
  texts,
} from "./tcp-nodes.ts";

const authority = await Authority.create();
const stranger = await Authority.create("stranger");

async function tlsOf(id: NodeId, own: Authority = authority): Promise<PeerTlsOptions> {
  return { ca: own.ca, ...(await own.node(id)) };
}

function reasons(node: TcpNode): string[] {
  return node.refusals.map(({ direction, error }) => `${direction} ${error.message}`);
}

/** Connects by TLS, trusting anybody, and sends `bytes`; resolves with what comes back until the end. */
async function greet(
  address: string,
  options: tls.ConnectionOptions,
  bytes: Uint8Array = helloBytes(),
): Promise<{ readonly certificate: string; readonly answer: string }> {
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options });
  onTestFinished(() => {
    socket.destroy();
  });
  let certificate = "";
  const reader = new FrameReader({ frameBytesMax: 4096 });
  const answer = await new Promise<string>((done) => {
    socket.on("secureConnect", () => {
      certificate = socket.getPeerX509Certificate()?.serialNumber ?? "";
      socket.write(bytes);
    });
    socket.on("data", (chunk: Buffer) => {
      const [frame] = reader.push(new Uint8Array(chunk));
      if (frame === undefined) return;
      done(frame.type === "refusal" ? readRefusal(frame.payload).message : frame.type);
    });
    socket.on("error", (error: Error) => done(error.message));
    socket.on("close", () => done("closed"));
  });
  return { certificate, answer };
}

test("nodes with certificates of one authority talk, and see who is there", async () => {
  const one = await openNode(1, { tls: await tlsOf(1) });
  const two = await openNode(2, { tls: await tlsOf(2) });
  introduce(one, two);
  await until("they are connected", () => one.connected.has(2) && two.connected.has(1));
  one.network.send(2, textFrame("secret"));
  await until("it arrives", () => texts(two).includes("secret"));
  expect([...one.refusals, ...two.refusals]).toEqual([]);
});

test("a node without TLS and one with it refuse each other, and both are told why", async () => {
  const plain = await openNode(1);
  const secure = await openNode(2, { tls: await tlsOf(2) });
  introduce(plain, secure);
  await until("both know", () => plain.refusals.length >= 2 && secure.refusals.length >= 2);
  expect(reasons(plain).sort()).toEqual([
    "incoming unauthenticated: the other node takes no TLS",
    "outgoing unauthenticated: the other node takes nothing but TLS",
  ]);
  expect(reasons(secure).sort()).toEqual([
    "incoming unauthenticated: the other node takes nothing but TLS",
    "outgoing unauthenticated: this node speaks TLS, and the other side does not seem to",
  ]);
  expect(plain.connected.size + secure.connected.size).toBe(0);
});

test("a node whose certificate is of another authority is refused, and both are told why", async () => {
  const one = await openNode(1, { tls: await tlsOf(1) });
  const two = await openNode(2, { tls: await tlsOf(2, stranger) });
  introduce(one, two);
  await until("both know", () => one.refusals.length >= 1 && two.refusals.length >= 1);
  for (const node of [one, two]) {
    expect(reasons(node).join()).toContain("unauthenticated: the certificate is not trusted");
    expect(node.connected.size).toBe(0);
  }
});

test("who shows no certificate, an expired one, or one of a stranger is told so", async () => {
  const one = await openNode(1, { tls: await tlsOf(1) });
  const expired = await authority.node(2, { notAfter: new Date(Date.now() - 86_400_000) });
  const cases: [Partial<Certified>, string][] = [
    [{}, "unauthenticated: the other side shows no certificate"],
    [expired, "unauthenticated: the certificate is not trusted: CERT_HAS_EXPIRED"],
    [await stranger.node(2), "unauthenticated: the certificate is not trusted: "],
  ];
  for (const [certified, message] of cases) {
    const { answer } = await greet(one.address, certified);
    expect(answer).toContain(message);
  }
  expect((await greet(one.address, await authority.node(2))).answer).toBe("welcome");
  expect(one.connected.size).toBe(0);
});

test("the certificate of one node does not speak for another, unless it is said to", async () => {
  const one = await openNode(1, { tls: await tlsOf(1) });
  const cases: [Certified, string][] = [
    [await authority.node(3), "to speak for node 2, and names quorate://test/3"],
    [await authority.node(2, { clusterId: "other" }), "and names quorate://other/2"],
    [await authority.node(2, { uris: [] }), "and names no node"],
    [await authority.node(2, { uris: ["http://a/,quorate://test/2"] }), "and names no node"],
    [await authority.node(2, { uris: ["http://a/, URI:quorate://test/2, b"] }), "no node"],
  ];
  for (const [certified, message] of cases) {
    const { answer } = await greet(one.address, certified);
    expect(answer).toContain(message);
  }
  const lax = await openNode(1, { tls: { ...(await tlsOf(1)), verifyNode: false } });
  const { answer } = await greet(lax.address, await authority.node(3));
  expect(answer).toBe("welcome");
});

test("a node that finds another than it looks for says nothing to it", async () => {
  const one = await openNode(1, { tls: await tlsOf(1) });
  const impostor = await openNode(2, {
    tls: { ...(await tlsOf(3)), verifyNode: false },
    peers: new Map(),
  });
  one.network.setPeers([{ id: 2, address: impostor.address, incarnation: undefined }]);
  await until("it is reported", () => one.refusals.length > 0);
  expect(reasons(one)[0]).toContain("outgoing unauthenticated: the certificate must name");
  expect(impostor.seen).toEqual([]);
  expect(one.connected.size).toBe(0);
});

test("TLS 1.2 is spoken only if that is allowed", async () => {
  const certified = await authority.node(2);
  const old = { ...certified, maxVersion: "TLSv1.2" as const };
  const one = await openNode(1, { tls: await tlsOf(1) });
  expect((await greet(one.address, old)).answer).toMatch(/protocol version/);
  const lax = await openNode(1, { tls: { ...(await tlsOf(1)), versionMin: "TLSv1.2" } });
  expect((await greet(lax.address, old)).answer).toBe("welcome");
});

test("credentials that cannot be used are refused at once", async () => {
  const good = await tlsOf(1);
  const expired = await authority.node(1, { notAfter: new Date(Date.now() - 86_400_000) });
  const cases: [PeerTlsOptions, RegExp][] = [
    [{ ...good, key: (await authority.node(1)).key }, /cannot be used: .*key/],
    [{ ...good, key: "none" }, /cannot be used/],
    [{ ...good, cert: "none" }, /cert holds no certificate/],
    [{ ...good, ca: "none" }, /ca holds no certificate/],
    [{ ...good, ca: { file: "/nowhere/ca.pem" } }, /cannot read \/nowhere\/ca.pem/],
    [{ ...good, ...expired }, /expired on/],
    [await tlsOf(2), /must name quorate:\/\/test\/1 to speak for node 1/],
  ];
  for (const [options, message] of cases) {
    const refused = openNode(1, { tls: options });
    await expect(refused).rejects.toMatchObject({ code: "invalid_options" });
    await expect(refused).rejects.toThrow(message);
  }
});

test("files that change count for new connections, broken ones do not, and both are told", async () => {
  const directory = await mkdtemp(join(tmpdir(), "quorate-tls-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = (name: string): string => join(directory, name);
  const write = async ({ cert, key }: Certified): Promise<void> => {
    await writeFile(path("key.pem"), key);
    await writeFile(path("cert.pem"), cert);
  };
  await writeFile(path("ca.pem"), authority.ca);
  await write(await authority.node(1));
  const changes: TlsChange[] = [];
  const one = await openNode(1, {
    tls: {
      ca: { file: path("ca.pem") },
      cert: { file: path("cert.pem") },
      key: { file: path("key.pem") },
      checkMs: 20,
      onChange: (change) => changes.push(change),
    },
  });
  const two = await openNode(2, { tls: await tlsOf(2) });
  introduce(one, two);
  await until("they are connected", () => one.connected.has(2) && two.connected.has(1));
  const mine = await authority.node(3);
  const hello = helloBytes({ from: 3 });
  const before = await greet(one.address, mine, hello);
  expect(before.answer).toBe("welcome");

  await writeFile(path("cert.pem"), "no certificate");
  await until("it is told", () => changes.length > 0);
  expect(changes).toMatchObject([{ kind: "kept", error: { code: "invalid_options" } }]);
  expect(await greet(one.address, mine, hello)).toEqual(before);

  await write(await authority.node(2));
  await until("it is told", () => changes.at(-1)?.kind === "kept" && changes.length > 1);
  expect(changes.at(-1)).toMatchObject({
    error: { message: expect.stringContaining("must name quorate://test/1") as string },
  });

  await write(await authority.node(1));
  await until("it is told", () => changes.at(-1)?.kind === "reloaded");
  const after = await greet(one.address, mine, hello);
  expect(after.certificate).not.toBe(before.certificate);

  // Another authority: the old certificates count no more, and connections that exist stay.
  await writeFile(path("ca.pem"), `${stranger.ca}\n${authority.ca}`);
  await until("both authorities count", async () => {
    return (await greet(one.address, await stranger.node(3), hello)).answer === "welcome";
  });
  await writeFile(path("ca.pem"), stranger.ca);
  await until("the old one does not", async () => {
    return (await greet(one.address, mine, hello)).answer.includes("not trusted");
  });
  two.network.send(1, textFrame("still here"));
  await until("it arrives", () => texts(one).includes("still here"));
  expect([...one.disconnections, ...two.disconnections]).toEqual([]);
});

test("a TLS handshake that dawdles is ended, and bytes that are none are refused", async () => {
  const one = await openNode(1, { tls: await tlsOf(1), handshakeTimeoutMs: 300 });
  const silent = connectStranger(one.address);
  const begun = connectStranger(one.address, Uint8Array.of(0x16, 3, 1, 2, 0));
  const noise = connectStranger(one.address, Buffer.alloc(600, 0x16));
  const secure = await greet(one.address, await authority.node(2), Uint8Array.of(0x51));
  expect(secure.answer).toBe("closed");
  await until("all are ended", () => [silent, begun, noise].every((it) => it.closed()));
  await until("the noise is reported", () => one.refusals.length > 0);
  expect(reasons(one).join()).toContain("the other side does not seem to");
});

test("who floods a node with handshakes is in its own way, not in that of others", async () => {
  const one = await openNode(1, { handshakeCountMax: 4 });
  const early = connectStranger(one.address, helloBytes().subarray(0, 10));
  await new Promise((done) => early.socket.once("connect", done));
  const port = Number(one.address.slice(one.address.lastIndexOf(":") + 1));
  let endedCount = 0;
  for (let count = 0; count < 20; count++) {
    const socket = net.connect({ host: "127.0.0.1", localAddress: "127.0.0.2", port });
    onTestFinished(() => {
      socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => endedCount++);
    await new Promise((done) => socket.once("connect", done));
  }
  await until("all but three are ended", () => endedCount === 17);
  expect(early.closed()).toBe(false);
  early.socket.write(helloBytes().subarray(10));
  await until("it is welcomed", () => early.received().length > 0);
});

test("replicas commit over TLS", async () => {
  const addresses = await freeAddresses(3);
  const cluster = new Map(addresses.map((address, at) => [at + 1, address]));
  const replicas = await Promise.all(
    [1, 2, 3].map(async (id) => {
      const dataDir = await mkdtemp(join(tmpdir(), "quorate-tls-"));
      const replica = await startReplica({
        id,
        cluster,
        dataDir,
        clusterId: "test",
        tickMs: 20,
        tls: await tlsOf(id),
        stateMachine: { apply: (entries) => entries.map(() => Uint8Array.of(1)), query: () => 0 },
      });
      onTestFinished(async () => {
        await replica.close();
        await rm(dataDir, { recursive: true });
      });
      return replica;
    }),
  );
  const results = await Promise.all(replicas.map((it) => it.propose(Uint8Array.of(1))));
  expect(results.map(({ result }) => [...result])).toEqual([[1], [1], [1]]);
});
