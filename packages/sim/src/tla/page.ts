import type { TlaEvent } from "./tla-event.ts";

/** A place in a trace, and what is written there. */
export interface Place {
  /** The event, or undefined for a place that only holds others. */
  readonly event: TlaEvent | undefined;
  /** How many times the event is written. */
  count: number;
  /** What is written right after it. */
  readonly inner: Place[];
}

/** A place for `event`, written `count` times. */
export function newPlace(event: TlaEvent | undefined, count: number): Place {
  return { event, count, inner: [] };
}

/** A trace while it is made. Only at its end is it known which of its places are written, and how often. */
export class Page {
  readonly #places: Place[] = [];

  /** Adds a place at the end. */
  put(place: Place): void {
    this.#places.push(place);
  }

  /** All that is written, in order. */
  *events(): Generator<TlaEvent> {
    for (const place of this.#places) {
      yield* eventsAt(place);
      for (const inner of place.inner) yield* eventsAt(inner);
    }
  }
}

function* eventsAt({ event, count }: Place): Generator<TlaEvent> {
  if (event === undefined) return;
  for (let time = 0; time < count; time++) yield event;
}
