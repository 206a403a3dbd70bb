import type { Entry, StateMachine } from "quorate";

/** How many seats each show has. */
export const seatCount = 3;

/** What a buyer is told. */
export const soldOut = 0;
export const sold = 1;

/** Sells the seats of shows. A command is one byte, the show; a query asks how many seats it has left. */
export class BoxOffice implements StateMachine<number, number> {
  readonly #taken = new Map<number, number>();

  apply(entries: readonly Entry[]): readonly Uint8Array[] {
    return entries.map(({ data: [show = 0] }) => {
      const taken = this.#taken.get(show) ?? 0;
      if (taken >= seatCount) return Uint8Array.of(soldOut);
      this.#taken.set(show, taken + 1);
      return Uint8Array.of(sold);
    });
  }

  query(show: number): number {
    return seatCount - (this.#taken.get(show) ?? 0);
  }
}

/**
 * The same, made "faster": it looks once for all commands of a call which shows are sold out. How many
 * commands come in one call differs from replica to replica, and again when a log is replayed. So what
 * it sells depends on something that is not replicated. Tests that buy one seat after the other never
 * notice.
 */
export class HastyBoxOffice implements StateMachine<number, number> {
  readonly #taken = new Map<number, number>();

  apply(entries: readonly Entry[]): readonly Uint8Array[] {
    const full = new Set(
      [...this.#taken].filter(([, taken]) => taken >= seatCount).map(([show]) => show),
    );
    return entries.map(({ data: [show = 0] }) => {
      if (full.has(show)) return Uint8Array.of(soldOut);
      this.#taken.set(show, (this.#taken.get(show) ?? 0) + 1);
      return Uint8Array.of(sold);
    });
  }

  query(show: number): number {
    return seatCount - (this.#taken.get(show) ?? 0);
  }
}
