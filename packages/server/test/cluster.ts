import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFailed, onTestFinished } from "vitest";
import { Client } from "../src/client.ts";
import type { NodeStatus } from "../src/node-status.ts";
import { freePorts } from "./free-ports.ts";
import { until } from "./until.ts";

/** The command as it is installed, run from `dist`. */
export const program: string = fileURLToPath(new URL("../bin/quorate.js", import.meta.url));

/** How a process ended. */
export interface ProcessExit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One run of the command in a process of its own, with everything that it wrote. */
export class CommandProcess {
  readonly pid: number;
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  readonly #stdout: Buffer[] = [];
  #stderr = "";
  #exit: ProcessExit | undefined;

  /** With `tied`, the process ends when this one does; it must have the option that says so. */
  constructor(
    commandLine: readonly string[],
    options: { readonly tied?: boolean; readonly cwd?: string; readonly input?: Uint8Array } = {},
  ) {
    this.#child = spawn(process.execPath, [program, ...commandLine], {
      cwd: options.cwd,
      stdio: ["pipe", "pipe", "pipe", ...(options.tied === true ? (["ipc"] as const) : [])],
    });
    this.pid = this.#child.pid ?? 0;
    this.#child.stdin?.on("error", () => {});
    this.#child.stdin?.end(options.input);
    this.#child.stdout?.on("data", (chunk: Buffer) => this.#stdout.push(chunk));
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.exited = new Promise((resolve) => {
      this.#child.once("close", (status, signal) => {
        this.#exit = { status, signal };
        resolve(this.#exit);
      });
    });
  }

  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  get stdoutBytes(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  get stdout(): string {
    return this.stdoutBytes.toString();
  }

  get stderr(): string {
    return this.#stderr;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Ends the process at once, even a stopped one. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#exit === undefined) this.#child.kill("SIGKILL");
    await this.exited;
  }
}

/** A run of the command that has ended. */
export interface Ended {
  readonly exit: ProcessExit;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

/** Runs the command to its end. */
export async function run(
  commandLine: readonly string[],
  options: { readonly cwd?: string; readonly input?: Uint8Array } = {},
): Promise<Ended> {
  const command = new CommandProcess(commandLine, options);
  const exit = await command.exited;
  const { stdout, stdoutBytes, stderr } = command;
  return { exit, stdout, stdoutBytes, stderr };
}

/** One node of a cluster under test, through all its lives. */
export class ClusterNode {
  readonly id: number;
  readonly url: string;
  readonly #commandLine: readonly string[];
  #process: CommandProcess | undefined;

  constructor(id: number, url: string, commandLine: readonly string[]) {
    this.id = id;
    this.url = url;
    this.#commandLine = commandLine;
  }

  /** The present life. Throws if the node was never started. */
  get process(): CommandProcess {
    if (this.#process === undefined) throw new Error(`node ${this.id} was never started`);
    return this.#process;
  }

  /** Starts the process, once the one before is gone. */
  start(): void {
    if (this.#process !== undefined && this.#process.exit === undefined) {
      throw new Error(`node ${this.id} is running`);
    }
    this.#process = new CommandProcess([...this.#commandLine, "--exit-with-parent"], {
      tied: true,
    });
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** What the node says of itself, or undefined if it does not answer soon. */
  async status(): Promise<NodeStatus | undefined> {
    const client = new Client({ endpoints: [this.url] });
    try {
      return await client.status(this.url, { timeoutMs: 1_000 });
    } catch {
      return undefined;
    } finally {
      client.close();
    }
  }
}

/** A cluster of real processes, with real files and sockets, in a temporary directory. */
export class Cluster {
  readonly nodes: readonly ClusterNode[];
  readonly #directory: string;

  constructor(nodes: readonly ClusterNode[], directory: string) {
    this.nodes = nodes;
    this.#directory = directory;
  }

  /** Starts `count` nodes, for the test that runs: at its end they are killed and their data removed. */
  static async start(count: number): Promise<Cluster> {
    const directory = await mkdtemp(join(tmpdir(), "quorate-e2e-"));
    const ports = await freePorts(2 * count);
    const members = ports.slice(0, count).map((port, at) => `${at + 1}=127.0.0.1:${port}`);
    const nodes = ports.slice(count).map((port, at) => {
      const id = at + 1;
      const options = {
        "--id": String(id),
        "--cluster": members.join(","),
        "--http": `127.0.0.1:${port}`,
        "--data-dir": join(directory, `node-${id}`),
        "--tick-ms": "50",
        "--log-level": "debug",
        "--log-format": "json",
      };
      return new ClusterNode(id, `http://127.0.0.1:${port}`, [
        "serve",
        ...Object.entries(options).flat(),
      ]);
    });
    for (const node of nodes) node.start();
    const cluster = new Cluster(nodes, directory);
    onTestFinished(() => cluster.#close());
    onTestFailed(() => {
      process.stderr.write(cluster.#logs());
    });
    return cluster;
  }

  get endpoints(): string[] {
    return this.nodes.map((node) => node.url);
  }

  /** Waits until a node leads that `accept` takes, and returns it. */
  async leader(accept: (node: ClusterNode) => boolean = () => true): Promise<ClusterNode> {
    let found: ClusterNode | undefined;
    await until("a node leads", async () => {
      const candidates = this.nodes.filter(accept);
      const statuses = await Promise.all(candidates.map((node) => node.status()));
      found = candidates.find((_, at) => statuses[at]?.role === "leader");
      return found !== undefined;
    });
    if (found === undefined) throw new Error("no node leads");
    return found;
  }

  /** Waits until every node knows a leader and has applied everything that the leader has committed. */
  async settled(): Promise<void> {
    await until("all nodes agree", async () => {
      const statuses = await Promise.all(this.nodes.map((node) => node.status()));
      const leader = statuses.find((status) => status?.role === "leader");
      return (
        leader !== undefined &&
        statuses.every(
          (status) => status?.leader === leader.id && status.appliedIndex >= leader.commitIndex,
        )
      );
    });
  }

  /** The logs of all nodes in their present lives. */
  #logs(): string {
    return this.nodes
      .map((node) => `node ${node.id}\n${node.process.stdout}${node.process.stderr}`)
      .join("\n");
  }

  async #close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await rm(this.#directory, { recursive: true, force: true });
  }
}
