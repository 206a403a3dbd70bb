import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
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

/** What a run of the command finds around it. */
export interface CommandSetting {
  readonly cwd?: string;
  readonly input?: Uint8Array;
  /** Beyond the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** The words of a command that runs the rest of its command line: on another file system, say. */
  readonly within?: readonly string[];
}

/** One run of the command in a process of its own, with everything that it wrote. */
export class CommandProcess {
  readonly commandLine: readonly string[];
  readonly pid: number;
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  readonly #stdout: Buffer[] = [];
  #stderr = "";
  #exit: ProcessExit | undefined;

  /** With `tied`, the process ends when this one does; it must have the option that says so. */
  constructor(
    commandLine: readonly string[],
    options: CommandSetting & { readonly tied?: boolean } = {},
  ) {
    this.commandLine = commandLine;
    const words = [...(options.within ?? []), process.execPath, program, ...commandLine];
    this.#child = spawn(words[0] ?? process.execPath, words.slice(1), {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
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

  /** Reads no more of what the process writes to standard output, whose pipe breaks. */
  stopReading(): void {
    this.#child.stdout?.destroy();
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
  options: CommandSetting = {},
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
  /** Where the others reach it. */
  readonly address: string;
  readonly dataDir: string;
  readonly #commandLine: readonly string[];
  readonly #lives: CommandProcess[] = [];

  constructor(
    { id, url, address, dataDir }: Pick<ClusterNode, "id" | "url" | "address" | "dataDir">,
    commandLine: readonly string[],
  ) {
    this.id = id;
    this.url = url;
    this.address = address;
    this.dataDir = dataDir;
    this.#commandLine = commandLine;
  }

  /** The present life. Throws if the node was never started. */
  get process(): CommandProcess {
    const present = this.#lives.at(-1);
    if (present === undefined) throw new Error(`node ${this.id} was never started`);
    return present;
  }

  /** All that it wrote, in all its lives. */
  get log(): string {
    return this.#lives.map(({ stdout, stderr }) => stdout + stderr).join("");
  }

  /** Whether it runs. */
  get isRunning(): boolean {
    const present = this.#lives.at(-1);
    return present !== undefined && present.exit === undefined;
  }

  /** Starts the process, once the one before is gone; with further options, if there are any. */
  start(options: readonly string[] = []): void {
    if (this.isRunning) throw new Error(`node ${this.id} is running`);
    const commandLine = [...this.#commandLine, ...options, "--exit-with-parent"];
    this.#lives.push(new CommandProcess(commandLine, { tied: true }));
  }

  /** Asks the process to stop, and resolves with how it ended. */
  async stop(): Promise<ProcessExit> {
    this.process.signal("SIGTERM");
    return this.process.exited;
  }

  /** Ends the process at once, and takes its disk away. */
  async wipe(): Promise<void> {
    await this.kill();
    // It must have been there: the test is about a disk that is lost.
    await stat(this.dataDir);
    await rm(this.dataDir, { recursive: true });
  }

  /** Whether the process has logged `message`. */
  hasLogged(message: string): boolean {
    return this.process.stdout.includes(message);
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.#lives.at(-1)?.kill();
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
  readonly #nodes: ClusterNode[] = [];
  readonly #directory: string;
  readonly #options: readonly string[];

  constructor(directory: string, options: readonly string[]) {
    this.#directory = directory;
    this.#options = options;
  }

  /**
   * Starts `count` nodes, each with `options`, for the test that runs: at its end all are killed, and
   * their data is removed.
   */
  static async start(count: number, options: readonly string[] = []): Promise<Cluster> {
    const cluster = new Cluster(await mkdtemp(join(tmpdir(), "quorate-e2e-")), options);
    onTestFinished(() => cluster.#close());
    onTestFailed(() => {
      process.stderr.write(cluster.#logs());
    });
    const ports = await freePorts(2 * count);
    const addresses = ports.slice(0, count).map((port) => `127.0.0.1:${port}`);
    const members = addresses.map((address, at) => `${at + 1}=${address}`).join(",");
    for (const [at, address] of addresses.entries()) {
      const place = { id: at + 1, address, http: `127.0.0.1:${ports[count + at]}` };
      cluster.#add(place, ["--cluster", members]).start();
    }
    return cluster;
  }

  /** All nodes there ever were. */
  get nodes(): readonly ClusterNode[] {
    return this.#nodes;
  }

  get endpoints(): string[] {
    return this.nodes.map((node) => node.url);
  }

  /** A further node, to be started so that it joins; where another was, if that is given. */
  async joiner(id: number, place?: ClusterNode): Promise<ClusterNode> {
    const [peer, http] = await freePorts(2);
    const address = place?.address ?? `127.0.0.1:${peer}`;
    return this.#add({ id, address, http: `127.0.0.1:${http}` }, [
      ...["--cluster", `${id}=${address}`],
    ]);
  }

  #add(
    { id, address, http }: { readonly id: number; readonly address: string; readonly http: string },
    options: readonly string[],
  ): ClusterNode {
    const dataDir = join(this.#directory, `node-${id}`);
    const own = {
      "--id": String(id),
      "--http": http,
      "--data-dir": dataDir,
      "--tick-ms": "50",
      "--segment-bytes": String(1024 * 1024),
      "--log-level": "debug",
      "--log-format": "json",
    };
    const commandLine = ["serve", ...Object.entries(own).flat(), ...options, ...this.#options];
    const node = new ClusterNode({ id, url: `http://${http}`, address, dataDir }, commandLine);
    this.#nodes.push(node);
    return node;
  }

  /** Waits until a node leads that `accept` takes, and returns it. */
  async leader(accept: (node: ClusterNode) => boolean = () => true): Promise<ClusterNode> {
    let found: ClusterNode | undefined;
    await until("a node leads", async () => {
      const candidates = this.nodes.filter((node) => node.isRunning && accept(node));
      const statuses = await Promise.all(candidates.map((node) => node.status()));
      found = candidates.find((_, at) => statuses[at]?.role === "leader");
      return found !== undefined;
    });
    if (found === undefined) throw new Error("no node leads");
    return found;
  }

  /** Waits until every node that runs knows a leader and has applied all that the leader has committed. */
  async settled(): Promise<void> {
    await until(
      "all nodes agree",
      async () => {
        const running = this.nodes.filter((node) => node.isRunning);
        const statuses = await Promise.all(running.map((node) => node.status()));
        const leader = statuses.find((status) => status?.role === "leader");
        return (
          leader !== undefined &&
          statuses.every(
            (status) => status?.leader === leader.id && status.appliedIndex >= leader.commitIndex,
          )
        );
      },
      60_000,
    );
  }

  /** Waits until the leader, and whoever else knows, says that exactly `voters` vote, and nobody learns. */
  async voters(voters: readonly number[]): Promise<void> {
    await until(
      `the voters are ${voters.join(", ")}`,
      async () => {
        const leader = await this.leader();
        const confState = (await leader.status())?.confState;
        return (
          confState?.voters.join() === voters.join() &&
          confState.votersOutgoing.length === 0 &&
          confState.learners.length === 0
        );
      },
      60_000,
    );
  }

  /** The logs of all nodes. */
  #logs(): string {
    return this.nodes.map(({ id, url, log }) => `node ${id} ${url}\n${log}`).join("\n");
  }

  async #close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await rm(this.#directory, { recursive: true, force: true });
  }
}
