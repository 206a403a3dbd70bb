import { assert, at } from "@quorate/core";

interface Slot<T> {
  readonly time: number;
  /** Which of the slots of one time comes first: one of a lower rank, then the one that was added first. */
  readonly order: number;
  readonly what: T;
}

/** How far the orders of two ranks lie apart: more than is ever added. */
const rankSize = 2 ** 48;

/** What is going to happen, earliest first; at the same time by rank, first added first. A binary heap. */
export class Agenda<T> {
  readonly #heap: Slot<T>[] = [];
  #added = 0;
  #now = 0;

  /** The time of what was taken last. */
  get now(): number {
    return this.#now;
  }

  get count(): number {
    return this.#heap.length;
  }

  /** Lets `what` happen `delay` from now; `delay` is at least 0, and `rank` 0 or a small integer. */
  add(delay: number, what: T, rank = 0): void {
    assert(delay >= 0, "nothing happens in the past");
    const heap = this.#heap;
    const order = rank * rankSize + this.#added++;
    const slot: Slot<T> = { time: this.#now + delay, order, what };
    let offset = heap.length;
    heap.push(slot);
    while (offset > 0) {
      const parent = (offset - 1) >> 1;
      if (!isBefore(slot, at(heap, parent))) break;
      heap[offset] = at(heap, parent);
      offset = parent;
    }
    heap[offset] = slot;
  }

  /** Takes what happens next, and moves the time there. There must be something. */
  take(): T {
    const heap = this.#heap;
    const first = at(heap, 0);
    const moved = heap.pop();
    if (moved !== undefined && heap.length > 0) this.#sink(moved);
    this.#now = first.time;
    return first.what;
  }

  #sink(slot: Slot<T>): void {
    const heap = this.#heap;
    let offset = 0;
    for (;;) {
      let child = 2 * offset + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(at(heap, child + 1), at(heap, child))) child += 1;
      if (!isBefore(at(heap, child), slot)) break;
      heap[offset] = at(heap, child);
      offset = child;
    }
    heap[offset] = slot;
  }
}

function isBefore<T>(a: Slot<T>, b: Slot<T>): boolean {
  return a.time === b.time ? a.order < b.order : a.time < b.time;
}
