import { RaftError } from "@quorate/core";
import { onceKeyBytesMax } from "./session-command.ts";
import type { KeptResult, SessionName, SessionsView, SessionView } from "./session-table.ts";
import { readUint48, uint48Bytes, writeUint48 } from "./uint48.ts";

/**
 * The state of a machine behind `exactlyOnce`, as bytes: first the sessions, then the state of the inner
 * machine. Snapshots outlive the program that wrote them, so the format only ever grows by a new version.
 *
 * ```text
 * state   := magic version tableBytes table inner
 * table   := logTime count session*
 * session := keyBytes name usedAt ttlMs floor count result*
 * result  := sequence index digest commandBytes resultBytes result
 *
 * size         field         value
 * 4            magic         "\x81qst"
 * 1            version       1
 * 6            tableBytes    how long the table is
 * 6            logTime       the greatest stamp of all commands
 * 4            count         how many sessions, or results, follow
 * 1            keyBytes      1 to 64; 0 for a session that has no key, but an index
 * keyBytes, 6  name          the key of a command that is applied once, or where the session was opened
 * 6            usedAt        log time when it was last used
 * 6            ttlMs         how long it is remembered after that
 * 6            floor         commands with a smaller number are forgotten
 * 6            sequence      the number of a command that was applied
 * 6            index         where
 * 4            digest        the CRC-32C of the command
 * 4            commandBytes  how long it was
 * 4            resultBytes   how long its result is
 * resultBytes  result        what the inner machine gave for it
 * the rest     inner         as the inner machine saved it
 * ```
 *
 * Numbers are big-endian. Sessions come in the order of their last use, the least recent first, which is
 * the order in which they are forgotten.
 *
 * Example: a table without sessions, at log time 1, before the state `hi`, is
 * `81717374 01 00000000000a 000000000001 00000000 6869`.
 *
 * What does not begin with the magic was saved by the inner machine before it had sessions: it is all
 * inner state, and the table is empty.
 */
const magic = [0x81, 0x71, 0x73, 0x74] as const;
const version = 1;
const headBytes: number = magic.length + 1 + uint48Bytes;
const countBytes = 4;
/** What a session takes beside its name and its results, and a result beside what the machine gave. */
const sessionBytes: number = 1 + 3 * uint48Bytes + countBytes;
const resultHeadBytes: number = 2 * uint48Bytes + 12;

/** How long a chunk grows before it is handed out, in bytes. */
const chunkBytes = 64 * 1024;

/** The bytes of `view` in chunks, up to where the inner state begins. */
export function* encodeSessions(view: SessionsView): Generator<Uint8Array, undefined> {
  const { logTime, sessions } = view;
  let tableBytes = uint48Bytes + countBytes;
  for (const session of sessions) tableBytes += encodedBytes(session);
  const writer = new Writer();
  writer.reserve(headBytes + uint48Bytes + countBytes);
  for (const byte of magic) writer.uint8(byte);
  writer.uint8(version);
  writer.uint48(tableBytes);
  writer.uint48(logTime);
  writer.uint32(sessions.length);
  for (const session of sessions) {
    yield* writer.reserve(sessionBytes + onceKeyBytesMax);
    writeSession(writer, session);
    for (const [sequence, kept] of session.results) {
      yield* writer.reserve(resultHeadBytes + kept.result.length);
      writeResult(writer, sequence, kept);
    }
  }
  yield* writer.reserve(chunkBytes);
}

function encodedBytes({ name, results }: SessionView): number {
  let bytes = sessionBytes + (typeof name === "string" ? name.length : uint48Bytes);
  for (const { result } of results.values()) bytes += resultHeadBytes + result.length;
  return bytes;
}

function writeSession(writer: Writer, session: SessionView): void {
  const { name, usedAt, ttlMs, floor, results } = session;
  if (typeof name === "string") {
    writer.uint8(name.length);
    for (let place = 0; place < name.length; place++) writer.uint8(name.charCodeAt(place));
  } else {
    writer.uint8(0);
    writer.uint48(name);
  }
  writer.uint48(usedAt);
  writer.uint48(ttlMs);
  writer.uint48(floor);
  writer.uint32(results.size);
}

function writeResult(writer: Writer, sequence: number, kept: KeptResult): void {
  const { index, digest, commandBytes, result } = kept;
  writer.uint48(sequence);
  writer.uint48(index);
  writer.uint32(digest);
  writer.uint32(commandBytes);
  writer.uint32(result.length);
  writer.bytes(result);
}

/** Writes into chunks, each of which has room for what was reserved. */
class Writer {
  #chunk = new Uint8Array(chunkBytes);
  #view = new DataView(this.#chunk.buffer);
  #used = 0;

  /** Makes room for `bytes`. The chunk that had too little of it, if there is one, is handed out. */
  reserve(bytes: number): readonly Uint8Array[] {
    if (this.#used + bytes <= this.#chunk.length) return [];
    const full = this.#chunk.subarray(0, this.#used);
    this.#chunk = new Uint8Array(Math.max(chunkBytes, bytes));
    this.#view = new DataView(this.#chunk.buffer);
    this.#used = 0;
    return full.length === 0 ? [] : [full];
  }

  uint8(value: number): void {
    this.#view.setUint8(this.#used++, value);
  }

  uint32(value: number): void {
    this.#view.setUint32(this.#used, value);
    this.#used += 4;
  }

  uint48(value: number): void {
    this.#used = writeUint48(this.#view, this.#used, value);
  }

  bytes(value: Uint8Array): void {
    this.#chunk.set(value, this.#used);
    this.#used += value.length;
  }
}

/** What was read of a saved state: the sessions, and of the inner state what came with their last chunk. */
export interface ReadSessions {
  readonly view: SessionsView;
  readonly left: Uint8Array;
}

/**
 * Reads the sessions from the beginning of a saved state, and no more of `chunks` than they take. Rejects
 * with `malformed` for what is no such state, and with `unsupported_version` for one of a later version.
 */
export async function readSessions(chunks: AsyncIterator<Uint8Array>): Promise<ReadSessions> {
  const pieces = new Pieces(chunks);
  const head = await pieces.peek(headBytes);
  if (!magic.every((byte, place) => head[place] === byte)) {
    return { view: { logTime: 0, sessions: [] }, left: await pieces.peek(0) };
  }
  if (head.length < headBytes) throw malformed("it is cut short");
  const found = head[magic.length] ?? 0;
  if (found !== version) {
    const what = `the sessions have version ${found}, this program reads version ${version}`;
    throw new RaftError("unsupported_version", `${what}; upgrade this node`);
  }
  const tableBytes = readUint48(viewOf(head), magic.length + 1);
  const end = headBytes + tableBytes;
  const bytes = await pieces.peek(end);
  if (bytes.length < end) throw malformed("it is cut short");
  const view = new TableReader(bytes.subarray(headBytes, end)).read();
  return { view, left: bytes.subarray(end) };
}

/** Collects chunks until there is enough of them. */
class Pieces {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(chunks: AsyncIterator<Uint8Array>) {
    this.#chunks = chunks;
  }

  /** All that was read so far, which is `bytes` long at least, unless there is no more. */
  async peek(bytes: number): Promise<Uint8Array> {
    while (this.#bytes < bytes) {
      const next = await this.#chunks.next();
      if (next.done === true) break;
      this.#pieces.push(next.value);
      this.#bytes += next.value.length;
    }
    const [first] = this.#pieces;
    if (this.#pieces.length === 1 && first !== undefined) return first;
    const joined = new Uint8Array(this.#bytes);
    let offset = 0;
    for (const piece of this.#pieces) {
      joined.set(piece, offset);
      offset += piece.length;
    }
    this.#pieces = [joined];
    return joined;
  }
}

/** Reads a whole table. */
class TableReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  read(): SessionsView {
    const logTime = this.#uint48();
    const count = this.#uint32();
    const sessions = new Map<SessionName, SessionView>();
    for (let place = 0; place < count; place++) {
      const session = this.#session();
      if (sessions.has(session.name)) throw malformed("a session is there twice");
      sessions.set(session.name, session);
    }
    if (this.#offset < this.#bytes.length) throw malformed("bytes follow the last session");
    return { logTime, sessions: [...sessions.values()] };
  }

  #session(): SessionView {
    const keyBytes = this.#uint8();
    if (keyBytes > onceKeyBytesMax) throw malformed(`a key has ${keyBytes} bytes`);
    const name = keyBytes === 0 ? this.#uint48() : String.fromCharCode(...this.#slice(keyBytes));
    const [usedAt, ttlMs, floor] = [this.#uint48(), this.#uint48(), this.#uint48()];
    const count = this.#uint32();
    const results = new Map<number, KeptResult>();
    for (let place = 0; place < count; place++) {
      const sequence = this.#uint48();
      if (results.has(sequence)) throw malformed(`a session has the number ${sequence} twice`);
      results.set(sequence, this.#result());
    }
    return { name, usedAt, ttlMs, floor, results };
  }

  #result(): KeptResult {
    const index = this.#uint48();
    const [digest, commandBytes, resultBytes] = [this.#uint32(), this.#uint32(), this.#uint32()];
    // Copied: a view would keep the whole table from being collected.
    return { index, digest, commandBytes, result: this.#slice(resultBytes).slice() };
  }

  #uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  #uint32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  #uint48(): number {
    return readUint48(this.#view, this.#take(uint48Bytes));
  }

  #slice(bytes: number): Uint8Array {
    const start = this.#take(bytes);
    return this.#bytes.subarray(start, start + bytes);
  }

  /** Where the next `bytes` begin. */
  #take(bytes: number): number {
    const start = this.#offset;
    if (start + bytes > this.#bytes.length) throw malformed("the table is cut short");
    this.#offset += bytes;
    return start;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function malformed(detail: string): RaftError {
  return new RaftError("malformed", `these are no saved sessions: ${detail}`);
}
