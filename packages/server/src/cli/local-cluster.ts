import { join } from "node:path";
import colors from "picocolors";
import { formatAddress, type NodeId, type Term } from "quorate";
import { Client } from "../client.ts";
import type { NodeStatus } from "../node-status.ts";
import { exitStatus } from "./exit-status.ts";
import { LocalNode, restartCommand, type NodeExit } from "./local-node.ts";
import { defaultHttpPort, type LocalAddresses } from "./local-set-up.ts";
import type { LogLevel } from "./log.ts";
import { fetchReports } from "./status-command.ts";

/** A whole cluster on this machine. */
export interface LocalOptions {
  readonly nodes: number;
  readonly dataDir: string;
  readonly httpPort: number;
  readonly peerPort: number;
  /** How much the nodes log. */
  readonly logLevel: LogLevel;
}

/** How often the cluster is looked at, in milliseconds. */
const lookMs = 200;
/** How long one look may take, in milliseconds. */
const lookTimeoutMs = 1_000;
/** How long a node has to stop before it is ended by force, in milliseconds. */
const stopGraceMs = 10_000;

/** The child processes of a local cluster, and what the user is told about them. */
export class LocalCluster {
  readonly #options: LocalOptions;
  readonly #nodes: readonly LocalNode[];
  readonly #say: (text: string) => void;
  readonly #endpoints: readonly string[];
  /** Nodes that died and were not seen since, which the user may start again. */
  readonly #gone = new Set<NodeId>();
  #stopRequested = false;
  #wake: () => void = () => {};
  /** The newest leader that the user was told of. */
  #leader: { readonly id: NodeId; readonly term: Term } | undefined;
  /** The exit status of a node that could not start, or undefined: all could. */
  #failedStart: number | undefined;

  /** Starts the processes. `say` gets whole lines for the user. */
  constructor(options: LocalOptions, addresses: LocalAddresses, say: (text: string) => void) {
    this.#options = options;
    this.#say = say;
    this.#endpoints = [...addresses.http.values()].map((http) => `http://${formatAddress(http)}`);
    say(`${options.nodes} nodes with their data in ${options.dataDir}:\n`);
    this.#nodes = [...addresses.http].map(([id, http]) => {
      const node = new LocalNode(
        {
          id,
          cluster: addresses.peers,
          http,
          dataDir: join(options.dataDir, `node-${id}`),
          logLevel: options.logLevel,
          logFormat: "pretty",
        },
        (line) => say(`${colors.dim(`node ${id} |`)} ${line}`),
      );
      const peers = addresses.peers.get(id);
      const where = peers === undefined ? "" : `  peers ${formatAddress(peers)}`;
      say(`  node ${id}  http://${formatAddress(http)}${where}  pid ${node.pid}`);
      node.exited.then((exit) => this.#onExit(node, exit)).catch(() => {});
      return node;
    });
    say("");
  }

  /** Asks all nodes to stop. Safe to call again. */
  requestStop(): void {
    this.#stopRequested = true;
    this.#wake();
  }

  /** Watches until a stop is asked for, or no node is left. Resolves with the exit status. */
  async run(): Promise<number> {
    const client = new Client({ endpoints: this.#endpoints });
    while (!this.#stopRequested && this.#failedStart === undefined && this.#isAnyLeft()) {
      await this.#look(client);
      await this.#pause();
    }
    client.close();
    if (this.#stopRequested) this.#say("\nStopping.");
    await Promise.all(this.#nodes.map((node) => node.stop(stopGraceMs)));
    if (this.#stopRequested) this.#say("All nodes have stopped. The data stays.");
    return this.#stopRequested ? exitStatus.ok : (this.#failedStart ?? exitStatus.failed);
  }

  #isAnyLeft(): boolean {
    return this.#nodes.some((node) => node.exit === undefined);
  }

  async #pause(): Promise<void> {
    if (this.#stopRequested) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lookMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Tells the user what changed: who leads, and who is back. */
  async #look(client: Client): Promise<void> {
    const settings = { endpoints: this.#endpoints, timeoutMs: lookTimeoutMs };
    const reports = await fetchReports(client, settings);
    if (this.#stopRequested) return;
    const statuses = reports.flatMap((report) =>
      report.kind === "reached" ? [report.status] : [],
    );
    for (const { id, pid } of statuses) {
      if (this.#gone.has(id) && !this.#nodes.some((node) => node.pid === pid)) {
        this.#gone.delete(id);
        this.#say(`Node ${id} is back, with pid ${pid}. It is yours to stop.`);
      }
    }
    const leader = statuses
      .filter((status) => status.role === "leader" && isServing(status))
      .sort((a, b) => b.term - a.term)[0];
    if (leader !== undefined) this.#onLeader(leader);
  }

  #onLeader({ id, term, pid }: NodeStatus): void {
    const known = this.#leader;
    if (known !== undefined && known.term >= term) return;
    this.#leader = { id, term };
    this.#say(colors.green(`Node ${id} leads, in term ${term}.`));
    if (known === undefined) this.#say(this.#suggestions(id, pid));
  }

  #suggestions(leader: NodeId, pid: number): string {
    const isDefault = this.#options.httpPort === defaultHttpPort;
    const endpoints = isDefault ? "" : ` --endpoints ${this.#endpoints.join(",")}`;
    return [
      "",
      "Try, in another terminal:",
      "",
      `  npx quorate put greeting hello${endpoints}`,
      `  npx quorate get greeting${endpoints}`,
      `  npx quorate status${endpoints}`,
      `  kill -9 ${pid}`,
      "",
      `The last one kills node ${leader}, the leader. ` +
        (this.#nodes.length > 2
          ? "The others elect another and go on."
          : "A majority is then missing."),
      "Ctrl-C stops all nodes.",
      "",
    ].join("\n");
  }

  #onExit(node: LocalNode, exit: NodeExit): void {
    if (this.#stopRequested || this.#failedStart !== undefined) return;
    const { id } = node.options;
    const how =
      exit.signal === null
        ? `ended with status ${exit.status ?? "unknown"}`
        : `was ended by ${exit.signal}`;
    if (this.#leader === undefined && exit.signal === null) {
      this.#say(colors.red(`Node ${id} could not start; stopping all.`));
      this.#failedStart = exit.status === exitStatus.usage ? exitStatus.usage : exitStatus.failed;
    } else {
      this.#gone.add(id);
      this.#say(colors.yellow(`Node ${id} (pid ${node.pid}) ${how}.`));
      this.#say(`Start it again, in another terminal:\n\n  ${restartCommand(node.options)}\n`);
    }
    this.#wake();
  }
}

/** Whether the leader has committed in its term, so that it can answer. */
function isServing(status: NodeStatus): boolean {
  return status.state === "running" && status.appliedIndex > 0;
}
