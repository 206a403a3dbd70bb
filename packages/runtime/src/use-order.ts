/** What is put in order, and its neighbours there. */
interface Place<Name, Value> {
  readonly name: Name;
  value: Value;
  older: Place<Name, Value> | undefined;
  newer: Place<Name, Value> | undefined;
}

/**
 * Values by name, in the order of their last use. A map is in order, too, but what was taken out of it
 * leaves gaps: to find its first entry takes longer and longer where entries move from the front to the end.
 */
export class UseOrder<Name, Value> {
  readonly #places = new Map<Name, Place<Name, Value>>();
  #oldest: Place<Name, Value> | undefined;
  #newest: Place<Name, Value> | undefined;

  get size(): number {
    return this.#places.size;
  }

  /** The value that was not used for longest. */
  get oldest(): Value | undefined {
    return this.#oldest?.value;
  }

  get(name: Name): Value | undefined {
    return this.#places.get(name)?.value;
  }

  /** Gives `name` this value, which is the most recently used from now on. */
  use(name: Name, value: Value): void {
    const known = this.#places.get(name);
    const place = known ?? { name, value, older: undefined, newer: undefined };
    place.value = value;
    if (known === undefined) this.#places.set(name, place);
    else if (known === this.#newest) return;
    else this.#unlink(known);
    place.older = this.#newest;
    place.newer = undefined;
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.newer = place;
    this.#newest = place;
  }

  delete(name: Name): void {
    const place = this.#places.get(name);
    if (place === undefined) return;
    this.#places.delete(name);
    this.#unlink(place);
  }

  clear(): void {
    this.#places.clear();
    this.#oldest = undefined;
    this.#newest = undefined;
  }

  /** All values, the least recently used first. */
  *values(): Generator<Value, void> {
    for (let place = this.#oldest; place !== undefined; place = place.newer) yield place.value;
  }

  #unlink({ older, newer }: Place<Name, Value>): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}
