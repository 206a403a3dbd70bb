import type { Entry } from "@quorate/core";
import type { StateMachine } from "@quorate/runtime";

/** How many seats each show has. */
const seatCount = 3;

/** What a buyer is told. */
const soldOut = 0;
const sold = 1;

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

/** The same with a defect: what it sells depends on how many commands come in one call. */
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
