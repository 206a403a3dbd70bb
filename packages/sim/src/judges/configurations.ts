import {
  assert,
  type ConfState,
  decodeConfChange,
  type Entry,
  type LogIndex,
  type NodeId,
  type Status,
} from "@quorate/core";

/** A configuration, and the entry that brought it. */
export interface Configured {
  readonly index: LogIndex;
  readonly confState: ConfState;
}

/** The configurations that the committed entries tell, one after the other. */
export class Configurations {
  readonly #changes: Configured[] = [];
  /** What each node began with: the founders' configuration, or none. */
  readonly #starts = new Map<NodeId, ConfState>();
  /** The last entry that is known to be committed. */
  #committedIndex: LogIndex = 0;

  /** A node starts: for the first time, its configuration is what it begins with. */
  begin({ id, confState, confIndex }: Status): void {
    if (confIndex === 0 && !this.#starts.has(id)) this.#starts.set(id, confState);
  }

  /** A commit index moved, as a judge learns of it. Returns the changes that this committed first. */
  committed(
    { commitIndex }: Status,
    log: readonly Entry[],
    after: LogIndex,
  ): readonly Configured[] {
    const entries = log.slice(Math.max(after, this.#committedIndex), commitIndex);
    this.#committedIndex = entries.at(-1)?.index ?? this.#committedIndex;
    const changes = entries.filter(({ kind }) => kind === "conf-change").map(configuredBy);
    this.#changes.push(...changes);
    return changes;
  }

  /**
   * The configuration that `node` knows as of `index`: of a change, of a snapshot before all changes, or at
   * 0 what the node began with.
   */
  at(index: LogIndex, node: NodeId): ConfState {
    const change = this.#changes.findLast((other) => other.index <= index);
    const start = index === 0 ? this.#starts.get(node) : this.founding;
    const confState = change?.confState ?? start;
    assert(confState !== undefined, "a node that acts has started");
    return confState;
  }

  /** Where the last change up to `index` stands, or 0. */
  lastIndexAt(index: LogIndex): LogIndex {
    return this.#changes.findLast((other) => other.index <= index)?.index ?? 0;
  }

  /** The last change before `index`; undefined if there is none. */
  before(index: LogIndex): Configured | undefined {
    return this.#changes.findLast((other) => other.index < index);
  }

  /** What the founders began with. */
  get founding(): ConfState | undefined {
    return [...this.#starts.values()].find(({ voters }) => voters.length > 0);
  }
}

function configuredBy({ index, data }: Entry): Configured {
  const { result: confState } = decodeConfChange(data);
  assert(confState !== undefined, "every change says what it leads to");
  return { index, confState };
}
