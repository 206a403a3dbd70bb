import { confStateOf, type Entry, type EntryKind, newEntry } from "@quorate/core";
import { expect, test } from "vitest";
import { ApplyQueue, type Asker, type Interlude, type Restorable } from "./apply-queue.ts";
import type { StateMachine } from "./state-machine.ts";

const result = Uint8Array.of(9);

/** An apply queue, and what it told. */
function newBench(machine: Partial<StateMachine<string, string>>): {
  queue: ApplyQueue<string, string>;
  told: string[];
  ask: (query: string, readIndex: number) => Asker<string, string>;
} {
  const told: string[] = [];
  const whole: StateMachine<string, string> = {
    apply: (entries) => entries.map(() => result),
    query: (query) => query.toUpperCase(),
    ...machine,
  };
  const queue = new ApplyQueue<string, string>(whole, {
    onEntryApplied: (entry, given) => told.push(`entry ${entry.index}${given ? " result" : ""}`),
    onApplied: (index) => told.push(`applied ${index}`),
    onRestored: ({ snapshot }) => told.push(`restored ${snapshot.index}`),
    onFailed: (error) => told.push(`failed ${String(error)}`),
    resume: (work) => work(),
  });
  const ask = (query: string, readIndex: number): Asker<string, string> => {
    const asker: Asker<string, string> = {
      query,
      readIndex,
      onAnswer: (index, answer) => told.push(`answer ${answer} at ${index}`),
      onError: (error) => told.push(`error ${String(error)}`),
    };
    queue.ask(asker);
    queue.run();
    return asker;
  };
  return { queue, told, ask };
}

/** A value of a type that only JavaScript would return. */
function untyped<T>(value: unknown): T {
  return value as T;
}

function newEntries(from: number, ...kinds: EntryKind[]): Entry[] {
  return kinds.map((kind, offset) => newEntry({ term: 1, index: from + offset }, kind));
}

test("ApplyQueue applies commands alone, in one call, and counts every entry", () => {
  const calls: number[][] = [];
  const { queue, told } = newBench({
    apply: (entries) => {
      calls.push(entries.map(({ index }) => index));
      return entries.map(() => result);
    },
  });
  queue.push(newEntries(1, "no-op", "command"));
  queue.push(newEntries(3, "command", "conf-change"));
  queue.run();
  expect(calls).toEqual([[2, 3]]);
  expect(told).toEqual(["entry 1", "entry 2 result", "entry 3 result", "entry 4", "applied 4"]);
});

test("ApplyQueue does not call the state machine for a no-op alone", () => {
  const { queue, told } = newBench({
    apply: () => {
      throw new Error("called");
    },
  });
  queue.push(newEntries(1, "no-op"));
  queue.run();
  expect(told).toEqual(["entry 1", "applied 1"]);
});

test("ApplyQueue asks in any order, each as soon as its index is applied", () => {
  const { queue, told, ask } = newBench({});
  ask("late", 5);
  ask("soon", 2);
  ask("now", 0);
  expect(told).toEqual(["answer NOW at 0"]);
  queue.push(newEntries(1, "no-op", "no-op", "no-op"));
  queue.run();
  expect(told.slice(-1)).toEqual(["answer SOON at 3"]);
  queue.push(newEntries(4, "no-op", "no-op"));
  queue.run();
  expect(told.slice(-1)).toEqual(["answer LATE at 5"]);
});

test("ApplyQueue.forget drops a query that waits", () => {
  const { queue, told, ask } = newBench({});
  queue.forget(ask("gone", 1));
  queue.push(newEntries(1, "no-op"));
  queue.run();
  expect(told).toEqual(["entry 1", "applied 1"]);
});

test.each([
  [
    "throws",
    () => {
      throw new RangeError("no");
    },
    "RangeError: no",
  ],
  ["rejects", () => Promise.reject(new RangeError("no")), "RangeError: no"],
  ["returns too few results", () => [], "TypeError: apply must return 1 results, one per entry"],
  ["resolves to too many", async () => [result, result], "TypeError: apply must return 1"],
  ["returns a hole", () => Array<Uint8Array>(1), "TypeError: apply must return 1"],
  ["returns no bytes", () => untyped<Uint8Array[]>(["9"]), "TypeError: apply must return 1"],
] as const)(
  "ApplyQueue fails, and applies nothing more, if apply %s",
  async (_name, apply, text) => {
    const { queue, told } = newBench({ apply });
    queue.push(newEntries(1, "command"));
    queue.run();
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    queue.push(newEntries(2, "command"));
    queue.run();
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`failed ${text}`);
  },
);

test("ApplyQueue.stop waits for the apply and the queries that run, and is silent on applies", async () => {
  const resumes: (() => void)[] = [];
  const { queue, told, ask } = newBench({
    query: (query) => new Promise((resolve) => resumes.push(() => resolve(query))),
  });
  ask("slow", 0);
  let stopped = false;
  const stopping = queue.stop().then(() => (stopped = true));
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  expect(stopped).toBe(false);
  for (const resume of resumes) resume();
  await stopping;
  expect(told).toEqual(["answer slow at 0"]);
});

test("ApplyQueue asks between slow applies, however many entries wait", async () => {
  const applies: (() => void)[] = [];
  const { queue, told, ask } = newBench({
    apply: (entries) =>
      new Promise((resolve) => applies.push(() => resolve(entries.map(() => result)))),
  });
  queue.push(newEntries(1, "command"));
  queue.run();
  queue.push(newEntries(2, "command"));
  ask("between", 1);
  applies.shift()?.();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  expect(told).toEqual(["entry 1 result", "applied 1", "answer BETWEEN at 1"]);
  expect(applies).toHaveLength(1);
});

test("ApplyQueue lets no query that comes later delay an apply that waits", async () => {
  const queries: (() => void)[] = [];
  const { queue, told, ask } = newBench({
    query: (query) => new Promise((resolve) => queries.push(() => resolve(query))),
  });
  ask("first", 0);
  queue.push(newEntries(1, "command"));
  queue.run();
  ask("second", 0);
  expect(queries).toHaveLength(1);
  queries.shift()?.();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  expect(told).toEqual(["answer first at 0", "entry 1 result", "applied 1"]);
  expect(queries).toHaveLength(1);
});

test.each(["apply", "query"] as const)(
  "ApplyQueue.stop resolves after a thenable of %s threw",
  async (method) => {
    const thenable = {};
    Reflect.set(thenable, "then", () => {
      throw new RangeError("no");
    });
    const { queue, told, ask } = newBench({ [method]: () => thenable });
    queue.push(newEntries(1, "command"));
    queue.run();
    ask("q", 0);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    expect(told.at(-1)).toMatch(/^(failed|error) RangeError: no$/);
    await queue.stop();
  },
);

/** Lets every promise that can go on do so. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** A snapshot at `index` whose state is `texts`. */
function newRestorable(index: number, ...texts: string[]): Restorable {
  return {
    snapshot: { term: 1, index, confState: confStateOf([1]) },
    members: new Uint8Array(0),
    async *chunks() {
      for (const text of texts) yield new TextEncoder().encode(text);
    },
  };
}

/** A machine that tells when each call begins and ends; a restore ends when `finish` is called. */
function newRestoring(): {
  readonly machine: Partial<StateMachine<string, string>>;
  readonly calls: string[];
  finish(): void;
} {
  const calls: string[] = [];
  const held: (() => void)[] = [];
  const machine: Partial<StateMachine<string, string>> = {
    apply: (entries) => {
      calls.push(`apply ${entries.map(({ index }) => index).join()}`);
      return entries.map(() => result);
    },
    query: (query) => {
      calls.push(`query ${query}`);
      return query;
    },
    snapshots: {
      kind: "memory",
      save: () => [],
      restore: async (chunks) => {
        let text = "";
        for await (const chunk of chunks) text += new TextDecoder().decode(chunk);
        calls.push(`restore ${text}`);
        await new Promise<void>((resolve) => held.push(resolve));
        calls.push("restored");
      },
    },
  };
  return { machine, calls, finish: () => held.shift()?.() };
}

test("ApplyQueue.install restores in log order, and overlaps neither applies nor queries", async () => {
  const { machine, calls, finish } = newRestoring();
  const { queue, told, ask } = newBench(machine);
  queue.push(newEntries(1, "command"));
  queue.install(newRestorable(8, "a", "b"));
  queue.push(newEntries(9, "command"));
  queue.run();
  ask("q", 1);
  await turns();
  expect(calls).toEqual(["apply 1", "restore ab"]);
  expect(told).toEqual(["entry 1 result", "applied 1"]);
  finish();
  await turns();
  expect(calls.slice(2)).toEqual(["restored", "query q", "apply 9"]);
  expect(told.slice(2)).toEqual([
    "restored 8",
    "applied 8",
    "answer q at 8",
    "entry 9 result",
    "applied 9",
  ]);
});

test("ApplyQueue.install waits for the queries that run", async () => {
  const { machine, calls, finish } = newRestoring();
  let answer = (): void => {};
  const { queue, told, ask } = newBench({
    ...machine,
    query: () => new Promise((resolve) => (answer = () => resolve("A"))),
  });
  ask("q", 0);
  queue.install(newRestorable(8));
  queue.run();
  await turns();
  expect(calls).toEqual([]);
  answer();
  await turns();
  expect(told).toEqual(["answer A at 0"]);
  expect(calls).toEqual(["restore "]);
  finish();
  await turns();
  expect(told.slice(1)).toEqual(["restored 8", "applied 8"]);
});

test("ApplyQueue fails if the state machine cannot be restored", async () => {
  const { queue, told } = newBench({
    snapshots: {
      kind: "memory",
      save: () => [],
      restore: () => Promise.reject(new RangeError("no")),
    },
  });
  queue.install(newRestorable(8));
  queue.push(newEntries(9, "command"));
  queue.run();
  await turns();
  expect(told).toEqual(["failed RangeError: no"]);
});

test("ApplyQueue.stop cuts a restore short, and waits for it", async () => {
  let next = (): void => {};
  const errors: unknown[] = [];
  const { queue, told } = newBench({
    snapshots: {
      kind: "memory",
      save: () => [],
      restore: async (chunks) => {
        try {
          for await (const chunk of chunks) expect(chunk).toBeDefined();
        } catch (error) {
          errors.push(error);
          throw error;
        }
      },
    },
  });
  queue.install({
    ...newRestorable(8),
    async *chunks() {
      for (;;) {
        await new Promise<void>((resolve) => (next = resolve));
        yield new Uint8Array(1);
      }
    },
  });
  queue.run();
  await turns();
  next();
  await turns();
  let stopped = false;
  const stopping = queue.stop().then(() => (stopped = true));
  await turns();
  expect(stopped).toBe(false);
  next();
  await stopping;
  expect(errors).toMatchObject([{ code: "closed" }]);
  expect(told).toEqual([]);
});

/** An interlude that tells when it runs, or is stopped. */
function newInterlude(told: string[], work: () => void | Promise<void> = () => {}): Interlude {
  return {
    run: () => {
      told.push("interlude");
      return work();
    },
    onStopped: () => told.push("interlude stopped"),
  };
}

test("ApplyQueue.interrupt runs between applies, ahead of what waits", async () => {
  const applies: (() => void)[] = [];
  const { queue, told } = newBench({
    apply: (entries) =>
      new Promise((resolve) => applies.push(() => resolve(entries.map(() => result)))),
  });
  queue.push(newEntries(1, "command"));
  queue.run();
  queue.push(newEntries(2, "command"));
  queue.interrupt(newInterlude(told));
  queue.run();
  expect(told).toEqual([]);
  applies.shift()?.();
  await turns();
  expect(told).toEqual(["entry 1 result", "applied 1", "interlude"]);
  expect(applies).toHaveLength(1);
});

test("ApplyQueue applies nothing before an interlude has ended", async () => {
  const { queue, told } = newBench({});
  let end = (): void => {};
  const slow = new Promise<void>((resolve) => (end = resolve));
  queue.interrupt(newInterlude(told, () => slow));
  queue.push(newEntries(1, "command"));
  queue.run();
  await turns();
  expect(told).toEqual(["interlude"]);
  end();
  await turns();
  expect(told).toEqual(["interlude", "entry 1 result", "applied 1"]);
});

test("ApplyQueue tells interludes that wait of its end, however it comes", async () => {
  const { queue, told } = newBench({
    apply: () => {
      throw new RangeError("no");
    },
  });
  queue.push(newEntries(1, "command"));
  queue.run();
  queue.interrupt(newInterlude(told));
  expect(told).toEqual(["failed RangeError: no", "interlude stopped"]);

  const other = newBench({ apply: () => new Promise(() => {}) });
  other.queue.push(newEntries(1, "command"));
  other.queue.run();
  other.queue.interrupt(newInterlude(other.told));
  void other.queue.stop();
  expect(other.told).toEqual(["interlude stopped"]);
});

test("ApplyQueue starts where the state machine is", () => {
  const told: string[] = [];
  const machine = { apply: () => [], query: () => "A" };
  const host = {
    onEntryApplied: () => {},
    onApplied: () => {},
    onRestored: () => {},
    onFailed: () => {},
    resume: (work: () => void) => work(),
  };
  const queue = new ApplyQueue<string, string>(machine, host, 7);
  queue.ask({
    query: "q",
    readIndex: 7,
    onAnswer: (index) => told.push(`answer at ${index}`),
    onError: () => {},
  });
  queue.run();
  expect(told).toEqual(["answer at 7"]);
});

test("ApplyQueue takes an interlude from within onApplied, and overlaps nothing for it", async () => {
  const told: string[] = [];
  const applies: (() => void)[] = [];
  const machine: StateMachine<string, string> = {
    apply: (entries) => {
      told.push("apply");
      return new Promise((resolve) => {
        applies.push(() => resolve(entries.map(() => result)));
      });
    },
    query: (query) => {
      told.push(query);
      return query;
    },
  };
  const queue: ApplyQueue<string, string> = new ApplyQueue(machine, {
    onEntryApplied: () => {},
    onApplied: () => {
      queue.interrupt(newInterlude(told));
      queue.run();
      told.push("told");
    },
    onRestored: () => {},
    onFailed: () => {},
    resume: (work) => work(),
  });
  queue.push(newEntries(1, "command"));
  queue.run();
  queue.push(newEntries(2, "command"));
  queue.ask({ query: "query", readIndex: 1, onAnswer: () => {}, onError: () => {} });
  applies.shift()?.();
  await turns();
  expect(told).toEqual(["apply", "told", "query", "interlude", "apply"]);
});
