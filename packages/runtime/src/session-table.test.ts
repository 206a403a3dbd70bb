import { expect, test } from "vitest";
import type { CommandOfSession, CommandOnce } from "./session-command.ts";
import {
  resultBytesMax,
  resultOverheadBytes,
  sessionCountMax,
  sessionResultBytesMax,
  sessionResultCountMax,
  SessionTable,
} from "./session-table.ts";

const ok = Uint8Array.of(1);

function commandOf(
  session: number,
  sequence: number,
  given: Partial<CommandOfSession> = {},
): CommandOfSession {
  const command = Uint8Array.of(session, sequence);
  return { kind: "command", stamp: 0, session, sequence, floor: 1, command, ...given };
}

function onceOf(key: string, given: Partial<CommandOnce> = {}): CommandOnce {
  const bytes = Uint8Array.from(key, (letter) => letter.charCodeAt(0));
  return { kind: "once", stamp: 0, ttlMs: 100, key: bytes, command: bytes, ...given };
}

/** Lets `table` take a command at `index`: what became of it. */
function take(
  table: SessionTable,
  command: CommandOfSession | CommandOnce,
  index = 1000,
  result: Uint8Array = ok,
): string {
  const admission = table.admit(command);
  if (admission.kind === "answer") {
    const { result: given } = admission;
    return given.kind === "replayed" ? `replayed ${given.index}` : given.kind;
  }
  table.keep(command, index, result);
  return "applied";
}

test("a command of a session is applied once, and tells later where", () => {
  const table = new SessionTable();
  table.open(5, 0, 100);
  expect(take(table, commandOf(5, 1), 6)).toBe("applied");
  expect(take(table, commandOf(5, 2), 7)).toBe("applied");
  expect(take(table, commandOf(5, 1), 8)).toBe("replayed 6");
  expect(take(table, commandOf(5, 2), 9)).toBe("replayed 7");
  expect(take(table, commandOf(6, 1), 10)).toBe("expired");
});

test("a key opens its own session", () => {
  const table = new SessionTable();
  expect(take(table, onceOf("a"), 6)).toBe("applied");
  expect(take(table, onceOf("b"), 7)).toBe("applied");
  expect(take(table, onceOf("a"), 8)).toBe("replayed 6");
  table.open(9, 0, 100);
  // A key is never taken for an index.
  expect(take(table, onceOf("9"), 10)).toBe("applied");
});

test("another command under the same number, or key, is refused", () => {
  const table = new SessionTable();
  table.open(5, 0, 100);
  take(table, commandOf(5, 1));
  expect(take(table, commandOf(5, 1, { command: Uint8Array.of(5, 2) }))).toBe("reused");
  expect(take(table, commandOf(5, 1, { command: Uint8Array.of(5, 1, 0) }))).toBe("reused");
  expect(take(table, commandOf(5, 1))).toBe("replayed 1000");
  take(table, onceOf("a"));
  expect(take(table, onceOf("a", { command: ok }))).toBe("reused");
});

test("below the floor nothing is kept, and nothing is applied", () => {
  const table = new SessionTable();
  table.open(5, 0, 100);
  for (const sequence of [1, 2, 4]) take(table, commandOf(5, sequence), sequence);
  expect(take(table, commandOf(5, 5, { floor: 4 }))).toBe("applied");
  expect(take(table, commandOf(5, 1))).toBe("expired");
  // It was never applied, and never will be.
  expect(take(table, commandOf(5, 3))).toBe("expired");
  expect(take(table, commandOf(5, 4))).toBe("replayed 4");
  expect(table.bytes).toBe(2 * (ok.length + resultOverheadBytes));
});

test("a session expires by the stamps of commands, whichever carries them", () => {
  const table = new SessionTable();
  table.open(5, 1000, 100);
  table.open(6, 1000, 5000);
  expect(take(table, commandOf(5, 1, { stamp: 1100 }))).toBe("applied");
  // Used at 1100. A stamp that is behind takes no time back, nor does it give any.
  expect(take(table, commandOf(5, 2, { stamp: 1 }))).toBe("applied");
  expect(take(table, commandOf(6, 1, { stamp: 1200 }))).toBe("applied");
  expect(take(table, commandOf(5, 1, { stamp: 1150 }))).toBe("replayed 1000");
  // Used at 1200, though stamped with less.
  expect(take(table, commandOf(6, 2, { stamp: 1301 }))).toBe("applied");
  expect(take(table, commandOf(5, 1, { stamp: 0 }))).toBe("expired");
  expect(table.size).toBe(1);
});

test("one that expired behind another is forgotten as soon as it is asked for", () => {
  const table = new SessionTable();
  table.open(5, 0, 1000);
  table.open(6, 0, 10);
  expect(take(table, onceOf("a", { stamp: 11 }))).toBe("applied");
  expect(table.size).toBe(3);
  expect(take(table, commandOf(6, 1))).toBe("expired");
  expect(table.size).toBe(2);
  expect(take(table, onceOf("a", { stamp: 111 }))).toBe("replayed 1000");
  expect(take(table, onceOf("a", { stamp: 212 }))).toBe("applied");
});

test("a session that was closed is not known any more", () => {
  const table = new SessionTable();
  table.open(5, 0, 100);
  take(table, commandOf(5, 1));
  table.close(5, 0);
  table.close(5, 0);
  expect(take(table, commandOf(5, 1))).toBe("expired");
  expect(table.bytes).toBe(0);
});

test("of too many sessions, the least recently used is forgotten", () => {
  const table = new SessionTable();
  for (let index = 1; index <= sessionCountMax; index++) table.open(index, 0, 100);
  expect(take(table, commandOf(1, 1))).toBe("applied");
  table.open(sessionCountMax + 1, 0, 100);
  expect(table.size).toBe(sessionCountMax);
  expect(take(table, commandOf(2, 1))).toBe("expired");
  expect(take(table, commandOf(3, 1))).toBe("applied");
  expect(take(table, commandOf(1, 1))).toBe("replayed 1000");
});

test("of too many results of a session, those with the least numbers are forgotten", () => {
  const table = new SessionTable();
  table.open(5, 0, 100);
  for (let sequence = sessionResultCountMax; sequence > 0; sequence--) {
    take(table, commandOf(5, sequence));
  }
  expect(take(table, commandOf(5, 1))).toBe("replayed 1000");
  expect(take(table, commandOf(5, sessionResultCountMax + 1))).toBe("applied");
  expect(take(table, commandOf(5, 1))).toBe("expired");
  expect(take(table, commandOf(5, 2))).toBe("replayed 1000");
});

test("results that are too long together are forgotten, and one that is too long alone is, too", () => {
  const table = new SessionTable();
  table.open(5, 0, 100);
  const half = new Uint8Array(sessionResultBytesMax / 2 - resultOverheadBytes);
  for (const sequence of [1, 2]) take(table, commandOf(5, sequence), sequence, half);
  expect(take(table, commandOf(5, 1))).toBe("replayed 1");
  take(table, commandOf(5, 3), 3, new Uint8Array(0));
  expect(take(table, commandOf(5, 1))).toBe("expired");
  expect(take(table, commandOf(5, 2))).toBe("replayed 2");
  take(table, onceOf("a"), 4, new Uint8Array(sessionResultBytesMax));
  expect(take(table, onceOf("a"))).toBe("expired");
});

test("when all results are too long together, the least recently used session is forgotten", () => {
  const table = new SessionTable();
  const most = new Uint8Array(sessionResultBytesMax - resultOverheadBytes);
  const count = resultBytesMax / sessionResultBytesMax;
  for (let index = 1; index <= count; index++) {
    table.open(index, 0, 100);
    take(table, commandOf(index, 1), index, most);
  }
  expect(table.bytes).toBe(resultBytesMax);
  expect(take(table, commandOf(1, 1))).toBe("replayed 1");
  take(table, onceOf("a"));
  expect(table.size).toBe(count);
  expect(take(table, commandOf(2, 1))).toBe("expired");
  expect(take(table, commandOf(1, 1))).toBe("replayed 1");
});

test("a view stays what it was, and gives a table that goes on like the first", () => {
  const table = new SessionTable();
  table.open(5, 10, 100);
  take(table, commandOf(5, 1), 6);
  take(table, onceOf("a"), 7);
  const view = table.view();
  const before = structuredClone(view);
  // In the order of their use, so that the same one is forgotten first.
  expect(view.sessions.map(({ name }) => name)).toEqual([5, "a"]);
  const commands = [
    commandOf(5, 1, { stamp: 20 }),
    commandOf(5, 2, { floor: 2, stamp: 90 }),
    onceOf("a", { stamp: 111 }),
    onceOf("b", { stamp: 150 }),
    commandOf(5, 2),
  ];
  const told = commands.map((command) => take(table, command));
  expect(told).toEqual(["replayed 6", "applied", "applied", "applied", "replayed 1000"]);
  expect(view).toEqual(before);

  const again = new SessionTable();
  again.restore(view);
  expect(again.bytes).toBe(2 * (ok.length + resultOverheadBytes));
  expect(commands.map((command) => take(again, command))).toEqual(told);
  expect(again.view().logTime).toBe(150);
  expect(again.view().sessions.map(({ name }) => name)).toEqual(
    table.view().sessions.map(({ name }) => name),
  );
  // Each has a copy of its own.
  expect(view).toEqual(before);
});
