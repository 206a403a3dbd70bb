import { assert, type LogIndex } from "@quorate/core";
import { crc32c } from "@quorate/wire";
import type { CommandOfSession, CommandOnce } from "./session-command.ts";
import type { SessionResult } from "./session-result.ts";
import { UseOrder } from "./use-order.ts";

// Limits that every replica must keep alike, since what they forget is part of the replicated state. So
// they belong to the format, and are no options.

/** How many sessions are known at once, keys among them. Beyond it the least recently used is forgotten. */
export const sessionCountMax = 65_536;

/** How many results of one session are kept. One more, and the one with the least number is forgotten. */
export const sessionResultCountMax = 1024;

/** How many bytes the kept results of one session take; beyond it the ones with the least numbers go. */
export const sessionResultBytesMax: number = 1024 * 1024;

/** How many bytes all kept results take; beyond it the least recently used session is forgotten. */
export const resultBytesMax: number = 64 * 1024 * 1024;

/** What a kept result counts for beyond its own bytes. */
export const resultOverheadBytes = 128;

/** Names a session: the index at which it was opened, or the key of a command that is applied once. */
export type SessionName = LogIndex | string;

/** The first result of a command. */
export interface KeptResult {
  /** Where the command was applied. */
  readonly index: LogIndex;
  /** Tells the command from another one, with its length. */
  readonly digest: number;
  readonly commandBytes: number;
  readonly result: Uint8Array;
}

/** One session, as of some moment. */
export interface SessionView {
  readonly name: SessionName;
  readonly ttlMs: number;
  /** Log time when it was last used. */
  readonly usedAt: number;
  /** Commands with a smaller number are forgotten: they are not applied, whether they were or not. */
  readonly floor: number;
  readonly results: ReadonlyMap<number, KeptResult>;
}

/** All sessions as of some moment, the least recently used first. */
export interface SessionsView {
  /** The greatest stamp of all commands so far. */
  readonly logTime: number;
  readonly sessions: readonly SessionView[];
}

interface Session extends SessionView {
  usedAt: number;
  floor: number;
  readonly results: Map<number, KeptResult>;
  /** What its results count for. */
  bytes: number;
  /** How many views had been taken when this copy was made: later ones do not hold it. */
  readonly viewCount: number;
}

/** What is to be done with a command. */
export type SessionAdmission =
  /** Apply it, and then tell `keep`. */
  | { readonly kind: "apply" }
  /** Answer this, and apply nothing. */
  | { readonly kind: "answer"; readonly result: SessionResult };

/**
 * The sessions of a replicated state (thesis §6.3): which of their commands were applied, and what these
 * gave. All that it decides follows from the commands, in the order of the log, and from nothing else:
 * tables that were given the same ones are equal.
 *
 * Time is log time, the greatest stamp of all commands so far. A session expires once log time is past its
 * last use by more than its `ttlMs`, so it takes a later command to let it expire.
 */
export class SessionTable {
  readonly #sessions = new UseOrder<SessionName, Session>();
  #logTime = 0;
  #bytes = 0;
  #viewCount = 0;

  /** How many sessions are known. */
  get size(): number {
    return this.#sessions.size;
  }

  /** What all kept results count for. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Log time, how many sessions there are, and what they keep, as bytes that equal tables have in common. */
  summary(): Uint8Array {
    const view = new DataView(new ArrayBuffer(24));
    view.setFloat64(0, this.#logTime);
    view.setFloat64(8, this.size);
    view.setFloat64(16, this.#bytes);
    return new Uint8Array(view.buffer);
  }

  /** Opens a session by a command at `index`, which names it from then on. */
  open(index: LogIndex, stamp: number, ttlMs: number): void {
    this.#advance(stamp);
    this.#add(index, ttlMs);
  }

  /** Forgets a session, if it is known. */
  close(session: LogIndex, stamp: number): void {
    this.#advance(stamp);
    this.#forget(session);
  }

  /** Decides whether a command of a session is to be applied. */
  admit(command: CommandOfSession | CommandOnce): SessionAdmission {
    this.#advance(command.stamp);
    const session = this.#use(command);
    if (session === undefined) return expired;
    const { sequence, floor } = placeOf(command);
    raiseFloor(session, floor, (bytes) => this.#release(session, bytes));
    if (sequence < session.floor) return expired;
    const kept = session.results.get(sequence);
    if (kept === undefined) return { kind: "apply" };
    const { index, result } = kept;
    const isSame =
      kept.commandBytes === command.command.length && kept.digest === crc32c(command.command);
    return {
      kind: "answer",
      result: isSame ? { kind: "replayed", index, result } : { kind: "reused" },
    };
  }

  /** Keeps what a command gave that was let in just before, and was applied at `index`. */
  keep(command: CommandOfSession | CommandOnce, index: LogIndex, result: Uint8Array): void {
    const session = this.#sessions.get(nameOf(command));
    assert(session !== undefined, "nothing is forgotten between a command and its result");
    const commandBytes = command.command.length;
    const kept = { index, digest: crc32c(command.command), commandBytes, result };
    session.results.set(placeOf(command).sequence, kept);
    this.#release(session, -sizeOf(kept));
    this.#limit(session);
  }

  /** All sessions as they are now. Costs little: they are copied only when they change after it. */
  view(): SessionsView {
    this.#viewCount += 1;
    return { logTime: this.#logTime, sessions: [...this.#sessions.values()] };
  }

  /** Makes the table what it was when `view` was taken. */
  restore({ logTime, sessions }: SessionsView): void {
    this.#logTime = logTime;
    this.#sessions.clear();
    this.#bytes = 0;
    for (const view of sessions) {
      let bytes = 0;
      for (const kept of view.results.values()) bytes += sizeOf(kept);
      const results = new Map(view.results);
      this.#sessions.use(view.name, { ...view, results, bytes, viewCount: this.#viewCount });
      this.#bytes += bytes;
    }
  }

  /** Sets log time ahead, if `stamp` is, and forgets sessions that expired by it. */
  #advance(stamp: number): void {
    if (stamp > this.#logTime) this.#logTime = stamp;
    // One behind the oldest may have expired, too: it is forgotten when it is asked for, or comes first.
    let { oldest } = this.#sessions;
    while (oldest !== undefined && this.#isExpired(oldest)) {
      this.#forget(oldest.name);
      ({ oldest } = this.#sessions);
    }
  }

  #isExpired({ usedAt, ttlMs }: Session): boolean {
    return usedAt + ttlMs < this.#logTime;
  }

  /** The session of `command`, to be changed, and now the most recently used; undefined if there is none. */
  #use(command: CommandOfSession | CommandOnce): Session | undefined {
    const name = nameOf(command);
    const found = this.#sessions.get(name);
    if (found === undefined || this.#isExpired(found)) {
      this.#forget(name);
      return command.kind === "once" ? this.#add(name, command.ttlMs) : undefined;
    }
    const isOwn = found.viewCount === this.#viewCount;
    const session = isOwn
      ? found
      : { ...found, results: new Map(found.results), viewCount: this.#viewCount };
    session.usedAt = this.#logTime;
    this.#sessions.use(name, session);
    return session;
  }

  #add(name: SessionName, ttlMs: number): Session {
    const results = new Map<number, KeptResult>();
    const usedAt = this.#logTime;
    const session = {
      name,
      ttlMs,
      usedAt,
      floor: 1,
      results,
      bytes: 0,
      viewCount: this.#viewCount,
    };
    this.#sessions.use(name, session);
    if (this.#sessions.size > sessionCountMax) this.#forgetOldest();
    return session;
  }

  /** Forgets what is over the limits, now that `session`, the most recently used, has one more result. */
  #limit(session: Session): void {
    const { results } = session;
    while (results.size > sessionResultCountMax || session.bytes > sessionResultBytesMax) {
      const floor = least(results.keys()) + 1;
      raiseFloor(session, floor, (bytes) => this.#release(session, bytes));
    }
    while (this.#bytes > resultBytesMax) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const { oldest } = this.#sessions;
    if (oldest !== undefined) this.#forget(oldest.name);
  }

  #forget(name: SessionName): void {
    this.#bytes -= this.#sessions.get(name)?.bytes ?? 0;
    this.#sessions.delete(name);
  }

  #release(session: Session, bytes: number): void {
    session.bytes -= bytes;
    this.#bytes -= bytes;
  }
}

const expired: SessionAdmission = { kind: "answer", result: { kind: "expired" } };

/** Forgets the results below `floor`, and tells what they counted for. */
function raiseFloor(session: Session, floor: number, release: (bytes: number) => void): void {
  const { results } = session;
  if (floor <= session.floor) return;
  session.floor = floor;
  for (const [sequence, kept] of results) {
    if (sequence >= floor) continue;
    results.delete(sequence);
    release(sizeOf(kept));
  }
}

function least(numbers: Iterable<number>): number {
  let smallest = Number.POSITIVE_INFINITY;
  for (const number of numbers) if (number < smallest) smallest = number;
  return smallest;
}

function sizeOf({ result }: KeptResult): number {
  return result.length + resultOverheadBytes;
}

/** The number and the floor of a command; one that is applied once is the only one of its session. */
function placeOf(command: CommandOfSession | CommandOnce): {
  readonly sequence: number;
  readonly floor: number;
} {
  return command.kind === "once" ? { sequence: 1, floor: 1 } : command;
}

/** One character for each byte of a key, since equal arrays are not equal keys of a map. */
function nameOf(command: CommandOfSession | CommandOnce): SessionName {
  return command.kind === "once" ? String.fromCharCode(...command.key) : command.session;
}
