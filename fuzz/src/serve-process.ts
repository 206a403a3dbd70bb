import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client, type ClientCredentials } from "@quorate/server";
import type { Secrets } from "./secrets.ts";

/** Where a node under attack listens. */
export interface Ports {
  readonly peers: number;
  readonly http: number;
}

const program = fileURLToPath(new URL("../../packages/server/bin/quorate.js", import.meta.url));
/** Lets the process be told to collect its garbage: memory is measured after that. */
const collector = "data:text/javascript,process.on('SIGUSR2',()=>globalThis.gc())";
/** How long a node may take to start, or to serve, in milliseconds. */
const patienceMs = 60_000;
/** What is kept of what the process wrote, in characters. */
const logMax = 64 * 1024;

/** A `quorate serve` in a process of its own: a group of one, which whoever connects is no member of. */
export class ServeProcess {
  readonly ports: Ports;
  readonly client: Client;
  readonly #child: ChildProcess;
  #log = "";
  #count = 0;

  private constructor(ports: Ports, commandLine: readonly string[], client: ClientCredentials) {
    this.ports = ports;
    const node = ["--expose-gc", "--import", collector, program];
    this.#child = spawn(process.execPath, [...node, ...commandLine], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#log = (this.#log + chunk.toString()).slice(-logMax);
      });
    }
    const scheme = client.tls === undefined ? "http" : "https";
    const endpoints = [`${scheme}://127.0.0.1:${ports.http}`];
    this.client = new Client({ ...client, endpoints, timeoutMs: patienceMs });
  }

  /** Starts a node with its data in `directory`, with what `secrets` says or without any. */
  static async start(directory: string, secrets?: Secrets): Promise<ServeProcess> {
    const ports = { peers: await freePort(), http: await freePort() };
    const options = {
      "--id": "1",
      "--cluster": `1=127.0.0.1:${ports.peers}`,
      "--http": `127.0.0.1:${ports.http}`,
      "--data-dir": join(directory, "data"),
      "--log-format": "json",
      "--log-level": "error",
      // As much as the node can take: the limits themselves have tests of their own.
      "--http-rate": "0",
      ...secrets?.options,
    };
    const commandLine = ["serve", ...Object.entries(options).flat(), "--exit-with-parent"];
    const started = new ServeProcess(ports, commandLine, secrets?.client ?? {});
    await started.checkServes();
    return started;
  }

  /** Throws, with the end of its log, if the process is gone or does not serve. */
  async checkServes(): Promise<void> {
    const key = Buffer.from("still");
    const value = Buffer.from(String(++this.#count));
    try {
      await this.client.put(key, value);
      const found = await this.client.get(key);
      if (!value.equals(found.value ?? Buffer.alloc(0))) throw new Error("it lost a write");
      if (this.#child.exitCode !== null) throw new Error("the process is gone");
    } catch (error) {
      throw this.#brokenBy(error);
    }
  }

  /** How long the node takes to say that it is alive, in milliseconds. */
  async healthMs(): Promise<number> {
    const startMs = performance.now();
    try {
      await this.client.readyEndpoint();
    } catch (error) {
      throw this.#brokenBy(error);
    }
    return performance.now() - startMs;
  }

  /** The memory of the process once its garbage is collected, in bytes. Linux only. */
  async memoryBytes(): Promise<number> {
    for (let round = 0; round < 3; round++) {
      this.#child.kill("SIGUSR2");
      await delay(300);
    }
    const status = await readFile(`/proc/${this.#child.pid ?? 0}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) * 1024;
  }

  /** What to say of a node that `error` shows to be broken: how its process is, and what it wrote last. */
  #brokenBy(error: unknown): Error {
    const { exitCode, signalCode } = this.#child;
    const state = `exit ${String(exitCode)}, signal ${String(signalCode)}`;
    const message = `the node serves no more (${state}): ${String(error)}\n${this.#log}`;
    return new Error(message, { cause: error });
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    this.client.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    await new Promise((done) => {
      this.#child.once("close", done);
      this.#child.kill("SIGKILL");
    });
  }
}

/** A port of the loopback that nothing listened on just now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, fail) => {
    server.once("error", fail);
    server.listen(0, "127.0.0.1", done);
  });
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (typeof address !== "object" || address === null) throw new Error("a server has no port");
  return address.port;
}
