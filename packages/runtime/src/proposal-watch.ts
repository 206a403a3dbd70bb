import type { LogIndex } from "@quorate/core";
import type { ProposalStages } from "./replica-observer.ts";
import type { Clock } from "./ports.ts";

/** Follows one command at a time through its stages. `Key` is what the command is known by. */
export class ProposalWatch<Key> {
  readonly #clock: Clock;
  readonly #tell: (stages: ProposalStages) => void;
  #key: Key | undefined;
  #index: LogIndex = Number.POSITIVE_INFINITY;
  #acceptedAt = 0;
  #proposedAt = 0;
  #persistedAt = 0;
  #committedAt = 0;

  constructor(clock: Clock, tell: (stages: ProposalStages) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** A command came: it is followed, unless another is. */
  accepted(key: Key): void {
    if (this.#key !== undefined) return;
    this.#key = key;
    this.#acceptedAt = this.#clock.now();
    this.#persistedAt = 0;
    this.#committedAt = 0;
  }

  /** The core took a command, as the entry at `index`. */
  proposed(key: Key, index: LogIndex): void {
    if (key !== this.#key) return;
    this.#index = index;
    this.#proposedAt = this.#clock.now();
  }

  /** Everything up to `index` is durable. */
  persisted(index: LogIndex): void {
    if (index >= this.#index && this.#persistedAt === 0) this.#persistedAt = this.#clock.now();
  }

  /** The state machine is given everything up to `index`. */
  committed(index: LogIndex): void {
    if (index >= this.#index && this.#committedAt === 0) this.#committedAt = this.#clock.now();
  }

  /** A command was answered, or given up. What did not go all the way is not told. */
  settled(key: Key, isApplied: boolean): void {
    if (key !== this.#key) return;
    const isWhole = isApplied && this.#persistedAt > 0 && this.#committedAt > 0;
    this.#key = undefined;
    this.#index = Number.POSITIVE_INFINITY;
    if (!isWhole) return;
    const durableAt = Math.min(this.#persistedAt, this.#committedAt);
    this.#tell({
      queuedMs: this.#proposedAt - this.#acceptedAt,
      persistedMs: durableAt - this.#proposedAt,
      committedMs: this.#committedAt - durableAt,
      appliedMs: this.#clock.now() - this.#committedAt,
    });
  }
}
