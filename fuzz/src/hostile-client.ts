import { Attack, type Way } from "./attacker.ts";
import { type Draw, mutate, noise, pick } from "./mutation.ts";
import { bodies, paths } from "./server-targets.ts";

const methods = ["GET", "GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"];
const jsonPaths = ["/v1/leader", "/v1/members", "/v1/snapshot"];
/** How many requests one connection sends at a time, and how often. */
const requestCount = 50;
const roundCount = 10;

const heads = [
  "GET /v1/kv/a HTTP/1.1\r\nhost: a\r\n\r\n",
  "PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
  "PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
  "PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n",
  "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
  "CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n",
].map((text) => Buffer.from(text));

/** Attacks the port for clients once, with `token` if given. Resolves with how many inputs that were. */
export async function attackHttpPort(draw: Draw, way: Way, token?: string): Promise<number> {
  const attack = await Attack.open(way);
  try {
    switch (draw(8)) {
      case 0:
        await attack.send(noise(draw, draw(2048)));
        return 1;
      case 1:
      case 2:
        await attack.send(mutate(draw, heads));
        await attack.until(() => attack.received !== "");
        return 1;
      default:
        return await askInRows(draw, attack, token);
    }
  } finally {
    attack.close(draw(2) === 0);
  }
}

/** Sends requests that are well framed and say anything. Resolves with how many were answered. */
async function askInRows(draw: Draw, attack: Attack, token: string | undefined): Promise<number> {
  let answerCount = 0;
  let rest = "";
  attack.listen((chunk) => {
    const parts = (rest + chunk.toString("latin1")).split(answerStart);
    answerCount += parts.length - 1;
    rest = (parts.at(-1) ?? "").slice(1 - answerStart.length);
  });
  for (let round = 1; round <= roundCount && !attack.isOver; round++) {
    const requests = Array.from({ length: requestCount }, () => hostileRequest(draw, token));
    await attack.send(Buffer.concat(requests));
    await attack.until(() => answerCount >= round * requestCount);
  }
  return Math.max(1, answerCount);
}

const answerStart = "HTTP/1.1 ";

function hostileRequest(draw: Draw, token: string | undefined): Uint8Array {
  const path = hostilePath(draw);
  const isJson = jsonPaths.includes(path);
  // A group of one must not be told to change, nor be asked for a snapshot over and over.
  const method = isJson ? "POST" : pick(draw, methods);
  const body = isJson ? harmless(mutate(draw, bodies)) : noise(draw, draw(64));
  const head = [
    `${method} ${path} HTTP/1.1`,
    "host: a",
    `content-length: ${body.length}`,
    ...(isJson ? ["content-type: application/json"] : []),
    ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
    `x-quorate-timeout-ms: ${draw(4) === 0 ? draw(100_000) : 2000}`,
    `x-noise: ${visible(noise(draw, draw(32)))}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"), body]);
}

/** A path that keeps to its line. */
function hostilePath(draw: Draw): string {
  const path = pick(draw, paths);
  if (jsonPaths.includes(path)) return path;
  const text = visible(mutate(draw, [Buffer.from(path)]));
  return text.startsWith("/") ? text : `/${text}`;
}

/** With others in the place of characters that end a line or a word. */
function visible(bytes: Uint8Array): string {
  const kept = bytes.map((byte) => (byte > 0x20 && byte < 0x7f ? byte : 0x21 + (byte % 0x5e)));
  return Buffer.from(kept).toString("latin1");
}

/** A change of members that is only ever planned. */
function harmless(body: Uint8Array): Uint8Array {
  const text = Buffer.from(body).toString("latin1");
  return Buffer.from(text.replace(/^\{(?=")/, '{"dryRun":true,'), "latin1");
}
