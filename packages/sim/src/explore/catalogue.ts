import { at, type NodeId } from "@quorate/core";
import { hashText } from "./text-hash.ts";

/** Every way to rename the nodes 1 to `count`: the name of node i is at offset i - 1. */
export function renamings(count: number): readonly (readonly NodeId[])[] {
  let all: NodeId[][] = [[]];
  for (let id = 1; id <= count; id++) {
    all = all.flatMap((names) =>
      Array.from({ length: id }, (_, place) => names.toSpliced(place, 0, id)),
    );
  }
  // Who keeps its name comes first.
  return all.toSorted((a, b) => (a.join() < b.join() ? -1 : 1));
}

/** Says all of an item as one line, with every node called what `nameOf` says. */
export type Describe<T> = (item: T, nameOf: (id: NodeId) => NodeId) => string;

/**
 * Parts of which states are made, each kept once under a small number, with its hash under every
 * renaming of the nodes. A state is then a handful of numbers, and its hash a handful of sums.
 */
export class Catalogue<T> {
  readonly #describe: Describe<T>;
  readonly #nameOfs: readonly ((id: NodeId) => NodeId)[];
  readonly #ids = new Map<string, number>();
  readonly #items: T[] = [];
  /** The low and high half of the hash of item i under renaming r are at `2 * (i * renamings + r)`. */
  #hashes = new Int32Array(1024);

  constructor(names: readonly (readonly NodeId[])[], describe: Describe<T>) {
    this.#describe = describe;
    this.#nameOfs = names.map((own) => (id: NodeId) => at(own, id - 1));
  }

  get count(): number {
    return this.#items.length;
  }

  /** The halves of all hashes; read only, and only until the next item is added. */
  get hashes(): Int32Array {
    return this.#hashes;
  }

  /** The number of `item`, or of the one that equals it. */
  idOf(item: T): number {
    const own = this.#nameOfs[0];
    const text = this.#describe(item, own ?? ((id) => id));
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#items.length;
    this.#ids.set(text, id);
    this.#items.push(item);
    const end = 2 * (id + 1) * this.#nameOfs.length;
    if (end > this.#hashes.length) this.#grow();
    for (const [offset, nameOf] of this.#nameOfs.entries()) {
      const { low, high } = hashText(offset === 0 ? text : this.#describe(item, nameOf));
      this.#hashes[2 * (id * this.#nameOfs.length + offset)] = low;
      this.#hashes[2 * (id * this.#nameOfs.length + offset) + 1] = high;
    }
    return id;
  }

  /** The item of number `id`. */
  at(id: number): T {
    return at(this.#items, id);
  }

  #grow(): void {
    const grown = new Int32Array(2 * this.#hashes.length);
    grown.set(this.#hashes);
    this.#hashes = grown;
  }
}
