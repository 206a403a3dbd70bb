import { type Entry, newEntry, RaftError } from "@quorate/core";
import { crc32c } from "@quorate/wire";
import { isPromiseLike, isResults } from "./results.ts";
import {
  type CommandOfSession,
  type CommandOnce,
  decodeSessionCommand,
} from "./session-command.ts";
import { encodeSessionResult, innerResultOf, type SessionResult } from "./session-result.ts";
import { encodeSessions, readSessions } from "./session-snapshot.ts";
import { SessionTable } from "./session-table.ts";
import type { MemorySnapshots, StateMachine } from "./state-machine.ts";

/**
 * A state machine like `inner` whose commands may belong to a session (thesis §6.3). A command of a session
 * that is in the log more than once, because its proposer could not know what became of it, is applied
 * the first time; every later one gives the first result. `openSession` proposes such commands.
 *
 * The sessions are part of the replicated state, and of its snapshots. Plain commands go to `inner` as
 * they are, so a log and a snapshot of `inner` alone go on to be read, as long as no plain command begins
 * with a byte of 0x80 or more: those must be encoded as `plain`.
 *
 * How long a session is remembered follows from the log alone: from the time of day that proposers stamp
 * their commands with, and from limits that are the same everywhere. A clock that is wrong lets sessions
 * expire too early or too late, and nothing worse: a command of a session that is not known is not applied.
 *
 * Throws `invalid_options` if `inner` is durable by itself: its sessions must be in the transaction that
 * makes a command durable, so it has to keep a `SessionTable` of its own.
 */
export function exactlyOnce<Query, Answer>(
  inner: StateMachine<Query, Answer>,
): StateMachine<Query, Answer> {
  const { snapshots } = inner;
  if (snapshots?.kind === "durable") {
    throw new RaftError(
      "invalid_options",
      "a state machine that is durable by itself must keep its sessions by itself",
    );
  }
  return new ExactlyOnce(inner, snapshots);
}

/** Results of the inner machine, at hand or to come. */
type Given = readonly Uint8Array[] | Promise<readonly Uint8Array[]>;

class ExactlyOnce<Query, Answer> implements StateMachine<Query, Answer> {
  readonly snapshots: MemorySnapshots | undefined;
  /** There if that of the inner machine is. */
  digest?: () => Uint8Array | Promise<Uint8Array>;
  readonly #inner: StateMachine<Query, Answer>;
  readonly #table = new SessionTable();

  constructor(inner: StateMachine<Query, Answer>, snapshots: MemorySnapshots | undefined) {
    this.#inner = inner;
    this.snapshots = snapshots === undefined ? undefined : this.#with(snapshots);
    if (inner.digest !== undefined) this.digest = () => this.#digest(inner.digest?.() ?? nothing);
  }

  apply(entries: readonly Entry[]): Given {
    const steps = this.#steps(entries);
    for (let step = steps.next(); ;) {
      if (step.done === true) return step.value;
      const given = step.value;
      if (isPromiseLike(given)) return finish(steps, given);
      step = steps.next(given);
    }
  }

  query(query: Query): Answer | Promise<Answer> {
    return this.#inner.query(query);
  }

  /**
   * That of the inner machine, and what the sessions come to: log time, how many there are, and how many
   * bytes they keep. What a session keeps in detail it does not tell.
   */
  #digest(inner: Uint8Array | Promise<Uint8Array>): Uint8Array | Promise<Uint8Array> {
    if (isPromiseLike(inner)) return inner.then((given) => this.#digest(given));
    const sum = new DataView(new ArrayBuffer(digestSumBytes));
    sum.setUint32(0, crc32c(this.#table.summary(), crc32c(inner)));
    const digest = new Uint8Array(Math.min(inner.length, innerDigestBytesMax) + digestSumBytes);
    digest.set(inner.subarray(0, innerDigestBytesMax));
    digest.set(new Uint8Array(sum.buffer), digest.length - digestSumBytes);
    return digest;
  }

  #with(inner: MemorySnapshots): MemorySnapshots {
    return {
      kind: "memory",
      save: () => {
        // Both views are taken now, together.
        const sessions = encodeSessions(this.#table.view());
        return chained(sessions, inner.save());
      },
      restore: async (chunks) => {
        const source = chunks[Symbol.asyncIterator]();
        try {
          const { view, left } = await readSessions(source);
          this.#table.restore(view);
          await inner.restore(rest(left, source));
        } finally {
          await source.return?.();
        }
      },
    };
  }

  /**
   * Hands out what the inner machine gives, and is given the results. Plain commands that stand together go
   * to it together; those of sessions one by one, since what is forgotten depends on how long the results
   * before were, and must not depend on how the log is cut into batches.
   */
  *#steps(
    entries: readonly Entry[],
  ): Generator<Given, readonly Uint8Array[], readonly Uint8Array[]> {
    const results: Uint8Array[] = [];
    let plain: Entry[] = [];
    for (const entry of entries) {
      const command = decodeSessionCommand(entry.data);
      if (command.kind === "plain") {
        plain.push(command.command === entry.data ? entry : withData(entry, command.command));
        continue;
      }
      if (plain.length > 0) {
        const given = checked(yield this.#inner.apply(plain), plain.length);
        for (const result of given) results.push(result);
        plain = [];
      }
      switch (command.kind) {
        case "open":
          this.#table.open(entry.index, command.stamp, command.ttlMs);
          results.push(done);
          break;
        case "close":
          this.#table.close(command.session, command.stamp);
          results.push(done);
          break;
        case "command":
        case "once":
          results.push(yield* this.#once(entry, command));
          break;
        case "malformed":
          results.push(encodeSessionResult({ kind: "malformed" }));
          break;
        case "unsupported":
          throw new RaftError(
            "unsupported_version",
            `the entry at ${entry.index} has a command of version ${command.version}; upgrade this node`,
          );
      }
    }
    if (plain.length === 0) return results;
    const given = checked(yield this.#inner.apply(plain), plain.length);
    return results.length === 0 ? given : [...results, ...given];
  }

  /** Applies a command unless it was applied before. Returns its result. */
  *#once(
    entry: Entry,
    command: CommandOfSession | CommandOnce,
  ): Generator<Given, Uint8Array, readonly Uint8Array[]> {
    const admission = this.#table.admit(command);
    if (admission.kind === "answer") return encodeSessionResult(admission.result);
    const given = yield this.#inner.apply([withData(entry, command.command)]);
    const [result = nothing] = checked(given, 1);
    const bytes = encodeSessionResult({ kind: "applied", result });
    this.#table.keep(command, entry.index, innerResultOf(bytes));
    return bytes;
  }
}

const nothing = new Uint8Array(0);
/** A digest has 64 bytes at most, of which the last tell of the sessions, and of all of the inner one. */
const digestSumBytes = 4;
const innerDigestBytesMax = 60;
const done: Uint8Array = encodeSessionResult({ kind: "done" } satisfies SessionResult);

/** Goes on with `steps` once the inner machine has given what it is asked for. */
async function finish(
  steps: Generator<Given, readonly Uint8Array[], readonly Uint8Array[]>,
  first: PromiseLike<readonly Uint8Array[]>,
): Promise<readonly Uint8Array[]> {
  let step = steps.next(await first);
  while (step.done !== true) step = steps.next(await step.value);
  return step.value;
}

function withData({ term, index, kind }: Entry, data: Uint8Array): Entry {
  return newEntry({ term, index }, kind, data);
}

/** The results, if they are what a state machine must give. */
function checked(given: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  if (isResults(given, count)) return given;
  throw new TypeError(`apply must return ${count} results, one per entry, each a Uint8Array`);
}

async function* chained(
  first: Iterable<Uint8Array>,
  second: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  yield* first;
  yield* second;
}

/** What is left of a chunk that was begun, and all that follow. */
async function* rest(
  left: Uint8Array,
  source: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  if (left.length > 0) yield left;
  for (;;) {
    const next = await source.next();
    if (next.done === true) return;
    yield next.value;
  }
}
