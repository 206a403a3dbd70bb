import { RaftError, type LogIndex } from "quorate";
import { keyBytesMax, valueBytesMax } from "./command.ts";

/**
 * The state of the key-value store, as bytes. Snapshots outlive the program that wrote them, so the
 * format only ever grows by a new version number.
 *
 * ```text
 * snapshot := version record* end
 * record   := keyBytes valueBytes modifiedIndex key value
 * end      := 0 count
 *
 * size        field          value
 * 1           version        1
 * 2           keyBytes       1 to 1024; 0 begins the end
 * 4           valueBytes     0 to 1,048,576
 * 8           modifiedIndex  the log index of the put, at least 1
 * keyBytes    key            any bytes; no key twice
 * valueBytes  value          any bytes
 * 2           0
 * 8           count          how many records there are
 * ```
 *
 * Numbers are big-endian; nothing follows the end. Records have no order.
 *
 * Example: `a` = `hi`, put at 7, is `01 0001 00000002 0000000000000007 61 6869 0000 0000000000000001`.
 */
const version = 1;
const headBytes = 14;
const endBytes = 10;

/** How long a chunk grows before it is handed out, in bytes. */
const chunkBytes = 64 * 1024;

/** One key of a snapshot, one character for each byte, and its value. */
export interface KvRecord {
  readonly name: string;
  readonly value: Uint8Array;
  readonly modifiedIndex: LogIndex;
}

/** The bytes of `records` in chunks, made as they are taken. Long values are handed out, not copied. */
export function* encodeSnapshot(records: Iterable<KvRecord>): Generator<Uint8Array, undefined> {
  let chunk = Buffer.allocUnsafe(chunkBytes);
  let used = chunk.writeUInt8(version);
  let count = 0;
  for (const { name, value, modifiedIndex } of records) {
    const isLong = value.length >= chunkBytes / 4;
    const length = headBytes + name.length + (isLong ? 0 : value.length);
    if (used + length > chunkBytes) {
      yield chunk.subarray(0, used);
      chunk = Buffer.allocUnsafe(chunkBytes);
      used = 0;
    }
    used = chunk.writeUInt16BE(name.length, used);
    used = chunk.writeUInt32BE(value.length, used);
    used = chunk.writeBigUInt64BE(BigInt(modifiedIndex), used);
    used += chunk.write(name, used, "latin1");
    count += 1;
    if (isLong) {
      yield chunk.subarray(0, used);
      yield value;
      chunk = Buffer.allocUnsafe(chunkBytes);
      used = 0;
    } else {
      chunk.set(value, used);
      used += value.length;
    }
  }
  yield chunk.subarray(0, used);
  const end = Buffer.alloc(endBytes);
  end.writeBigUInt64BE(BigInt(count), 2);
  yield end;
}

/** Reads a snapshot back from chunks that may be cut anywhere. Holds no more than a record and a chunk. */
export class SnapshotDecoder {
  /** What was not read yet, in order; joined once there is enough of it. */
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  /** How many bytes there must be before anything can be read. */
  #needed = 1;
  #part: "version" | "records" | "over" = "version";
  #count = 0;

  /**
   * The records that `chunk` completes. Their values are copies.
   *
   * Throws `malformed` for what is no snapshot, and `unsupported_version` for one of a later version.
   */
  push(chunk: Uint8Array): KvRecord[] {
    this.#pieces.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return [];
    const bytes = this.#pieces.length === 1 ? asBuffer(chunk) : Buffer.concat(this.#pieces);
    const records: KvRecord[] = [];
    let offset = 0;
    for (;;) {
      const next = this.#readPart(bytes, offset, records);
      if (next === undefined) break;
      offset = next;
    }
    this.#pieces = offset === bytes.length ? [] : [bytes.subarray(offset)];
    this.#bytes = bytes.length - offset;
    return records;
  }

  /** Says that there are no more chunks. Throws `malformed` unless the snapshot is whole. */
  finish(): void {
    if (this.#part !== "over") throw malformed("it is cut short");
  }

  /** Reads what stands at `offset`, and says where it ends; undefined if it is not all there. */
  #readPart(bytes: Buffer, offset: number, records: KvRecord[]): number | undefined {
    const left = bytes.length - offset;
    this.#needed = 1;
    if (left === 0) return undefined;
    switch (this.#part) {
      case "version":
        return this.#readVersion(bytes.readUInt8(offset), offset + 1);
      case "records":
        return this.#readRecord(bytes, offset, records);
      case "over":
        throw malformed("bytes follow its end");
    }
  }

  #readVersion(found: number, next: number): number {
    if (found > version) {
      throw new RaftError(
        "unsupported_version",
        `the snapshot has version ${found}, this program reads version ${version}; upgrade this node`,
      );
    }
    if (found !== version) throw malformed(`its version is ${found}`);
    this.#part = "records";
    return next;
  }

  #readRecord(bytes: Buffer, offset: number, records: KvRecord[]): number | undefined {
    const left = bytes.length - offset;
    if (left < 2) return this.#wait(2);
    const keyBytes = bytes.readUInt16BE(offset);
    if (keyBytes === 0) {
      if (left < endBytes) return this.#wait(endBytes);
      this.#readEnd(bytes.readBigUInt64BE(offset + 2));
      return offset + endBytes;
    }
    if (keyBytes > keyBytesMax) throw malformed(`a key has ${keyBytes} bytes`);
    if (left < headBytes) return this.#wait(headBytes);
    const valueBytes = bytes.readUInt32BE(offset + 2);
    if (valueBytes > valueBytesMax) throw malformed(`a value has ${valueBytes} bytes`);
    const modifiedIndex = Number(bytes.readBigUInt64BE(offset + 6));
    if (modifiedIndex < 1 || !Number.isSafeInteger(modifiedIndex)) {
      throw malformed(`a value was put at index ${modifiedIndex}`);
    }
    const valueOffset = offset + headBytes + keyBytes;
    const next = valueOffset + valueBytes;
    if (next > bytes.length) return this.#wait(next - offset);
    const name = bytes.toString("latin1", offset + headBytes, valueOffset);
    // Copied: a view would keep the whole chunk from being collected.
    const value = new Uint8Array(bytes.subarray(valueOffset, next));
    records.push({ name, value, modifiedIndex });
    this.#count += 1;
    return next;
  }

  #readEnd(count: bigint): void {
    if (count !== BigInt(this.#count)) {
      throw malformed(`it has ${this.#count} records, and says ${count}`);
    }
    this.#part = "over";
  }

  #wait(bytes: number): undefined {
    this.#needed = bytes;
    return undefined;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function malformed(detail: string): RaftError {
  return new RaftError("malformed", `this is no snapshot of a key-value store: ${detail}`);
}
