import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Way } from "./attacker.ts";
import { attackHttpPort } from "./hostile-client.ts";
import { attackPeerPort } from "./hostile-peer.ts";
import { type Draw, newDraw } from "./mutation.ts";
import { makeSecrets, peerIds, type Secrets } from "./secrets.ts";
import { ServeProcess } from "./serve-process.ts";

/** What became of the attacks on one port of a node. */
export interface LiveReport {
  readonly name: string;
  readonly inputCount: number;
  readonly seconds: number;
  /** The memory of the process, with its garbage collected, before and after. */
  readonly memoryBytes: readonly [before: number, after: number];
  /** How long the node took at most to say that it is alive, in milliseconds. */
  readonly healthMsMax: number;
}

/** How often the node is asked whether it lives, in milliseconds. */
const askMs = 250;
/** How much more memory a node may hold after attacks than before, in bytes. */
export const memoryGrowthMax: number = 128 * 1024 * 1024;

/** One attack, and how many inputs it was. `who` tells attackers apart. */
type Attack = (draw: Draw, who: number) => Promise<number>;

interface Front {
  readonly name: string;
  /** What share of all inputs it gets: little where an input needs a connection of its own. */
  readonly share: number;
  readonly attack: Attack;
}

/**
 * Attacks the live ports of real processes, one without any protection and one with TLS and tokens, with
 * `inputCount` inputs or for `seconds` over all. Rejects if a node dies, serves no more, or keeps more
 * memory than `memoryGrowthMax`.
 */
export async function attackLivePorts(
  extent: { readonly inputCount: number } | { readonly seconds: number },
  seed: number,
  onReport: (report: LiveReport) => void = () => {},
): Promise<LiveReport[]> {
  const directory = await mkdtemp(join(tmpdir(), "quorate-fuzz-"));
  const reports: LiveReport[] = [];
  try {
    const secrets = await makeSecrets(directory);
    for (const guard of [undefined, secrets]) {
      const home = join(directory, guard === undefined ? "plain" : "secure");
      const node = await ServeProcess.start(home, guard);
      try {
        for (const front of frontsOf(node, guard)) {
          const report = await attackFront(node, front, extent, seed + reports.length);
          reports.push(report);
          onReport(report);
        }
      } finally {
        await node.stop();
      }
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return reports;
}

function frontsOf({ ports }: ServeProcess, secrets: Secrets | undefined): Front[] {
  const peers = { port: ports.peers };
  const http = { port: ports.http };
  // Each attacker is a node of its own, let in as a guest, since the node does not know it.
  const asPeer =
    (way: Way): Attack =>
    (draw, who) =>
      attackPeerPort(draw, way, who);
  const asClient =
    (way: Way, token?: string): Attack =>
    (draw) =>
      attackHttpPort(draw, way, token);
  if (secrets === undefined) {
    return [
      { name: "peers, plain", share: 0.4, attack: asPeer(peers) },
      { name: "http, plain", share: 0.15, attack: asClient(http) },
    ];
  }
  const { peer, client } = secrets;
  const nobody = { ca: peer.ca };
  const all = asClient({ ...http, tls: peer }, client.token);
  const withoutToken = asClient({ ...http, tls: peer });
  return [
    { name: "peers, TLS, bytes below TLS", share: 0.01, attack: asPeer(peers) },
    { name: "peers, TLS, no certificate", share: 0.01, attack: asPeer({ ...peers, tls: nobody }) },
    { name: "peers, TLS, certificate", share: 0.28, attack: asPeer({ ...peers, tls: peer }) },
    { name: "http, TLS, bytes below TLS", share: 0.01, attack: asClient(http) },
    { name: "http, TLS, no certificate", share: 0.02, attack: asClient({ ...http, tls: nobody }) },
    { name: "http, TLS, certificate, no token", share: 0.02, attack: withoutToken },
    { name: "http, TLS, all", share: 0.1, attack: all },
  ];
}

async function attackFront(
  node: ServeProcess,
  { name, share, attack }: Front,
  extent: { readonly inputCount: number } | { readonly seconds: number },
  seed: number,
): Promise<LiveReport> {
  const before = await node.memoryBytes();
  const startMs = performance.now();
  let inputCount = 0;
  let healthMsMax = 0;
  const isOver = (): boolean =>
    "inputCount" in extent
      ? inputCount >= extent.inputCount * share
      : performance.now() - startMs >= extent.seconds * share * 1000;
  const attackers = peerIds.map(async (who) => {
    const draw = newDraw(Math.imul(seed + 1, 0x9e37_79b1) ^ who);
    while (!isOver()) inputCount += await attack(draw, who);
  });
  const watch = (async (): Promise<void> => {
    while (!isOver()) {
      healthMsMax = Math.max(healthMsMax, await node.healthMs());
      await new Promise((done) => setTimeout(done, askMs));
    }
  })();
  await Promise.all([...attackers, watch]);
  const seconds = (performance.now() - startMs) / 1000;
  await node.checkServes();
  const after = await node.memoryBytes();
  if (after - before > memoryGrowthMax) {
    throw new Error(`${name}: the node holds ${after} bytes, and held ${before} before`);
  }
  return { name, inputCount, seconds, memoryBytes: [before, after], healthMsMax };
}
