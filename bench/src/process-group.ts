import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { forkReplica, type ReplicaChannel } from "./replica-channel.ts";
import type { Command, ReplicaSettings, Reply } from "./replica-protocol.ts";

type Answer<K extends Reply["kind"]> = Extract<Reply, { readonly kind: K }>;
type Status = Answer<"status">;

function isAnswer<K extends Reply["kind"]>(reply: Reply, kind: K): reply is Answer<K> {
  return reply.kind === kind;
}

/** How long the group may do nothing of what is awaited, in milliseconds. */
const patienceMs = 60_000;

/** Starts the process of replica `id` of `cluster`, with its files in `dir`. */
export type Launch = (
  id: number,
  cluster: Readonly<Record<number, string>>,
  dir: string,
) => ReplicaChannel;

/** A group of replicas, each in a process of its own, on loopback with real files. */
export class ProcessGroup {
  readonly #launch: Launch;
  readonly #cluster: Readonly<Record<number, string>>;
  readonly #dir: string;
  readonly #channels = new Map<number, ReplicaChannel>();
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #nextId = 1;

  /** A group of which nothing runs yet; `start` and `launch` make one that does. */
  constructor(launch: Launch, cluster: Readonly<Record<number, string>>, dir: string) {
    this.#launch = launch;
    this.#cluster = cluster;
    this.#dir = dir;
  }

  /** Starts `size` replicas of the product with their files in `dir`, and waits until one leads. */
  static start(
    size: number,
    dir: string,
    tickMs: number,
    settings?: ReplicaSettings,
  ): Promise<ProcessGroup> {
    const launch: Launch = (id, cluster, dataDir) =>
      forkReplica({ id, cluster, dataDir, tickMs, settings }, ["--expose-gc"]);
    return ProcessGroup.launch(launch, size, dir);
  }

  /** Starts `size` replicas with their files in `dir`, and waits until one leads. */
  static async launch(launch: Launch, size: number, dir: string): Promise<ProcessGroup> {
    const ports = await freePorts(size);
    const cluster = Object.fromEntries(ports.map((port, i) => [i + 1, `127.0.0.1:${port}`]));
    const group = new ProcessGroup(launch, cluster, dir);
    try {
      await Promise.all(ports.map((_, i) => group.startReplica(i + 1)));
      await group.leader();
    } catch (error) {
      await group.close();
      throw error;
    }
    return group;
  }

  /** Starts replica `id`, which does not run. */
  async startReplica(id: number): Promise<void> {
    if (this.#cluster[id] === undefined) throw new Error(`the group has no replica ${id}`);
    const channel = this.#launch(id, this.#cluster, this.directoryOf(id));
    this.#channels.set(id, channel);
    await new Promise<void>((resolve, reject) => {
      channel.child.once("error", reject);
      channel.child.once("exit", (code) => {
        reject(new Error(`replica ${id} exited with ${String(code)}`));
      });
      channel.onReply((reply) => {
        if (reply.kind === "started") resolve();
        this.#waiting.get(reply.id)?.(reply);
        this.#waiting.delete(reply.id);
      });
    });
  }

  /** Ends replica `id` without a chance to say goodbye. */
  async kill(id: number): Promise<void> {
    const child = this.#channels.get(id)?.child;
    this.#channels.delete(id);
    if (child === undefined || hasEnded(child)) return;
    await new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.kill("SIGKILL");
    });
  }

  /** Asks replica `id` and waits for the answer, which must be of the kind that was asked for. */
  async ask<K extends Reply["kind"]>(id: number, command: Command, kind: K): Promise<Answer<K>> {
    const channel = this.#channels.get(id);
    if (channel === undefined || hasEnded(channel.child)) {
      throw new Error(`replica ${id} does not run`);
    }
    const requestId = this.#nextId++;
    const reply = await new Promise<Reply>((resolve, reject) => {
      const onExit = (): void => reject(new Error(`replica ${id} ended before it answered`));
      channel.child.once("exit", onExit);
      this.#waiting.set(requestId, (answer) => {
        channel.child.off("exit", onExit);
        resolve(answer);
      });
      channel.send({ ...command, id: requestId });
    });
    if (isAnswer(reply, kind)) return reply;
    throw new Error(`replica ${id} answered ${JSON.stringify(reply)}`);
  }

  get running(): readonly number[] {
    return [...this.#channels.keys()];
  }

  /** All replicas, whether they run or not. */
  get ids(): readonly number[] {
    return Object.keys(this.#cluster).map(Number);
  }

  /** Where replica `id` has its files. */
  directoryOf(id: number): string {
    return join(this.#dir, String(id));
  }

  /** The process of replica `id`, which runs. */
  pidOf(id: number): number {
    const pid = this.#channels.get(id)?.child.pid;
    if (pid === undefined) throw new Error(`replica ${id} does not run`);
    return pid;
  }

  status(id: number): Promise<Status> {
    return this.ask(id, { kind: "status" }, "status");
  }

  /** The replica that leads, once one does and it has applied all that is committed. */
  async leader(): Promise<number> {
    return this.#await("no replica became leader", 20, async () => {
      let progress = 0;
      for (const id of this.running) {
        const { role, commitIndex, appliedIndex } = await this.status(id);
        if (role === "leader" && commitIndex > 0 && appliedIndex === commitIndex) {
          return { result: id };
        }
        progress += appliedIndex;
      }
      return { progress };
    });
  }

  /** Waits until replica `id` has applied up to `index`. */
  async applied(id: number, index: number): Promise<void> {
    await this.#await(`replica ${id} did not apply entry ${index}`, 5, async () => {
      const { appliedIndex } = await this.status(id);
      return appliedIndex >= index ? { result: id } : { progress: appliedIndex };
    });
  }

  /** Waits until all replicas that run have applied what is committed, and returns that index. */
  async settled(): Promise<number> {
    return this.#await("the replicas did not come to agree", 50, async () => {
      const statuses = await Promise.all(this.running.map((id) => this.status(id)));
      const indexes = statuses.flatMap(({ commitIndex, appliedIndex }) => [
        commitIndex,
        appliedIndex,
      ]);
      const [least, most] = [Math.min(...indexes), Math.max(...indexes)];
      return least === most ? { result: most } : { progress: least };
    });
  }

  /** Looks every `everyMs` until there is a result; gives up when there is no progress any more. */
  async #await(failure: string, everyMs: number, look: () => Promise<Look>): Promise<number> {
    let latest = -1;
    for (let end = Date.now() + patienceMs; Date.now() < end; await delay(everyMs)) {
      const seen = await look();
      if ("result" in seen) return seen.result;
      if (seen.progress > latest) end = Date.now() + patienceMs;
      latest = Math.max(latest, seen.progress);
    }
    throw new Error(failure);
  }

  async close(): Promise<void> {
    await Promise.all(this.running.map((id) => this.kill(id)));
  }
}

/** What one look at the group shows: what was awaited, or how far it is. */
type Look = { readonly result: number } | { readonly progress: number };

/** Whether a process ended by itself, or never began. */
function hasEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}

/** Ports that the system has free now. */
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
