import Table from "cli-table3";
import colors from "picocolors";
import { ApiError } from "../api-error.ts";
import { Client } from "../client.ts";
import type { NodeStatus } from "../node-status.ts";
import { readCredentials } from "./credentials.ts";
import { exitStatus } from "./exit-status.ts";
import { findingLines } from "./finding-lines.ts";
import type { ClientSettings } from "./key-value-commands.ts";
import { describeConfState } from "./member-command.ts";

/** What was learned of the node at one endpoint. */
export type NodeReport =
  | { readonly endpoint: string; readonly kind: "reached"; readonly status: NodeStatus }
  | { readonly endpoint: string; readonly kind: "unreachable"; readonly reason: string };

/** What `status` is told. */
export interface StatusSettings extends ClientSettings {
  readonly json: boolean;
  readonly watch: boolean;
  /** The entry to explain; undefined: none. */
  readonly index?: number;
}

/** How long a node has to tell its status, in milliseconds, if less than the command has. */
const statusTimeoutMs = 2_000;
/** How often `--watch` looks again, in milliseconds. */
const watchMs = 1_000;

/** Prints the status of every node, once or over and over. Unavailable if no node answers. */
export async function statusCommand(settings: StatusSettings): Promise<number> {
  const client = new Client({ ...settings, ...readCredentials(settings) });
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
export function fetchReports(
  client: Client,
  settings: ClientSettings & Pick<StatusSettings, "index">,
): Promise<NodeReport[]> {
  const timeoutMs = Math.min(settings.timeoutMs, statusTimeoutMs);
  return Promise.all(
    settings.endpoints.map(async (endpoint): Promise<NodeReport> => {
      try {
        const { index } = settings;
        const status = await client.status(endpoint, { timeoutMs, index });
        return { endpoint, kind: "reached", status };
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        return { endpoint, kind: "unreachable", reason: error.message };
      }
    }),
  );
}

/**
 * The reports as a table, one line for each node, and below it who takes part in the group, and what is
 * to be known of it.
 */
export function renderReports(reports: readonly NodeReport[]): string {
  const heads = ["node", "endpoint", "role", "term", "leader", "commit", "applied"];
  const table = new Table({
    head: [...heads, "log", "snapshot", "lag of peers"],
    colAligns: [
      ...(["right", "left", "left", "right", "right", "right", "right"] as const),
      ...(["right", "right", "left"] as const),
    ],
    style: { head: [], border: [], compact: true },
  });
  for (const report of reports) {
    if (report.kind === "unreachable") {
      const reason = { content: colors.red(`unreachable: ${report.reason}`), colSpan: 8 };
      table.push(["?", report.endpoint, reason]);
      continue;
    }
    const { status } = report;
    table.push([
      status.id,
      report.endpoint,
      roleOf(status),
      status.term,
      status.leader === 0 ? "none" : status.leader,
      status.commitIndex,
      status.appliedIndex,
      status.last.index < status.firstIndex ? "none" : `${status.firstIndex}-${status.last.index}`,
      status.snapshotIndex === 0 ? "none" : status.snapshotIndex,
      lagOfPeers(status),
    ]);
  }
  const lines = [table.toString(), ...groupLines(reports), ...findingLines(reports)];
  return `${lines.join("\n")}\n`;
}

/** What a full disk has no room for. */
const lacked: Record<NonNullable<NodeStatus["diskLacks"]>, string> = {
  snapshot: "a snapshot",
  entries: "what was taken",
  segment: "more of the log",
  reserve: "the reserve",
};

/** What the node does: its role among the members, and what else is to be known of it. */
function roleOf(status: NodeStatus): string {
  const { id, role, state, confState, leadershipEnd, transferTarget, diskLacks } = status;
  const { voters, votersOutgoing, learners } = confState;
  const votes = voters.includes(id) || votersOutgoing.includes(id);
  const other = learners.includes(id) ? "learner" : "no member";
  const name = role === "leader" ? colors.green(role) : votes ? role : other;
  const notes: string[] = [];
  if (state !== "running") {
    notes.push(diskLacks === undefined ? state : `${state}: no room for ${lacked[diskLacks]}`);
  }
  if (role === "leader" && transferTarget !== 0) notes.push(`hands over to ${transferTarget}`);
  if (role !== "leader" && leadershipEnd !== undefined) notes.push(`led until: ${leadershipEnd}`);
  return notes.length === 0 ? name : `${name} (${notes.join(", ")})`;
}

/** Who takes part in the group, as the one knows that has applied most. */
function groupLines(reports: readonly NodeReport[]): string[] {
  const statuses = reports.flatMap((report) => (report.kind === "reached" ? [report.status] : []));
  const [first, ...others] = statuses;
  if (first === undefined) return [];
  const newest = others.reduce((a, b) => (b.appliedIndex > a.appliedIndex ? b : a), first);
  const { confState, confIndex } = newest;
  return [`${describeConfState(confState)}; since index ${confIndex}`];
}

/** How many entries each peer is behind, as its leader knows, or how much of a snapshot it has. */
function lagOfPeers({ progress, last, snapshots }: NodeStatus): string {
  return progress
    .map(({ id, matchIndex }) => {
      const sending = snapshots.sending.find(({ peer }) => peer === id);
      if (sending === undefined) return `${id}: ${Math.max(0, last.index - matchIndex)}`;
      const { ackedBytes, bytes } = sending;
      return `${id}: snapshot, ${bytes === 0 ? 0 : Math.floor((100 * ackedBytes) / bytes)}%`;
    })
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
