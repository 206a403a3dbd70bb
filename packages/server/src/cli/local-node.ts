import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { formatAddress, type Address, type NodeId } from "quorate";
import { formatCluster } from "./addresses.ts";
import type { LogFormat, LogLevel } from "./log.ts";

/** What one node of a local cluster is started with. */
export interface LocalNodeOptions {
  readonly id: NodeId;
  readonly cluster: ReadonlyMap<NodeId, Address>;
  readonly http: Address;
  readonly dataDir: string;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** How a node's process ended. */
export interface NodeExit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One node of a local cluster: a child process, which ends when this one does, however that ends. */
export class LocalNode {
  readonly options: LocalNodeOptions;
  /** Resolves when the process has ended and all it wrote was passed on. */
  readonly exited: Promise<NodeExit>;
  readonly #child: ChildProcess;
  #exit: NodeExit | undefined;

  /** Starts the process. Every line that it writes goes to `onLine`. */
  constructor(options: LocalNodeOptions, onLine: (line: string) => void) {
    this.options = options;
    const log = ["--log-level", options.logLevel, "--log-format", options.logFormat];
    this.#child = spawn(
      process.execPath,
      [program, ...serveArguments(options), ...log, "--exit-with-parent"],
      {
        // The channel breaks when this process ends, even by SIGKILL; the child then stops by itself.
        stdio: ["ignore", "pipe", "pipe", "ipc"],
      },
    );
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", onLine);
    }
    this.exited = new Promise((resolve) => {
      this.#child.once("error", (error) => onLine(error.message));
      this.#child.once("close", (status, signal) => {
        this.#exit = { status, signal };
        resolve(this.#exit);
      });
    });
  }

  /** The process id; 0 if the process could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** How the process ended, or undefined: it runs. */
  get exit(): NodeExit | undefined {
    return this.#exit;
  }

  /** Asks the process to stop; ends it by force after `graceMs`. Resolves when it has ended. */
  async stop(graceMs: number): Promise<void> {
    if (this.#exit !== undefined) return;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), graceMs);
    await this.exited;
    clearTimeout(timer);
  }
}

/** The command line that starts this node again. */
export function restartCommand(options: LocalNodeOptions): string {
  return ["npx quorate", ...serveArguments(options).map(quoted)].join(" ");
}

const program = fileURLToPath(new URL("../../bin/quorate.js", import.meta.url));

function serveArguments(options: LocalNodeOptions): string[] {
  return [
    "serve",
    ...["--id", String(options.id)],
    ...["--cluster", formatCluster(options.cluster)],
    ...["--http", formatAddress(options.http)],
    ...["--data-dir", options.dataDir],
    ...["--cluster-id", "local"],
  ];
}

/** `text` for a POSIX shell. */
function quoted(text: string): string {
  return /^[\w.,:=@%+/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
