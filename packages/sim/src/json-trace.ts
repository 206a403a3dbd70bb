import type {
  Entry,
  EntryId,
  LogIndex,
  Message,
  NodeId,
  Ready,
  Snapshot,
  Status,
} from "@quorate/core";
import type { Observer } from "./judge.ts";

/** The version of the format. It grows when a line changes its meaning; new kinds and fields may come. */
const formatVersion = 1;

/**
 * Writes every event of a run as a line of JSON: all that a tool needs to draw the run.
 * `docs/internals/traces.md` lists the lines and their fields.
 */
export class JsonTrace implements Observer {
  readonly #write: (line: string) => void;
  /** The number of each message that was sent: it is the same object where it arrives. */
  readonly #numbers = new WeakMap<Message, number>();
  #sentCount = 0;
  #now = 0;

  /** `write` is given each line when it happens, without its end. */
  constructor(write: (line: string) => void) {
    this.#write = write;
    this.#write(JSON.stringify({ kind: "trace", version: formatVersion }));
  }

  advanced(now: number): void {
    this.#now = now;
  }

  started(status: Status, log: readonly Entry[]): void {
    this.#line("started", status.id, {
      status: changesOf(undefined, status),
      log: log.map(entryOf),
    });
  }

  crashed(node: NodeId): void {
    this.#line("crashed", node, {});
  }

  received(_before: Status, after: Status, message: Message): void {
    const number = this.#numbers.get(message);
    this.#line("received", after.id, { number, message: messageOf(message) });
  }

  readied(status: Status, ready: Ready): void {
    const { number, snapshot, hardState, mustSync, reads } = ready;
    this.#line("readied", status.id, {
      number,
      snapshot,
      hardState,
      entries: ready.entries.map(idOf),
      mustSync,
      messageCount: ready.messages.length,
      messageAfterPersistCount: ready.messagesAfterPersist.length,
      committed: ready.committed.map(idOf),
      reads,
    });
  }

  persisted(status: Status): void {
    this.#line("persisted", status.id, { persistedIndex: status.persistedIndex });
  }

  stepped(before: Status, after: Status): void {
    const status = changesOf(before, after);
    if (Object.keys(status).length > 0) this.#line("stepped", after.id, { status });
  }

  appended(status: Status, log: readonly Entry[], after: LogIndex): void {
    this.#line("appended", status.id, { entries: log.slice(after).map(entryOf) });
  }

  truncated(_before: Status, after: Status, removed: readonly Entry[]): void {
    this.#line("truncated", after.id, { removed: removed.map(idOf) });
  }

  elected(status: Status): void {
    this.#line("elected", status.id, { term: status.term });
  }

  committed(status: Status, log: readonly Entry[], after: LogIndex): void {
    this.#line("committed", status.id, { entries: log.slice(after, status.commitIndex).map(idOf) });
  }

  applied(node: NodeId, entries: readonly Entry[]): void {
    this.#line("applied", node, { entries: entries.map(idOf) });
  }

  snapshotted(node: NodeId, snapshot: Snapshot): void {
    this.#line("snapshotted", node, { snapshot });
  }

  restored(node: NodeId, snapshot: Snapshot): void {
    this.#line("restored", node, { snapshot });
  }

  sent(message: Message): void {
    this.#sentCount += 1;
    this.#numbers.set(message, this.#sentCount);
    const number = this.#sentCount;
    this.#line("sent", message.from, { number, message: messageOf(message) });
  }

  acknowledged(entry: Entry): void {
    this.#line("acknowledged", undefined, { entry: idOf(entry) });
  }

  readStarted(read: number): void {
    this.#line("read-started", undefined, { read });
  }

  readEnded(read: number, index: LogIndex): void {
    this.#line("read-ended", undefined, { read, index });
  }

  ended(logs: ReadonlyMap<NodeId, readonly Entry[]>): void {
    this.#line("ended", undefined, { nodes: [...logs.keys()] });
  }

  #line(kind: string, node: NodeId | undefined, fields: object): void {
    this.#write(JSON.stringify({ time: this.#now, kind, node, ...fields }));
  }
}

/** The fields of a status that differ from those before; all of them if there is no before. */
function changesOf(before: Status | undefined, after: Status): object {
  const old = new Map<string, unknown>(Object.entries(before ?? {}));
  const changes = Object.entries(after).filter(
    ([name, value]) => name !== "id" && JSON.stringify(old.get(name)) !== JSON.stringify(value),
  );
  return Object.fromEntries(changes);
}

function messageOf(message: Message): object {
  switch (message.kind) {
    case "append-entries":
      return { ...message, entries: message.entries.map(entryOf) };
    case "propose":
      return { ...message, commands: message.commands.map(hex) };
    default:
      return message;
  }
}

function entryOf({ term, index, kind, data }: Entry): object {
  return { term, index, kind, data: hex(data) };
}

function idOf({ term, index }: EntryId): EntryId {
  return { term, index };
}

function hex(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
