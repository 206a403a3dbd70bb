import type { LogIndex } from "quorate";
import type { KvRecord } from "./kv-snapshot.ts";

/** Two hashes of one record, of 32 bits each, as signed integers. */
export interface RecordHash {
  readonly first: number;
  readonly second: number;
}

/** How long a digest is, in bytes: how many records there are, and the two sums. */
const digestBytes = 16;

/**
 * A digest of a set of records that is kept up to date as they come and go: how many there are, and the sums
 * of their hashes, which are the same in any order. It tells states that came to differ by accident, not
 * those that somebody made to look alike.
 *
 * What it gives for a set of records is compared between nodes of different versions, so it never changes.
 */
export class RecordDigest {
  #count = 0;
  #first = 0;
  #second = 0;

  /** A record was added. */
  add({ first, second }: RecordHash): void {
    this.#count += 1;
    this.#first = (this.#first + first) | 0;
    this.#second = (this.#second + second) | 0;
  }

  /** A record that had been added was taken away. */
  remove({ first, second }: RecordHash): void {
    this.#count -= 1;
    this.#first = (this.#first - first) | 0;
    this.#second = (this.#second - second) | 0;
  }

  /** The digest as of now, big-endian. */
  bytes(): Uint8Array {
    const bytes = Buffer.alloc(digestBytes);
    bytes.writeBigUInt64BE(BigInt(this.#count), 0);
    bytes.writeInt32BE(this.#first, 8);
    bytes.writeInt32BE(this.#second, 12);
    return bytes;
  }
}

/** A value with the hashes of the record that it is part of: taking it away then costs next to nothing. */
export class HashedValue implements RecordHash {
  readonly value: Uint8Array;
  readonly modifiedIndex: LogIndex;
  readonly first: number;
  readonly second: number;

  constructor({ name, value, modifiedIndex }: KvRecord) {
    this.value = value;
    this.modifiedIndex = modifiedIndex;
    const hash = new RunningHash();
    hash.addName(name);
    hash.addBytes(value);
    hash.add(name.length);
    hash.add(value.length);
    hash.add(modifiedIndex % 2 ** 32);
    hash.add(Math.floor(modifiedIndex / 2 ** 32));
    this.first = spread(hash.first);
    this.second = spread(hash.second);
  }
}

/**
 * Two hashes of a row of 32-bit words. Each step can be undone if the word is known, so rows that differ in
 * one word never have the same hash. A sum of hashes must not be a hash of sums: hence the shifts and turns.
 */
class RunningHash {
  first = 0x243f6a88;
  second = 0x13198a2e;

  add(word: number): void {
    const mixed = Math.imul(this.first ^ word, 0x9e3779b1);
    this.first = mixed ^ (mixed >>> 15);
    const turned = (this.second << 13) | (this.second >>> 19);
    this.second = Math.imul(turned + word, 0x85ebca6b);
  }

  /** One character for each byte. What is left of the last word is zeros: lengths are added apart. */
  addName(name: string): void {
    for (let offset = 0; offset < name.length; offset += 4) {
      let word = 0;
      const end = Math.min(offset + 4, name.length);
      for (let at = offset; at < end; at++) word = (word << 8) | name.charCodeAt(at);
      this.add(word);
    }
  }

  addBytes(bytes: Uint8Array): void {
    const whole = bytes.length & ~3;
    for (let at = 0; at < whole; at += 4) {
      const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16);
      this.add(high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0));
    }
    let word = 0;
    for (let at = whole; at < bytes.length; at++) word = (word << 8) | (bytes[at] ?? 0);
    if (whole < bytes.length) this.add(word);
  }
}

/** Lets every bit of `hash` depend on every other. */
function spread(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
