/**
 * A map from names to values that can be read as it was at one moment while it goes on to change.
 *
 * Taking a view costs nothing. While it is read, a change of what it has not come to yet keeps the old
 * value for it; so it costs at most as much memory as was changed meanwhile, and no pause.
 */
export class ViewableMap<Value extends object> {
  /** In the order of places, which is that of insertion. */
  readonly #entries = new Map<string, Entry<Value>>();
  /** Held weakly: whoever drops a view half read need not say so. */
  readonly #views = new Set<WeakRef<View<Value>>>();
  #nextPlace = 0;

  /** How many names have a value. */
  get size(): number {
    return this.#entries.size;
  }

  /** The value of `name`, if it has one. */
  get(name: string): Value | undefined {
    return this.#entries.get(name)?.value;
  }

  /** Gives `name` this value. */
  set(name: string, value: Value): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      this.#entries.set(name, { place: this.#nextPlace, value });
      this.#nextPlace += 1;
    } else {
      this.#keep(name, entry);
      entry.value = value;
    }
  }

  /** Takes the value of `name` away, if it has one. */
  delete(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#keep(name, entry);
    this.#entries.delete(name);
  }

  /** All names and values as they are now, in any order, to be read once, at any time. */
  view(): IterableIterator<readonly [string, Value]> {
    const view: View<Value> = { end: this.#nextPlace, reached: -1, kept: new Map() };
    const reference = new WeakRef(view);
    this.#views.add(reference);
    return this.#read(view, reference);
  }

  /**
   * The entries in their order, up to the first that came later. A changed one has its old value kept;
   * what remains of those at the end was deleted before it was reached, come back later or not.
   */
  *#read(
    view: View<Value>,
    reference: WeakRef<View<Value>>,
  ): Generator<readonly [string, Value], undefined> {
    try {
      for (const [name, { place, value }] of this.#entries) {
        if (place >= view.end) break;
        view.reached = place;
        const kept = view.kept.get(name);
        view.kept.delete(name);
        yield [name, kept ?? value];
      }
      view.reached = view.end;
      yield* view.kept;
    } finally {
      this.#views.delete(reference);
    }
  }

  /** Keeps the value of `entry`, which is about to change, for every view that will come to it. */
  #keep(name: string, { place, value }: Entry<Value>): void {
    for (const reference of this.#views) {
      const view = reference.deref();
      if (view === undefined) this.#views.delete(reference);
      else if (place > view.reached && place < view.end && !view.kept.has(name)) {
        view.kept.set(name, value);
      }
    }
  }
}

interface Entry<Value> {
  /** Counts insertions: of two entries, the one that was inserted first has the smaller place. */
  readonly place: number;
  value: Value;
}

/** How far a view was read. */
interface View<Value> {
  /** Entries from this place on are newer than the view. */
  readonly end: number;
  /** The place of the entry that was read last. */
  reached: number;
  /** Values that changed before they were read. */
  readonly kept: Map<string, Value>;
}
