import { RaftError } from "@quorate/core";

type State =
  | { readonly kind: "open" }
  | { readonly kind: "failed"; readonly error: RaftError }
  | { readonly kind: "closed" };

/** Whether something that writes to the disk takes work. Failed and closed are final. */
export class Life {
  readonly #noun: string;
  #state: State = { kind: "open" };

  /** A new life of what messages call `noun`. */
  constructor(noun: string) {
    this.#noun = noun;
  }

  get isClosed(): boolean {
    return this.#state.kind === "closed";
  }

  /** Throws `storage_failed` if a write or a sync failed, and `closed` after `close`. */
  check(): void {
    if (this.#state.kind === "failed") throw this.#state.error;
    if (this.#state.kind === "closed") throw this.closed();
  }

  /** Ends it: whatever comes next is told the same as the first that failed. */
  fail(error: unknown, what: string): RaftError {
    if (this.#state.kind === "failed") return this.#state.error;
    const isCoded = error instanceof RaftError && error.code === "storage_failed";
    const failure = isCoded ? error : new RaftError("storage_failed", what, { cause: error });
    if (this.#state.kind === "open") this.#state = { kind: "failed", error: failure };
    return failure;
  }

  /** Ends it as well; again, it does nothing. */
  close(): void {
    this.#state = { kind: "closed" };
  }

  /** What a call is told after `close`. */
  closed(): RaftError {
    return new RaftError("closed", `${this.#noun} is closed`);
  }
}
