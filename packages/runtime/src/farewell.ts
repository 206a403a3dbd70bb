import type { Leadership } from "./leadership.ts";
import type { Clock } from "./ports.ts";

/** What a farewell works with. */
export interface FarewellHost {
  readonly clock: Clock;
  readonly leadership: Pick<Leadership, "handOver">;
  /** How many calls are pending. */
  pendingCount(): number;
}

/**
 * How a leader that is being closed takes its leave: another leads first, then the calls that it has taken
 * are answered, for its own users and for those of other replicas, and no other call is taken meanwhile.
 */
export class Farewell {
  readonly #host: FarewellHost;
  #end: (() => void) | undefined;

  constructor(host: FarewellHost) {
    this.#host = host;
  }

  /** Whether nothing is left but to wait for answers. */
  get isWaiting(): boolean {
    return this.#end !== undefined;
  }

  /** Resolves when it is over, after `timeoutMs` milliseconds at most; undefined if it is not needed. */
  begin(timeoutMs: number): Promise<void> | undefined {
    const { clock, leadership } = this.#host;
    const deadlineAt = clock.now() + timeoutMs;
    return leadership.handOver(timeoutMs)?.then(() => this.#wait(deadlineAt - clock.now()));
  }

  /** Calls may have settled. */
  observe(): void {
    if (this.#end !== undefined && this.#host.pendingCount() === 0) this.#end();
  }

  #wait(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#end = undefined;
        resolve();
      };
      const timer = this.#host.clock.setTimer(Math.max(0, timeoutMs), end);
      this.#end = end;
      this.observe();
    });
  }
}
