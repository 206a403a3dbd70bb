import {
  type ConfState,
  describeConfState,
  isMember,
  type LogIndex,
  membersOf,
  type NodeId,
  quorum,
  sameConfState,
} from "@quorate/core";
import { Violation } from "../judge.ts";

/** A configuration that a replica applied, as of an entry of the log. */
interface Applied {
  readonly index: LogIndex;
  readonly confState: ConfState;
}

/**
 * The configurations of the group, as its replicas show them: one sequence for all of them (I15). A leader
 * applies each change before it proposes the next, so none is passed over by everyone: a configuration
 * that differs from the one before it, and that shows only after a later one, cannot be.
 */
export class GroupShadow {
  /** Ascending by index. Several in a row may be equal: a snapshot tells of an index between two changes. */
  readonly #applied: Applied[];
  readonly #removed = new Set<NodeId>();
  /** How far each node ever knew the log to be committed. */
  readonly #commitIndexes = new Map<NodeId, LogIndex>();

  constructor(founders: ConfState) {
    this.#applied = [{ index: 0, confState: founders }];
  }

  /** The newest configuration that any replica has applied. */
  get newest(): ConfState {
    return this.at(Number.POSITIVE_INFINITY);
  }

  /** The entry that brought it, or a later one that a snapshot stands for. */
  get newestIndex(): LogIndex {
    return this.#applied.at(-1)?.index ?? 0;
  }

  /** How many configurations were seen that differ from the one before them. */
  get changeCount(): number {
    return this.#applied.filter(({ confState }, place) => {
      const before = this.#applied[place - 1];
      return before !== undefined && !sameConfState(before.confState, confState);
    }).length;
  }

  /** Every configuration that was applied, in order. */
  get all(): readonly ConfState[] {
    return this.#applied.map(({ confState }) => confState);
  }

  /** All who were ever removed, as replicas that applied that know. */
  get removed(): ReadonlySet<NodeId> {
    return this.#removed;
  }

  /** The configuration as of `index`, as far as was seen. */
  at(index: LogIndex): ConfState {
    const found = this.#applied.findLast((other) => other.index <= index);
    return found?.confState ?? this.#applied[0]?.confState ?? raise();
  }

  /** `node` has `confState` as of `index`, which is 0 for what it began with. */
  report(node: NodeId, index: LogIndex, confState: ConfState): void {
    // One that joins begins with nobody.
    if (index === 0 && membersOf(confState).length === 0) return;
    const place = this.#applied.findLastIndex((other) => other.index <= index);
    const before = this.#applied[place];
    const isNewest = place === this.#applied.length - 1;
    if (before !== undefined && sameConfState(before.confState, confState)) {
      if (isNewest && before.index < index) this.#applied.push({ index, confState });
      return;
    }
    if (before === undefined || before.index === index || !isNewest) {
      const known = before === undefined ? "nothing" : describeConfState(before.confState);
      throw new Violation(
        "I15",
        `node ${node} has ${describeConfState(confState)} as of ${index}, where ${known} was applied`,
      );
    }
    this.#applied.push({ index, confState });
  }

  /** `node` knows the log to be committed up to `index`. */
  reportCommit(node: NodeId, index: LogIndex): void {
    this.#commitIndexes.set(node, Math.max(index, this.#commitIndexes.get(node) ?? 0));
  }

  /**
   * Whether so many know that `node` was removed that it is needed no more: a majority of those who voted
   * after it, or of those after them.
   */
  isNeedless(node: NodeId): boolean {
    const last = this.#applied.findLastIndex(({ confState }) => isMember(confState, node));
    const later = this.#applied.slice(last + 1);
    const [removal] = later;
    if (removal === undefined) return false;
    const knowing = [...this.#commitIndexes].filter(([, index]) => index >= removal.index);
    const nodes = new Set(knowing.map(([id]) => id));
    return later.some(({ confState }) => isQuorum(confState, nodes));
  }

  /** A replica applied a table in which these are removed. */
  reportRemoved(ids: readonly NodeId[]): void {
    for (const id of ids) this.#removed.add(id);
  }
}

/** Whether `nodes` could elect a leader in `confState`: they hold each of its majorities. */
export function isQuorum(confState: ConfState, nodes: ReadonlySet<NodeId>): boolean {
  return [confState.voters, confState.votersOutgoing].every((majority) => {
    const present = majority.filter((id) => nodes.has(id)).length;
    return majority.length === 0 || present >= quorum(majority.length);
  });
}

function raise(): never {
  throw new Error("there is a first configuration");
}
