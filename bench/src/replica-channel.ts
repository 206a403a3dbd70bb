import { type ChildProcess, fork } from "node:child_process";
import type { Command, Reply, ReplicaConfig } from "./replica-protocol.ts";

/** A replica's process, and how it is spoken to. */
export interface ReplicaChannel {
  readonly child: ChildProcess;
  /** Asks; the answer has the same id. */
  send(command: Command & { readonly id: number }): void;
  /** Has all answers told to `listener`, which is set once. */
  onReply(listener: (reply: Reply & { readonly id: number }) => void): void;
}

/**
 * Starts a replica of the product in a process of its own, spoken to over IPC; `flags` are for Node.js.
 */
export function forkReplica(config: ReplicaConfig, flags: readonly string[] = []): ReplicaChannel {
  const child = fork(new URL("./replica-process.js", import.meta.url), { execArgv: [...flags] });
  child.send(config);
  return {
    child,
    send: (command) => child.send(command),
    onReply: (listener) => child.on("message", listener),
  };
}
