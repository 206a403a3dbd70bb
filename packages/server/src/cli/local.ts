import { LocalCluster, type LocalOptions } from "./local-cluster.ts";
import { claimDataDir, localAddresses, refuseBusyPorts } from "./local-set-up.ts";

/**
 * Runs a cluster of child processes until a signal asks it to stop. Resolves with the exit status once
 * all have ended. Nobody is started again: that is left to the user, who is told how. Rejects with a
 * `CommandError` before anything is started if a port is busy or the data is another cluster's.
 */
export async function local(options: LocalOptions): Promise<number> {
  const addresses = localAddresses(options.nodes, options.httpPort, options.peerPort);
  await refuseBusyPorts(addresses);
  await claimDataDir(options.dataDir, options.nodes);
  const cluster = new LocalCluster(options, addresses, (text) => process.stdout.write(`${text}\n`));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => cluster.requestStop());
  }
  return cluster.run();
}
