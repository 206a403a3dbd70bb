import {
  checkStep,
  emptyStorage,
  type Entry,
  type HardState,
  type LogIndex,
  type Message,
  type NodeId,
  RaftNode,
  type RaftOptions,
  type Ready,
  type Status,
  type Storage,
} from "../src/index.ts";

/** What a host needs from the world around it. */
export interface World {
  send(messages: readonly Message[]): void;
  applied(node: NodeId, entries: readonly Entry[]): void;
}

/**
 * One machine: a real node with a disk in memory and a list of what its state machine has applied. It
 * performs Readys in the order that `Ready` asks for, whole, or step by step as a pipelining runtime.
 */
export class Host {
  readonly id: NodeId;
  readonly #peers: readonly NodeId[];
  readonly #options: RaftOptions;
  readonly #world: World;
  #node: RaftNode | undefined;
  #before: Status | undefined;
  /** What would survive a crash. */
  storage: Storage;
  /** Whether Readys are performed only by hand. */
  isManual = false;
  /** Accepted and not persisted, oldest first. */
  #writing: Ready[] = [];
  /** Handed out and not applied, in order. */
  #applying: Entry[] = [];
  /** The Ready that was looked at last. */
  #seen: Ready | undefined;

  constructor(id: NodeId, peers: readonly NodeId[], options: RaftOptions, world: World) {
    this.id = id;
    this.#peers = peers;
    this.#options = options;
    this.#world = world;
    this.storage = options.storage ?? emptyStorage;
    this.restart();
  }

  get node(): RaftNode {
    if (this.#node === undefined) throw new Error(`node ${this.id} is down`);
    return this.#node;
  }

  get isUp(): boolean {
    return this.#node !== undefined;
  }

  crash(): void {
    this.#node = undefined;
    this.#before = undefined;
    this.#writing = [];
    this.#applying = [];
    this.#seen = undefined;
  }

  restart(): void {
    this.crash();
    this.#node = new RaftNode(this.id, this.#peers, { ...this.#options, storage: this.storage });
    this.check();
  }

  /** The Ready of this moment, without taking it. */
  look(): Ready {
    this.#seen = this.node.ready();
    return this.#seen;
  }

  /** Takes the Ready that was looked at last: sends what may leave at once, and begins to write. */
  accept(ready: Ready = this.#seen ?? this.look()): Ready {
    this.#seen = undefined;
    this.node.accept(ready);
    this.#world.send(ready.messages);
    this.#writing.push(ready);
    this.#applying.push(...ready.committed);
    return ready;
  }

  /** Makes accepted Readys durable, all of them or those up to `number`; then sends what waited. */
  persist(number: number = this.#writing.at(-1)?.number ?? 0): void {
    const written = this.#writing.filter((ready) => ready.number <= number);
    this.#writing = this.#writing.filter((ready) => ready.number > number);
    for (const ready of written) this.storage = write(this.storage, ready.hardState, ready.entries);
    for (const ready of written) this.#world.send(ready.messagesAfterPersist);
    this.node.persisted(number);
  }

  /** Applies what was handed out, all of it or up to `index`, and returns it. */
  apply(index: LogIndex = this.#applying.at(-1)?.index ?? 0): readonly Entry[] {
    const done = this.#applying.filter((entry) => entry.index <= index);
    this.#applying = this.#applying.filter((entry) => entry.index > index);
    this.#world.applied(this.id, done);
    this.node.applied(index);
    return done;
  }

  /** Accepts, persists and applies one Ready, as `advance` would. */
  perform(ready: Ready): void {
    this.accept(ready);
    this.persist(ready.number);
    if (ready.committed.length > 0) this.apply();
  }

  /** Checks the node's invariants, of this moment and since the last check. */
  check(): void {
    if (this.#node === undefined) return;
    this.#node.check();
    const after = this.#node.status();
    if (this.#before !== undefined) checkStep(this.#before, after);
    this.#before = after;
  }
}

/** `storage` after one durable write. */
function write(
  { hardState, base, entries }: Storage,
  newHardState: HardState | undefined,
  newEntries: readonly Entry[],
): Storage {
  const first = newEntries[0]?.index ?? Number.POSITIVE_INFINITY;
  const kept = entries.filter((entry) => entry.index < first);
  return { hardState: newHardState ?? hardState, base, entries: [...kept, ...newEntries] };
}
