import { createServer } from "node:net";

/** Ports of the loopback that nothing listened on just now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            if (typeof address === "object" && address !== null) resolve(address.port);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** The first of `count` consecutive ports that nothing listened on just now. */
export async function freeRange(count: number): Promise<number> {
  for (;;) {
    const [first] = await freePorts(1);
    if (first === undefined || first + count > 65_535) continue;
    if (await areFree(first, count)) return first;
  }
}

async function areFree(first: number, count: number): Promise<boolean> {
  const results = await Promise.all(
    Array.from(
      { length: count },
      (_, at) =>
        new Promise<boolean>((resolve) => {
          const server = createServer();
          server.once("error", () => resolve(false));
          server.listen(first + at, "127.0.0.1", () => server.close(() => resolve(true)));
        }),
    ),
  );
  return results.every(Boolean);
}
