import { confStateOf } from "@quorate/core";
import { expect, test } from "vitest";
import { newBench, newEntries, result, turns } from "../test/apply-bench.ts";
import { ApplyQueue, type Interlude, type Restorable } from "./apply-queue.ts";
import type { StateMachine } from "./state-machine.ts";

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

test("ApplyQueue applies nothing while an interlude or a query runs that comes back to it", () => {
  const calls: string[] = [];
  const { queue, ask } = newBench({
    apply: (entries) => {
      calls.push(`apply ${entries.map(({ index }) => index).join()}`);
      return entries.map(() => result);
    },
    query: (query) => {
      calls.push("query begins");
      queue.push(newEntries(2, "command"));
      queue.run();
      calls.push("query ends");
      return query;
    },
  });
  queue.push(newEntries(1, "command"));
  queue.interrupt({
    run: () => {
      calls.push("interlude begins");
      queue.run();
      calls.push("interlude ends");
    },
    onStopped: () => {},
  });
  queue.run();
  ask("q", 1);
  queue.run();
  expect(calls).toEqual([
    "interlude begins",
    "interlude ends",
    "apply 1",
    "query begins",
    "query ends",
    "apply 2",
  ]);
});

test("ApplyQueue.stop called by an interlude or a query waits until that is over", async () => {
  for (const door of ["interlude", "query"]) {
    const told: string[] = [];
    const stop = (): void => {
      void queue.stop().then(() => told.push("stopped"));
    };
    const { queue, ask } = newBench({
      query: (query) => {
        stop();
        return query;
      },
    });
    if (door === "interlude") queue.interrupt({ run: stop, onStopped: () => {} });
    else ask("q", 0);
    queue.run();
    await turns();
    expect(told).toEqual(["stopped"]);
  }
});
