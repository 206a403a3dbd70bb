import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Address, NodeId } from "quorate";
import { CommandError } from "./exit-status.ts";

/** Where the nodes of a local cluster listen. */
export interface LocalAddresses {
  /** For one another. */
  readonly peers: ReadonlyMap<NodeId, Address>;
  /** For clients. */
  readonly http: ReadonlyMap<NodeId, Address>;
}

/** Where node 1 listens for clients, unless told otherwise. */
export const defaultHttpPort = 8001;

/** Where node 1 listens for peers, unless told otherwise. */
export const defaultPeerPort = 7001;

/** How many nodes a local cluster may have. */
export const nodeCountMax = 9;

const host = "127.0.0.1";

/** Consecutive ports from the two bases. Throws a `CommandError` if they overlap or there are not so many. */
export function localAddresses(
  nodeCount: number,
  httpPort: number,
  peerPort: number,
): LocalAddresses {
  if (Math.abs(httpPort - peerPort) < nodeCount) {
    throw new CommandError(
      `${nodeCount} ports from ${httpPort} for clients and from ${peerPort} for peers overlap; ` +
        "choose others with --http-port and --peer-port",
    );
  }
  const last = Math.max(httpPort, peerPort) + nodeCount - 1;
  if (last > 65_535) throw new CommandError(`port ${last} does not exist; the last is 65535`);
  const ids = Array.from({ length: nodeCount }, (_, at) => at + 1);
  return {
    peers: new Map(ids.map((id) => [id, { host, port: peerPort + id - 1 }])),
    http: new Map(ids.map((id) => [id, { host, port: httpPort + id - 1 }])),
  };
}

/** Throws a `CommandError` that names every port which something else listens on. */
export async function refuseBusyPorts({ peers, http }: LocalAddresses): Promise<void> {
  const busy: string[] = [];
  for (const [what, option, addresses] of [
    ["clients", "--http-port", http],
    ["peers", "--peer-port", peers],
  ] as const) {
    for (const [id, address] of addresses) {
      const reason = await whyBusy(address);
      if (reason === undefined) continue;
      busy.push(
        `port ${address.port}, where ${what} reach node ${id}, ${reason}; choose another with ${option}`,
      );
    }
  }
  if (busy.length > 0) throw new CommandError(busy.join("\n"));
}

function whyBusy({ host: name, port }: Address): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: Error & { code?: string }) => {
      resolve(error.code === "EADDRINUSE" ? "is in use" : `cannot be used (${error.message})`);
    });
    probe.listen({ host: name, port, exclusive: true }, () =>
      probe.close(() => resolve(undefined)),
    );
  });
}

/**
 * Makes the data directory, or checks that it holds a cluster of as many nodes. With more, a majority
 * could form that never heard of what was acknowledged. Throws a `CommandError` if it does not.
 */
export async function claimDataDir(dataDir: string, nodeCount: number): Promise<void> {
  const path = join(dataDir, "cluster.json");
  const wanted = `${JSON.stringify({ nodes: nodeCount })}\n`;
  try {
    await mkdir(dataDir, { recursive: true });
    await writeFile(path, wanted, { flag: "wx" });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code !== "EEXIST") throw new CommandError(`cannot use ${dataDir}: ${error.message}`);
    const found = await readFile(path, "utf8").catch((cause: unknown) => String(cause));
    if (found === wanted) return;
    throw new CommandError(
      `${path} says ${found.trim()}, which is not a cluster of ${nodeCount}; ` +
        "give --nodes as it was, or another --data-dir",
    );
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error;
}
