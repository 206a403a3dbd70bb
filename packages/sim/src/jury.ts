import type {
  Entry,
  LogIndex,
  Message,
  NodeId,
  RaftNode,
  Ready,
  Snapshot,
  Status,
} from "@quorate/core";
import type { Observer } from "./judge.ts";
import { LogShadow } from "./log-shadow.ts";

/** Sees every step of every node and tells the observers what it means. */
export class Jury {
  readonly #observers: readonly Observer[];
  readonly #shadows = new Map<NodeId, LogShadow>();
  /** What was committed, as the first node has it that knew. */
  readonly #committed: Entry[] = [];

  constructor(observers: readonly Observer[]) {
    this.#observers = observers;
  }

  /** The log of a node that runs, or that ran last. */
  logOf(node: NodeId): readonly Entry[] {
    return this.#shadow(node).entries;
  }

  started(node: RaftNode, status: Status): void {
    const shadow = this.#shadow(node.id);
    shadow.reset(node, status.firstIndex, this.#committed);
    for (const observer of this.#observers) observer.started?.(status, shadow.entries);
  }

  /** The node took a step that led from `before` to `after`. */
  stepped(node: RaftNode, before: Status, after: Status): void {
    const shadow = this.#shadow(node.id);
    const change = shadow.update(node, after.firstIndex, this.#committed);
    const observers = this.#observers;
    const log = shadow.entries;
    for (const entry of log.slice(this.#committed.length, after.commitIndex)) {
      this.#committed.push(entry);
    }
    for (const observer of observers) observer.stepped?.(before, after, log);
    if (change !== undefined) {
      const { removed, keptIndex } = change;
      if (removed.length > 0) {
        for (const observer of observers) observer.truncated?.(before, after, removed);
      }
      if (log.length > keptIndex) {
        for (const observer of observers) observer.appended?.(after, log, keptIndex);
      }
    }
    if (after.role === "leader" && (before.role !== "leader" || before.term !== after.term)) {
      for (const observer of observers) observer.elected?.(after, log);
    }
    if (after.commitIndex > before.commitIndex) {
      for (const observer of observers) observer.committed?.(after, log, before.commitIndex);
    }
  }

  advanced(now: number): void {
    for (const observer of this.#observers) observer.advanced?.(now);
  }

  crashed(node: NodeId): void {
    for (const observer of this.#observers) observer.crashed?.(node);
  }

  ticked(status: Status): void {
    for (const observer of this.#observers) observer.ticked?.(status);
  }

  received(before: Status, after: Status, message: Message): void {
    for (const observer of this.#observers) observer.received?.(before, after, message);
  }

  readied(status: Status, ready: Ready): void {
    for (const observer of this.#observers) observer.readied?.(status, ready);
  }

  persisted(status: Status): void {
    for (const observer of this.#observers) observer.persisted?.(status);
  }

  applied(node: NodeId, entries: readonly Entry[]): void {
    for (const observer of this.#observers) observer.applied?.(node, entries);
  }

  restored(node: NodeId, snapshot: Snapshot): void {
    for (const observer of this.#observers) observer.restored?.(node, snapshot);
  }

  snapshotted(node: NodeId, snapshot: Snapshot): void {
    for (const observer of this.#observers) observer.snapshotted?.(node, snapshot);
  }

  sent(message: Message): void {
    for (const observer of this.#observers) observer.sent?.(message);
  }

  acknowledged(entry: Entry): void {
    for (const observer of this.#observers) observer.acknowledged?.(entry);
  }

  readStarted(read: number): void {
    for (const observer of this.#observers) observer.readStarted?.(read);
  }

  readEnded(read: number, index: LogIndex): void {
    for (const observer of this.#observers) observer.readEnded?.(read, index);
  }

  /** The run is over, and `nodes` have converged. */
  ended(nodes: readonly NodeId[]): void {
    const logs = new Map(nodes.map((node) => [node, this.logOf(node)] as const));
    for (const observer of this.#observers) observer.ended?.(logs);
  }

  #shadow(node: NodeId): LogShadow {
    let shadow = this.#shadows.get(node);
    if (shadow === undefined) {
      shadow = new LogShadow();
      this.#shadows.set(node, shadow);
    }
    return shadow;
  }
}
