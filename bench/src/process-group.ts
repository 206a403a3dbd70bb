import { type ChildProcess, fork } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Command, Reply, ReplicaConfig } from "./replica-protocol.ts";

type Answer<K extends Reply["kind"]> = Extract<Reply, { readonly kind: K }>;
type Status = Answer<"status">;

function isAnswer<K extends Reply["kind"]>(reply: Reply, kind: K): reply is Answer<K> {
  return reply.kind === kind;
}

/** How long the group may take to do what is awaited, in milliseconds. */
const patienceMs = 60_000;

/** A group of replicas, each in a process of its own, on loopback with real files. */
export class ProcessGroup {
  readonly #configs: ReadonlyMap<number, ReplicaConfig>;
  readonly #children = new Map<number, ChildProcess>();
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #nextId = 1;

  /** A group of which nothing runs yet; `start` makes one that does. */
  constructor(configs: ReadonlyMap<number, ReplicaConfig>) {
    this.#configs = configs;
  }

  /** Starts `size` replicas with their files in `dir`, and waits until one leads. */
  static async start(size: number, dir: string, tickMs: number): Promise<ProcessGroup> {
    const ports = await freePorts(size);
    const cluster = Object.fromEntries(ports.map((port, i) => [i + 1, `127.0.0.1:${port}`]));
    const configs = new Map<number, ReplicaConfig>();
    for (let id = 1; id <= size; id++) {
      configs.set(id, { id, cluster, dataDir: join(dir, String(id)), tickMs });
    }
    const group = new ProcessGroup(configs);
    await Promise.all([...configs.keys()].map((id) => group.startReplica(id)));
    await group.leader();
    return group;
  }

  /** Starts replica `id`, which does not run. */
  async startReplica(id: number): Promise<void> {
    const config = this.#configs.get(id);
    if (config === undefined) throw new Error(`the group has no replica ${id}`);
    const child = fork(new URL("./replica-process.js", import.meta.url));
    child.send(config);
    this.#children.set(id, child);
    await new Promise<void>((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`replica ${id} exited with ${String(code)}`)));
      child.on("message", (reply: Reply & { id: number }) => {
        if (reply.kind === "started") resolve();
        this.#waiting.get(reply.id)?.(reply);
        this.#waiting.delete(reply.id);
      });
    });
  }

  /** Ends replica `id` without a chance to say goodbye. */
  async kill(id: number): Promise<void> {
    const child = this.#children.get(id);
    this.#children.delete(id);
    if (child === undefined || child.exitCode !== null) return;
    await new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.kill("SIGKILL");
    });
  }

  /** Asks replica `id` and waits for the answer, which must be of the kind that was asked for. */
  async ask<K extends Reply["kind"]>(id: number, command: Command, kind: K): Promise<Answer<K>> {
    const child = this.#children.get(id);
    if (child === undefined) throw new Error(`replica ${id} does not run`);
    const requestId = this.#nextId++;
    const reply = await new Promise<Reply>((resolve) => {
      this.#waiting.set(requestId, resolve);
      child.send({ ...command, id: requestId });
    });
    if (isAnswer(reply, kind)) return reply;
    throw new Error(`replica ${id} answered ${JSON.stringify(reply)}`);
  }

  get running(): readonly number[] {
    return [...this.#children.keys()];
  }

  status(id: number): Promise<Status> {
    return this.ask(id, { kind: "status" }, "status");
  }

  /** The replica that leads, once one does and it has committed. */
  async leader(): Promise<number> {
    for (const end = Date.now() + patienceMs; Date.now() < end; await delay(20)) {
      for (const id of this.running) {
        const { role, commitIndex, appliedIndex } = await this.status(id);
        if (role === "leader" && commitIndex > 0 && appliedIndex === commitIndex) return id;
      }
    }
    throw new Error("no replica became leader");
  }

  /** Waits until replica `id` has applied up to `index`. */
  async applied(id: number, index: number): Promise<void> {
    for (const end = Date.now() + patienceMs; Date.now() < end; await delay(5)) {
      if ((await this.status(id)).appliedIndex >= index) return;
    }
    throw new Error(`replica ${id} did not apply entry ${index}`);
  }

  async close(): Promise<void> {
    await Promise.all(this.running.map((id) => this.kill(id)));
  }
}

/** Ports that the system has free now. */
async function freePorts(count: number): Promise<number[]> {
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
