import { encodeSessionCommand, encodeSessionResult, type SessionResult } from "@quorate/runtime";
import { expect, test } from "vitest";
import type { CallRecord } from "./call.ts";
import { judgeKvHistory, type KvQuery } from "./kv-app.ts";
import { together } from "./kv-sessions.ts";

type Record = CallRecord<KvQuery, number>;

/** A put of `value` at key 0, as number `value` of a session. */
function attempt(value: number, order: number, ending: Record["ending"]): Record {
  const command = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, value);
  const place = { stamp: 1, session: 2, sequence: value, floor: 1, command };
  const call = {
    kind: "write",
    command: encodeSessionCommand({ kind: "command", ...place }),
  } as const;
  const endOrder = ending.kind === "pending" ? undefined : order + 1;
  const when = { order, endOrder, at: order, endAt: endOrder, atLeast: 0 };
  return { client: value, node: 1, number: value, call, ...when, ending };
}

function told(result: SessionResult): Record["ending"] {
  return { kind: "applied", index: 9, result: encodeSessionResult(result) };
}

const was = (value: number): Uint8Array => Uint8Array.of(0, 0, 0, value);
const unknown = { kind: "unknown", code: "connection-lost" } as const;
const failed = { kind: "failed", code: "busy" } as const;
const expired = told({ kind: "expired" });
const applied = (value: number): Record["ending"] => told({ kind: "applied", result: was(value) });
const replayed = (value: number): Record["ending"] =>
  told({ kind: "replayed", index: 5, result: was(value) });

test("all attempts of a command come out as one", () => {
  const one = (...endings: Record["ending"][]): string =>
    together(endings.map((ending, place) => attempt(7, 2 * place, ending))).kind;
  expect(one(unknown, applied(1), replayed(1))).toBe("applied");
  expect(one(replayed(1), expired)).toBe("applied");
  expect(one(unknown, expired)).toBe("unknown");
  expect(one({ kind: "pending" })).toBe("unknown");
  expect(one(failed, expired)).toBe("failed");
  // Its client knew from the first answer on.
  const attempts = [attempt(7, 0, unknown), attempt(7, 2, applied(1)), attempt(7, 4, replayed(1))];
  expect(together(attempts)).toEqual({ kind: "applied", result: was(1), endOrder: 3 });
});

test("a command that is answered in two ways, or taken for another, breaks I17", () => {
  const attempts = [attempt(7, 0, applied(1)), attempt(7, 2, replayed(2))];
  expect(() => together(attempts)).toThrow("I17");
  expect(() => together([attempt(7, 0, told({ kind: "reused" }))])).toThrow("I17: call 7");
});

test("a command that took effect twice is no linearizable history", () => {
  const get = (answer: number, order: number): Record => ({
    ...{ client: 9, node: 1, number: 100 + order, call: { kind: "read", query: { key: 0 } } },
    ...{ order, endOrder: order + 1, at: order, endAt: order + 1, atLeast: 0 },
    ending: { kind: "answered", index: 9, answer },
  });
  const history = [
    attempt(7, 0, unknown),
    get(7, 2),
    attempt(8, 4, applied(7)),
    attempt(7, 6, replayed(0)),
  ];
  judgeKvHistory([...history, get(8, 8)]);
  expect(() => judgeKvHistory([...history, get(7, 8)])).toThrow("I11");
});
