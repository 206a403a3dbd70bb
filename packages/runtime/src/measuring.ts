import { type Entry, none } from "@quorate/core";
import { isPromiseLike } from "./results.ts";
import { CommitWatch } from "./commit-watch.ts";
import type { Append } from "./disk-queue.ts";
import type { ReplicaObserver } from "./replica-observer.ts";
import type { Clock } from "./ports.ts";
import type { Proposal } from "./proposal.ts";
import { ProposalWatch } from "./proposal-watch.ts";
import type { StateMachine } from "./state-machine.ts";

/** Measures what passes through a replica, for its observer. */
export class Measuring {
  readonly #observer: ReplicaObserver;
  readonly #clock: Clock;
  /** Follows commands; undefined if nobody wants to know. */
  readonly watch: ProposalWatch<Proposal> | undefined;
  readonly #commits: CommitWatch | undefined;

  constructor(observer: ReplicaObserver, clock: Clock) {
    this.#observer = observer;
    this.#clock = clock;
    this.watch =
      observer.onProposal === undefined
        ? undefined
        : new ProposalWatch(clock, (stages) => observer.onProposal?.(stages));
    this.#commits =
      observer.onCommitted === undefined
        ? undefined
        : new CommitWatch(clock, (batch) => observer.onCommitted?.(batch));
  }

  /** The same write, which was just begun, measured. */
  async persist({ entries }: Append, write: Promise<void>): Promise<void> {
    const begin = this.#clock.now();
    this.#commits?.written(entries);
    await write;
    this.watch?.persisted(entries.at(-1)?.index ?? none);
    this.#observer.onPersisted?.({
      entryCount: entries.length,
      bytes: entries.reduce((sum, { data }) => sum + data.length, 0),
      ms: this.#clock.now() - begin,
    });
  }

  /** What the apply queue may do with `stateMachine`, measured. */
  machine<Query, Answer>(
    stateMachine: StateMachine<Query, Answer>,
  ): Pick<StateMachine<Query, Answer>, "apply" | "query" | "snapshots"> {
    return {
      apply: (entries) => this.#apply(stateMachine, entries),
      query: (query) => stateMachine.query(query),
      snapshots: stateMachine.snapshots,
    };
  }

  #apply(
    stateMachine: Pick<StateMachine<never, unknown>, "apply">,
    entries: readonly Entry[],
  ): ReturnType<StateMachine<never, unknown>["apply"]> {
    const begin = this.#clock.now();
    const index = entries.at(-1)?.index ?? none;
    this.watch?.committed(index);
    this.#commits?.committed(index);
    const results = stateMachine.apply(entries);
    const tell = (): void => {
      const ms = this.#clock.now() - begin;
      this.#observer.onApplied?.({ entryCount: entries.length, ms });
    };
    if (!isPromiseLike(results)) {
      tell();
      return results;
    }
    return results.then((given) => {
      tell();
      return given;
    });
  }
}
