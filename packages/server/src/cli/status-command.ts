import Table from "cli-table3";
import colors from "picocolors";
import { ApiError } from "../api-error.ts";
import { Client } from "../client.ts";
import type { NodeStatus } from "../node-status.ts";
import { exitStatus } from "./exit-status.ts";
import type { ClientSettings } from "./key-value-commands.ts";

/** What was learned of the node at one endpoint. */
export type NodeReport =
  | { readonly endpoint: string; readonly kind: "reached"; readonly status: NodeStatus }
  | { readonly endpoint: string; readonly kind: "unreachable"; readonly reason: string };

/** How long a node has to tell its status, in milliseconds, if less than the command has. */
const statusTimeoutMs = 2_000;
/** How often `--watch` looks again, in milliseconds. */
const watchMs = 1_000;

/** Prints the status of every node, once or over and over. Unavailable if no node answers. */
export async function statusCommand(
  settings: ClientSettings & { readonly json: boolean; readonly watch: boolean },
): Promise<number> {
  const client = new Client(settings);
  const interrupted = settings.watch ? onceInterrupted() : undefined;
  try {
    for (;;) {
      const reports = await fetchReports(client, settings);
      const text = settings.json ? `${JSON.stringify(reports)}\n` : renderReports(reports);
      const isScreen = settings.watch && process.stdout.isTTY && !settings.json;
      process.stdout.write(isScreen ? `\u001B[2J\u001B[H${text}` : text);
      if (interrupted === undefined) {
        const reached = reports.some((report) => report.kind === "reached");
        return reached ? exitStatus.ok : exitStatus.unavailable;
      }
      if (await interrupted(watchMs)) return exitStatus.ok;
    }
  } finally {
    client.close();
  }
}

/** Asks every endpoint at once. */
export function fetchReports(client: Client, settings: ClientSettings): Promise<NodeReport[]> {
  const timeoutMs = Math.min(settings.timeoutMs, statusTimeoutMs);
  return Promise.all(
    settings.endpoints.map(async (endpoint): Promise<NodeReport> => {
      try {
        return { endpoint, kind: "reached", status: await client.status(endpoint, { timeoutMs }) };
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        return { endpoint, kind: "unreachable", reason: error.message };
      }
    }),
  );
}

/** The reports as a table, one line for each node. */
export function renderReports(reports: readonly NodeReport[]): string {
  const table = new Table({
    head: [
      "node",
      "endpoint",
      "role",
      "term",
      "leader",
      "commit",
      "applied",
      "last",
      "lag of peers",
    ],
    colAligns: ["right", "left", "left", "right", "right", "right", "right", "right", "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const report of reports) {
    if (report.kind === "unreachable") {
      const reason = { content: colors.red(`unreachable: ${report.reason}`), colSpan: 7 };
      table.push(["?", report.endpoint, reason]);
      continue;
    }
    const { status } = report;
    const role = status.state === "running" ? status.role : `${status.role} (${status.state})`;
    table.push([
      status.id,
      report.endpoint,
      status.role === "leader" ? colors.green(role) : role,
      status.term,
      status.leader === 0 ? "none" : status.leader,
      status.commitIndex,
      status.appliedIndex,
      status.last.index,
      lagOfPeers(status),
    ]);
  }
  return `${table.toString()}\n`;
}

/** How many entries each peer is behind, as its leader knows: `2: 0, 3: 17`. */
function lagOfPeers(status: NodeStatus): string {
  return status.progress
    .map((peer) => `${peer.id}: ${Math.max(0, status.last.index - peer.matchIndex)}`)
    .join(", ");
}

/** A wait of so many milliseconds, which resolves with true as soon as the user has had enough. */
function onceInterrupted(): (ms: number) => Promise<boolean> {
  let interrupted = false;
  let wake = (): void => {};
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      interrupted = true;
      wake();
    });
  }
  return (ms) =>
    new Promise((resolve) => {
      wake = () => {
        clearTimeout(timer);
        resolve(interrupted);
      };
      const timer = setTimeout(wake, interrupted ? 0 : ms);
    });
}
