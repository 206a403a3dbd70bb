import {
  type ConfState,
  decodeConfChange,
  describeConfState,
  describeEntry,
  type Entry,
  type LogIndex,
  type Message,
  type NodeId,
  none,
  quorum,
  sameConfState,
  type Snapshot,
  type Status,
  type Storage,
  type Term,
} from "../src/index.ts";

/** What is looked at of a node that is up. */
export interface Look {
  readonly status: Status;
  /** Its log, as far as it is in memory. */
  readonly entries: readonly Entry[];
}

/** What must hold of a cluster as a whole, whatever happens to it. Throws if it does not. */
export class ClusterChecks {
  /** I1: who led each term. */
  readonly #leaders = new Map<Term, NodeId>();
  /** I5: what some state machine applied at each index. */
  readonly #applied = new Map<LogIndex, Entry>();
  /** I15: what each node began with, and what each applied change leads to. */
  readonly #founding = new Map<NodeId, ConfState>();
  readonly #changes = new Map<LogIndex, ConfState>();
  readonly #committedElsewhere = new Map<LogIndex, Term>();
  /** What each leader knew at the last look. */
  readonly #before = new Map<NodeId, Status>();

  /** A node begins for the first time. */
  began(status: Status): void {
    this.#founding.set(status.id, status.confState);
  }

  /** A state machine took in `entries`. */
  applied(node: NodeId, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const other = this.#applied.get(entry.index) ?? entry;
      const isSame = other.term === entry.term && String(other.data) === String(entry.data);
      if (!isSame) throw new Error(`I5: node ${node} applies another entry at ${entry.index}`);
      this.#applied.set(entry.index, other);
      if (entry.kind !== "conf-change") continue;
      const { result } = decodeConfChange(entry.data);
      if (result !== undefined) this.#changes.set(entry.index, result);
    }
  }

  /** A scenario makes up a message: so its snapshot is of what was committed, elsewhere. */
  assume(message: Message): void {
    if (message.kind !== "install-snapshot") return;
    const { index, term, confState } = message.snapshot;
    this.#committedElsewhere.set(index, term);
    const expected = this.#confStateAt(index, message.to);
    if (expected === undefined || sameConfState(expected, confState)) return;
    this.#changes.set(index, confState);
  }

  /** A snapshot was taken, or a state machine restored from it. */
  snapshot(node: NodeId, { index, term, confState }: Snapshot): void {
    const known = this.#applied.get(index)?.term ?? this.#committedElsewhere.get(index);
    if (index > 0 && known !== term) {
      throw new Error(`I14: node ${node} has a snapshot at ${index} of what nobody applied`);
    }
    this.#checkConfState("I14", node, index, confState);
  }

  /** Looks at a node, and at the disks of all. */
  look({ status, entries }: Look, disks: ReadonlyMap<NodeId, Storage>): void {
    const { id, term, role, commitIndex, confIndex, confState, appliedIndex } = status;
    this.#checkConfState("I15", id, confIndex, confState);
    const newest = Math.max(none, ...[...this.#changes.keys()].filter((at) => at <= appliedIndex));
    if (newest > confIndex) {
      throw new Error(`I15: node ${id} applied the change at ${newest} and goes by ${confIndex}`);
    }
    checkOneChange(`the log of node ${id}`, entries, commitIndex);
    const disk = disks.get(id);
    if (disk !== undefined) {
      checkOneChange(`the disk of node ${id}`, disk.entries, disk.hardState.commitIndex);
    }
    const before = this.#before.get(id);
    this.#before.set(id, status);
    if (role !== "leader") return;
    const leader = this.#leaders.get(term) ?? id;
    if (leader !== id) throw new Error(`I1: two leaders in term ${term}`);
    this.#leaders.set(term, leader);
    if (commitIndex <= Math.max(before?.commitIndex ?? 0, confIndex, status.snapshotIndex)) return;
    const entry = entries.find(({ index }) => index === commitIndex);
    if (entry === undefined || before?.role !== "leader") return;
    // A change that was applied in between may have made the majorities smaller, or larger.
    const decided = [before.confState, confState].some((each) => isDurable(entry, each, disks));
    if (!decided) {
      const text = `${describeEntry(entry)} by ${describeConfState(confState)}`;
      throw new Error(`I10: node ${id} committed ${text}, which is not on their disks`);
    }
  }

  /** What `node` should go by if the change or snapshot at `index` is its last. */
  #confStateAt(index: LogIndex, node: NodeId): ConfState | undefined {
    const last = Math.max(none, ...[...this.#changes.keys()].filter((at) => at <= index));
    const founders = [...this.#founding.values()].find(({ voters }) => voters.length > 0);
    return this.#changes.get(last) ?? (index === none ? this.#founding.get(node) : founders);
  }

  #checkConfState(claim: string, node: NodeId, index: LogIndex, confState: ConfState): void {
    const expected = this.#confStateAt(index, node);
    if (expected === undefined || sameConfState(expected, confState)) return;
    throw new Error(
      `${claim}: node ${node} has ${describeConfState(confState)} as of ${index}, ` +
        `where ${describeConfState(expected)} is right`,
    );
  }
}

/** I16: a log never holds two changes that are not known to be committed. */
function checkOneChange(whose: string, entries: readonly Entry[], commitIndex: LogIndex): void {
  const open = entries.filter(({ kind, index }) => kind === "conf-change" && index > commitIndex);
  if (open.length < 2) return;
  throw new Error(`I16: ${whose} has changes at ${open.map(({ index }) => index).join(" and ")}`);
}

/** Whether `entry` is on the disks of both majorities. */
function isDurable(
  entry: Entry,
  { voters, votersOutgoing }: ConfState,
  disks: ReadonlyMap<NodeId, Storage>,
): boolean {
  return [voters, votersOutgoing].every((majority) => {
    const holders = majority.filter((id) => holds(disks.get(id), entry));
    return majority.length === 0 || holders.length >= quorum(majority.length);
  });
}

function holds(disk: Storage | undefined, { term, index }: Entry): boolean {
  if (disk === undefined) return false;
  if ((disk.snapshot?.index ?? 0) >= index || disk.base.index >= index) return true;
  return disk.entries[index - disk.base.index - 1]?.term === term;
}
