import { type Entry, newEntry } from "@quorate/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { exactlyOnce } from "./exactly-once.ts";
import { encodeSessionCommand, type SessionCommand } from "./session-command.ts";
import { decodeSessionResult } from "./session-result.ts";
import { resultBytesMax, sessionResultBytesMax } from "./session-table.ts";
import type { StateMachine } from "./state-machine.ts";

/** Remembers every command, as text. The result is the command, so often as its first byte says. */
class Notes implements StateMachine<null, readonly string[]> {
  commands: string[] = [];
  readonly batches: number[] = [];
  readonly isSlow: boolean;
  readonly snapshots = {
    kind: "memory" as const,
    save: () => [new TextEncoder().encode(this.commands.join(" "))],
    restore: async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      let text = "";
      for await (const chunk of chunks) text += new TextDecoder().decode(chunk);
      this.commands = text === "" ? [] : text.split(" ");
    },
  };

  constructor(isSlow = false) {
    this.isSlow = isSlow;
  }

  apply(entries: readonly Entry[]): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    this.batches.push(entries.length);
    const results = entries.map(({ data, index }) => {
      this.commands.push(`${index}:${[...data].join(",")}`);
      return data.slice();
    });
    return this.isSlow ? Promise.resolve(results) : results;
  }

  query(): readonly string[] {
    return this.commands;
  }

  digest(): Uint8Array | Promise<Uint8Array> {
    const digest = new TextEncoder().encode(this.commands.join(" ").padStart(64, "-"));
    return this.isSlow ? Promise.resolve(digest.slice(-64)) : digest.slice(-64);
  }
}

function entriesOf(commands: readonly SessionCommand[], from = 1): Entry[] {
  return commands.map((command, offset) =>
    newEntry({ term: 1, index: from + offset }, "command", encodeSessionCommand(command)),
  );
}

function saved(machine: StateMachine<null, readonly string[]>): AsyncIterable<Uint8Array> {
  const { snapshots } = machine;
  if (snapshots?.kind !== "memory") return expect.unreachable();
  const chunks = snapshots.save();
  return (async function* () {
    yield* chunks;
  })();
}

async function collected(chunks: AsyncIterable<Uint8Array>): Promise<number[]> {
  const bytes: number[] = [];
  for await (const chunk of chunks) bytes.push(...chunk);
  return bytes;
}

async function restored(
  chunks: AsyncIterable<Uint8Array>,
  into: StateMachine<null, readonly string[]> = exactlyOnce(new Notes()),
): Promise<StateMachine<null, readonly string[]>> {
  const { snapshots } = into;
  if (snapshots?.kind !== "memory") return expect.unreachable();
  await snapshots.restore(chunks);
  return into;
}

const open = { kind: "open", stamp: 1, ttlMs: 1000 } as const;

function commandOf(sequence: number, command: number[] = [sequence], floor = 1): SessionCommand {
  const data = Uint8Array.from(command);
  return { kind: "command", stamp: 2, session: 1, sequence, floor, command: data };
}

test("a repeated command is applied once, also within one batch, and gives its first result", async () => {
  const notes = new Notes();
  const machine = exactlyOnce(notes);
  const plain = { kind: "plain", command: Uint8Array.of(9) } as const;
  const results = await machine.apply(
    entriesOf([open, commandOf(1), plain, plain, commandOf(1), commandOf(2), commandOf(1, [7])]),
  );
  expect(results.map((result) => decodeSessionResult(result)?.kind)).toEqual([
    ...["done", "applied", undefined, undefined, "replayed", "applied", "reused"],
  ]);
  expect(results[2]).toEqual(Uint8Array.of(9));
  const result = Uint8Array.of(1);
  expect(decodeSessionResult(results[4] ?? plain.command)).toEqual({
    kind: "replayed",
    index: 2,
    result,
  });
  expect(notes.commands).toEqual(["2:1", "3:9", "4:9", "6:2"]);
  expect(notes.batches).toEqual([1, 2, 1]);
});

test("what is no command of this version is skipped, or ends the replica", () => {
  const notes = new Notes();
  const machine = exactlyOnce(notes);
  const entry = (...bytes: number[]): Entry =>
    newEntry({ term: 1, index: 1 }, "command", Uint8Array.from(bytes));
  const [result] = machine.apply([entry(0x81, 0)]) as Uint8Array[];
  expect(decodeSessionResult(result ?? new Uint8Array(0))).toEqual({ kind: "malformed" });
  expect(() => machine.apply([entry(0x82, 0)])).toThrow("unsupported_version");
  expect(notes.commands).toEqual([]);
});

test("the digest tells the sessions, too, and is there only if the inner machine has one", async () => {
  const [one, other] = [exactlyOnce(new Notes()), exactlyOnce(new Notes())];
  const digest = await one.digest?.();
  expect(digest).toHaveLength(64);
  expect(await other.digest?.()).toEqual(digest);
  await one.apply(entriesOf([{ kind: "open", stamp: 5, ttlMs: 9 }]));
  expect(await one.digest?.()).not.toEqual(digest);
  const bare = exactlyOnce({ apply: () => [], query: () => null });
  expect(bare.digest).toBeUndefined();
});

test("a machine that is durable by itself must keep its own sessions", () => {
  const durable = {
    kind: "durable",
    appliedIndex: async () => 0,
    pin: () => expect.unreachable(),
    restore: async () => {},
  } as const;
  const machine = { apply: () => [], query: () => null, snapshots: durable };
  expect(() => exactlyOnce(machine)).toThrow("invalid_options");
  expect(exactlyOnce({ apply: () => [], query: () => 5 }).snapshots).toBeUndefined();
  expect(exactlyOnce({ apply: () => [], query: () => 5 }).query(null)).toBe(5);
});

test("an inner machine that gives other than results is not believed", async () => {
  const entries = entriesOf([open, commandOf(1)]);
  const machine = exactlyOnce({ apply: () => [], query: () => null });
  expect(() => machine.apply(entries)).toThrow("1 results");
  const slow = exactlyOnce({ apply: async () => [], query: () => null });
  await expect(slow.apply(entries)).rejects.toThrow("1 results");
  const failing = exactlyOnce({ apply: () => Promise.reject(new Error("no")), query: () => null });
  await expect(failing.apply(entries)).rejects.toThrow("no");
});

test("sessions are saved as they are when save is called, and go on where they are restored", async () => {
  const machine = exactlyOnce(new Notes());
  await machine.apply(entriesOf([open, commandOf(1), commandOf(2)]));
  const chunks = saved(machine);
  // Neither of these is in it.
  await machine.apply(entriesOf([commandOf(3), commandOf(4, [4], 3)], 4));
  const again = await restored(chunks);
  expect(await again.query(null)).toEqual(["2:1", "3:2"]);
  const results = await again.apply(entriesOf([commandOf(1), commandOf(3), commandOf(2)], 6));
  expect(results.map((result) => decodeSessionResult(result))).toEqual([
    { kind: "replayed", index: 2, result: Uint8Array.of(1) },
    { kind: "applied", result: Uint8Array.of(3) },
    { kind: "replayed", index: 3, result: Uint8Array.of(2) },
  ]);
});

test("a state of the inner machine alone is restored, and nobody has a session", async () => {
  const notes = new Notes();
  await notes.apply(entriesOf([{ kind: "plain", command: Uint8Array.of(9) }]));
  const machine = exactlyOnce(new Notes());
  await machine.apply(entriesOf([open]));
  await restored(saved(notes), machine);
  expect(await machine.query(null)).toEqual(["1:9"]);
  const [result] = await machine.apply(entriesOf([commandOf(1)], 2));
  expect(decodeSessionResult(result ?? new Uint8Array(0))).toEqual({ kind: "expired" });
});

test("the source of a restore is let go of, also when the state is refused", async () => {
  let isOver = false;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield Uint8Array.of(0x81, 0x71, 0x73, 0x74, 2, 0, 0, 0, 0, 0, 0);
      yield Uint8Array.of(1);
    } finally {
      isOver = true;
    }
  };
  await expect(restored(source())).rejects.toThrow("unsupported_version");
  expect(isOver).toBe(true);
});

const numbers = fc.integer({ min: 1, max: 4 });
const anyCommand: fc.Arbitrary<SessionCommand> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("open" as const), stamp: numbers, ttlMs: numbers }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("close" as const), stamp: numbers, session: numbers }),
  },
  {
    weight: 8,
    arbitrary: fc
      .record({ stamp: fc.integer({ min: 0, max: 8 }), session: numbers, sequence: numbers })
      .chain((given) =>
        fc.integer({ min: 1, max: given.sequence }).map((floor) => ({
          ...given,
          ...{ kind: "command" as const, floor, command: Uint8Array.of(given.sequence) },
        })),
      ),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      ...{ kind: fc.constant("once" as const), stamp: numbers, ttlMs: numbers },
      ...{
        key: fc.constantFrom(Uint8Array.of(1), Uint8Array.of(2)),
        command: fc.constant(Uint8Array.of(5)),
      },
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "plain" as const, command: Uint8Array.of(6) }) },
);

test("how the log is cut, how slow a machine is and where it was restored changes nothing", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyCommand, { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 40, maxLength: 40 }),
      fc.boolean(),
      fc.nat(40),
      async (commands, cuts, isSlow, restoredAt) => {
        const entries = entriesOf(commands);
        const whole = exactlyOnce(new Notes());
        const wanted = await whole.apply(entries);

        let machine = exactlyOnce(new Notes(isSlow));
        const found: Uint8Array[] = [];
        let wasRestored = false;
        for (const length of cuts) {
          const batch = entries.slice(found.length, found.length + length);
          if (batch.length > 0) found.push(...(await machine.apply(batch)));
          if (wasRestored || found.length < restoredAt) continue;
          wasRestored = true;
          machine = await restored(saved(machine), exactlyOnce(new Notes(isSlow)));
        }
        expect(found).toEqual(wanted);
        expect(await collected(saved(machine))).toEqual(await collected(saved(whole)));
        expect(await machine.digest?.()).toEqual(await whole.digest?.());
      },
    ),
  );
});

test("what long results let the group forget does not depend on batches either", async () => {
  const command = new Uint8Array(sessionResultBytesMax - 200);
  const echo = exactlyOnce({
    apply: async (entries) => entries.map(({ data }) => data),
    query: () => null,
  });
  const place = { stamp: 2, sequence: 1, floor: 1, command };
  const count = resultBytesMax / sessionResultBytesMax + 2;
  const commands = Array.from({ length: count }, (_, number): SessionCommand[] => [
    open,
    { kind: "command", session: 2 * number + 1, ...place },
  ]).flat();
  const entries = entriesOf([...commands, { kind: "command", session: 1, ...place }]);
  const results = await echo.apply(entries);
  const kinds = results.map((result) => decodeSessionResult(result)?.kind);
  expect(new Set(kinds.slice(0, -1))).toEqual(new Set(["done", "applied"]));
  // It had been forgotten by then, in the same batch.
  expect(kinds.at(-1)).toBe("expired");
});
