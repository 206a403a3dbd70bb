import { assert, at, type Entry, type LogIndex, type NodeId, type Term } from "@quorate/core";
import type { MemorySnapshots, StateMachine } from "@quorate/runtime";
import { Violation } from "../judge.ts";
import type { App } from "./app.ts";
import { withoutPlace, withPlace } from "./place-head.ts";
import { sameValue, valueText } from "./same-value.ts";

/** A command that some replica applied: so it is committed, and every replica applies it there. */
export interface Committed {
  readonly index: LogIndex;
  readonly term: Term;
  readonly command: Uint8Array;
  /** What the state machine that was first gave for it. */
  readonly result: Uint8Array;
}

/** What is told of a machine that is saved and restored. */
interface PlaceWatch {
  /** After how many commands it is. */
  place(): number;
  /** It was restored, and is after so many. */
  onPlace(count: number): void;
  onRestored(): void;
}

/** A service does not do what it should: its state machine, not the replication, is to blame. */
export class AppDefect extends Error {
  override readonly name = "AppDefect";
}

/**
 * I5 as whole replicas show it: one sequence of commands, which every state machine applies from its
 * beginning, in order, nothing left out and nothing twice; with equal results, and so equal states.
 */
export class OneLog<Query, Answer> {
  readonly #app: App<Query, Answer>;
  readonly #onBroken: (error: unknown) => void;
  readonly #commands: Committed[] = [];
  /** Of the state after so many commands. */
  readonly #fingerprints = new Map<number, string>();
  /** The machine of the last process of each node. */
  readonly #machines = new Map<NodeId, StateMachine<Query, Answer>>();
  readonly #strays = new Set<NodeId>();

  /** `onBroken` is told what goes wrong within a replica, which would take it for its own trouble. */
  constructor(app: App<Query, Answer>, onBroken: (error: unknown) => void) {
    this.#app = app;
    this.#onBroken = onBroken;
  }

  /** How long the longest state was that was saved, in bytes. */
  stateBytesMax = 0;

  /** All commands that were applied, in order. */
  get commands(): readonly Committed[] {
    return this.#commands;
  }

  /** Every node whose state was ever made another, or restored from such a state. */
  get strays(): ReadonlySet<NodeId> {
    return this.#strays;
  }

  /** Makes the state of the machine of `node` another. False if there is no way to. */
  leaveStray(node: NodeId): boolean {
    const machine = this.#machines.get(node);
    if (machine === undefined || this.#app.stray === undefined) return false;
    this.#app.stray.leave(machine);
    assert(this.#app.stray.isIn(machine), "what was left in a state is in it");
    this.#strays.add(node);
    return true;
  }

  /** Whether the state of the machine of `node` is another now. */
  isStray(node: NodeId): boolean {
    const machine = this.#machines.get(node);
    return machine !== undefined && this.#app.stray?.isIn(machine) === true;
  }

  /** A new state machine for a process of `node`, under the eyes of this judge. */
  machine(
    node: NodeId,
    onApplied: (entries: readonly Entry[]) => void,
  ): StateMachine<Query, Answer> {
    const machine = this.#app.stateMachine();
    this.#machines.set(node, machine);
    let count = 0;
    const check = (entries: readonly Entry[], results: readonly Uint8Array[]): void => {
      if (results.length !== entries.length) {
        throw new AppDefect(`apply gives ${results.length} results for ${entries.length} commands`);
      }
      // Others may have applied these meanwhile.
      this.#checkPlaces(node, count, entries);
      for (const [offset, result] of results.entries()) {
        const entry = entries[offset];
        if (entry !== undefined) this.#agree(node, count + offset, entry, result);
      }
      count += entries.length;
      this.#compare(node, count, machine);
      onApplied(entries);
    };
    const { snapshots } = machine;
    if (snapshots?.kind === "durable") {
      throw new AppDefect(
        "a simulated machine begins empty at every start, so it cannot be durable by itself: with " +
          "snapshots of the kind `memory`, it is simulated as durable, too",
      );
    }
    const moved = (restored: number): void => {
      this.#watch(() => this.#checkRestored(node, count, restored));
      count = restored;
    };
    return {
      ...(snapshots === undefined
        ? {}
        : {
            snapshots: this.#snapshots(snapshots, {
              place: () => count,
              onPlace: moved,
              onRestored: () => {
                if (this.#app.stray?.isIn(machine) === true) this.#strays.add(node);
                this.#watch(() => this.#compare(node, count, machine));
              },
            }),
          }),
      apply: (entries) => {
        this.#watch(() => this.#checkPlaces(node, count, entries));
        const results = this.#watch(() => machine.apply(entries));
        if (!("then" in results)) {
          this.#watch(() => check(entries, results));
          return results;
        }
        return results.then(
          (settled) => {
            this.#watch(() => check(entries, settled));
            return settled;
          },
          (error: unknown) => this.#watch(() => raise(error)),
        );
      },
      query: (query) => machine.query(query),
      ...digestOf(machine),
    };
  }

  /**
   * The snapshots of a machine, each with the number of commands it stands for: so it is seen that a
   * restored state is the one that others had at that place.
   */
  #snapshots(snapshots: MemorySnapshots, watch: PlaceWatch): MemorySnapshots {
    return {
      kind: "memory",
      save: () => this.#measured(withPlace(watch.place(), snapshots.save())),
      restore: async (chunks) => {
        let isCutShort = false;
        const source = (async function* () {
          try {
            yield* chunks;
          } catch (error) {
            isCutShort = true;
            throw error;
          }
        })();
        let place: number | undefined;
        try {
          await snapshots.restore(withoutPlace(source, (count) => (place = count)));
        } catch (error) {
          if (!isCutShort) this.#watch(() => raise(error));
          throw error;
        }
        watch.onPlace(
          place ??
            this.#watch(() => raise(new Violation("I14", "a restored state has no beginning"))),
        );
        watch.onRestored();
      },
    };
  }

  async *#measured(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    let bytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.length;
      this.stateBytesMax = Math.max(this.stateBytesMax, bytes);
      yield chunk;
    }
  }

  #checkRestored(node: NodeId, before: number, restored: number): void {
    const what = `node ${node} restores the state after ${restored} commands`;
    if (restored < before) throw new Violation("I14", `${what}, having applied ${before}`);
    const { length } = this.#commands;
    if (restored > length) throw new Violation("I14", `${what}, and ${length} were ever applied`);
  }

  #watch<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const isJudged = error instanceof Violation || error instanceof AppDefect;
      this.#onBroken(
        isJudged ? error : new AppDefect(`apply throws ${String(error)}`, { cause: error }),
      );
      throw error;
    }
  }

  #checkPlaces(node: NodeId, count: number, entries: readonly Entry[]): void {
    for (const [offset, { index, term, data }] of entries.entries()) {
      const known = this.#commands[count + offset];
      const isSame =
        known?.index === index && known.term === term && sameValue(known.command, data);
      if (known === undefined ? index > (this.#commands.at(-1)?.index ?? 0) : isSame) continue;
      const wanted = known === undefined ? "none" : `${known.term}/${known.index}`;
      const what = `command ${count + offset + 1} of node ${node} is ${term}/${index}`;
      throw new Violation("I5", `${what}, where ${wanted} was applied before`);
    }
  }

  #agree(node: NodeId, place: number, entry: Entry, result: Uint8Array): void {
    const known = this.#commands[place];
    if (known === undefined) {
      const { index, term, data } = entry;
      this.#commands.push({ index, term, command: data.slice(), result: result.slice() });
    } else if (!sameValue(known.result, result)) {
      throw new AppDefect(
        `the state machine is not deterministic: for the command at index ${entry.index} it gave ` +
          `${valueText(result)} on node ${node}, and ${valueText(known.result)} before`,
      );
    }
  }

  #compare(node: NodeId, count: number, machine: StateMachine<Query, Answer>): void {
    const fingerprint = this.#app.fingerprint?.(machine);
    if (fingerprint === undefined) return;
    const known = this.#fingerprints.get(count);
    if (known === undefined) {
      this.#fingerprints.set(count, fingerprint);
    } else if (known !== fingerprint) {
      const { index } = at(this.#commands, count - 1);
      throw new AppDefect(
        `the state machines differ after index ${index}: node ${node} has ${fingerprint}, ` +
          `another had ${known}`,
      );
    }
  }
}

/** What a wrapper of `machine` passes on of its digest, if it has one. */
export function digestOf<Query, Answer>(
  machine: StateMachine<Query, Answer>,
): Pick<StateMachine<Query, Answer>, "digest"> {
  return machine.digest === undefined
    ? {}
    : { digest: () => machine.digest?.() ?? new Uint8Array(0) };
}

function raise(error: unknown): never {
  throw error;
}
