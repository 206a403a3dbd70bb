import {
  checkStep,
  emptyStorage,
  type Entry,
  type LogIndex,
  type Message,
  type NodeId,
  none,
  RaftNode,
  type RaftOptions,
  type Ready,
  type SeededRandom,
  type Snapshot,
  type Status,
  type Storage,
} from "../src/index.ts";

/** What a host needs from the world around it. */
export interface World {
  send(messages: readonly Message[]): void;
  applied(node: NodeId, entries: readonly Entry[]): void;
  /** A snapshot was taken, or the state machine restored from it. */
  snapshot(node: NodeId, snapshot: Snapshot): void;
  /** Something happened to a node, which is to be checked. */
  look(host: Host): void;
}

/** What a state machine is to take in: entries, or a whole state in the place of those before. */
export type Work = Entry | Snapshot;

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
  /** What would survive a crash of the process. */
  storage: Storage;
  /** What would survive a power failure: `storage` as of the last data sync. */
  #synced: Storage;
  /** Whether Readys are performed only by hand. */
  isManual = false;
  /** Accepted and not persisted, oldest first. */
  #writing: Ready[] = [];
  /** Handed out and not applied, in order. */
  #applying: Work[] = [];
  /** A snapshot that is durable beside a log which does not say so yet. */
  #received: Snapshot | undefined;
  /** The Ready that was looked at last. */
  #seen: Ready | undefined;

  constructor(id: NodeId, peers: readonly NodeId[], options: RaftOptions, world: World) {
    this.id = id;
    this.#peers = peers;
    this.#options = options;
    this.#world = world;
    this.storage = options.storage ?? emptyStorage;
    this.#synced = this.storage;
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

  /** A crash that also loses what was written and not synced. */
  losePower(): void {
    this.crash();
    this.storage = this.#synced;
  }

  restart(): void {
    this.crash();
    if (this.#received !== undefined) this.storage = complete(this.storage, this.#received);
    this.#received = undefined;
    this.#synced = this.storage;
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
    if (ready.snapshot !== undefined) this.#applying.push(ready.snapshot);
    this.#applying.push(...ready.committed);
    this.#world.look(this);
    return ready;
  }

  /** Makes accepted Readys durable, all of them or those up to `number`; then sends what waited. */
  persist(number: number = this.#writing.at(-1)?.number ?? 0): void {
    const written = this.#writing.filter((ready) => ready.number <= number);
    this.#writing = this.#writing.filter((ready) => ready.number > number);
    for (const ready of written) this.storage = write(this.storage, ready);
    if (written.some((ready) => ready.mustSync)) this.#synced = this.storage;
    for (const ready of written) this.#world.send(ready.messagesAfterPersist);
    this.node.persisted(number);
    this.#world.look(this);
  }

  /** Applies what was handed out, all of it or up to `index`, and returns it. */
  apply(index: LogIndex = this.#applying.at(-1)?.index ?? 0): readonly Work[] {
    const done = this.#applying.filter((work) => work.index <= index);
    this.#applying = this.#applying.filter((work) => work.index > index);
    for (const work of done) {
      if (isSnapshot(work)) this.#world.snapshot(this.id, work);
      else this.#world.applied(this.id, [work]);
    }
    this.node.applied(index);
    this.#world.look(this);
    return done;
  }

  /** Takes a snapshot now, makes it durable, and forgets the entries up to it but for the last `keep`. */
  takeSnapshot(keep: number): Snapshot {
    const snapshot = this.node.snapshotPoint();
    this.#world.snapshot(this.id, snapshot);
    const { base, entries } = this.storage;
    const index = Math.max(base.index, snapshot.index - keep);
    const first = entries[index - base.index - 1];
    const rest = entries.filter((entry) => entry.index > index);
    this.storage = { ...this.storage, snapshot, base: first ?? base, entries: rest };
    this.#synced = this.storage;
    this.node.compact(snapshot, index);
    return snapshot;
  }

  /** The state of a snapshot has arrived, and is durable. */
  receive(snapshot: Snapshot): void {
    if (snapshot.index > (this.#received?.index ?? 0)) this.#received = snapshot;
  }

  /** Makes some of what is being written durable, and not always the whole. */
  persistSome(random: SeededRandom): void {
    const ready = this.#writing[random.below(this.#writing.length + 1)];
    if (ready !== undefined) this.persist(ready.number);
  }

  /** Applies some of what was handed out. */
  applySome(random: SeededRandom): void {
    const work = this.#applying[random.below(this.#applying.length + 1)];
    if (work !== undefined) this.apply(work.index);
  }

  /** Takes what there is to do, and writes it; what is to be applied waits. */
  write(): void {
    if (this.node.hasReady) this.accept(this.look());
    if (this.#writing.length > 0) this.persist();
  }

  /** Does all that was accepted and is not done. */
  finish(): void {
    if (this.#writing.length > 0) this.persist();
    if (this.#applying.length > 0) this.apply();
  }

  /** Accepts, persists and applies one Ready, as `advance` would. */
  perform(ready: Ready): void {
    this.accept(ready);
    this.persist(ready.number);
    if (this.#applying.length > 0) this.apply();
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

/** Whether a state machine is to begin anew. */
export function isSnapshot(work: Work): work is Snapshot {
  return "confState" in work;
}

/** `storage` after one durable write. */
function write(storage: Storage, { snapshot, hardState, entries }: Ready): Storage {
  const { base, entries: kept } =
    snapshot === undefined ? storage : { base: snapshot, entries: [] as Entry[] };
  const first = entries[0]?.index ?? Number.POSITIVE_INFINITY;
  return {
    hardState: hardState ?? storage.hardState,
    snapshot: snapshot ?? storage.snapshot,
    base: { term: base.term, index: base.index },
    entries: [...kept.filter((entry) => entry.index < first), ...entries],
  };
}

/** What is stored once a snapshot that arrived before a crash has its place in the log (§7). */
function complete(storage: Storage, snapshot: Snapshot): Storage {
  const { hardState, base, entries } = storage;
  const { term, index } = snapshot;
  if (index <= (storage.snapshot?.index ?? base.index)) return storage;
  const isNewer = term > hardState.term;
  const commitIndex = Math.max(hardState.commitIndex, index);
  const newest = { ...(isNewer ? { term, vote: none } : hardState), commitIndex };
  const held = entries[index - base.index - 1];
  if (held?.term === term) return { ...storage, hardState: newest, snapshot };
  return { hardState: newest, snapshot, base: { term, index }, entries: [] };
}
