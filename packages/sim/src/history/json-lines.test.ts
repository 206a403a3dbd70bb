import { expect, test } from "vitest";
import { checkHistoryText } from "./check-text.ts";
import { HistoryError } from "./history-error.ts";
import { assembleHistory } from "./history-event.ts";
import { HistoryRecorder } from "./history.ts";
import { formatJsonLines, parseJsonLines } from "./json-lines.ts";
import { type KvInput, type KvOutput, kvVocabulary } from "./kv.ts";
import { type ListInput, type ListOutput, listVocabulary } from "./list.ts";
import { counterVocabulary, type CounterInput, type CounterOutput } from "./counter.ts";
import { registerVocabulary, type RegisterInput, type RegisterOutput } from "./register.ts";
import type { Vocabulary } from "./vocabulary.ts";

function problemOf(text: string): string {
  try {
    checkHistoryText(text, { format: "jsonl" });
  } catch (error) {
    if (error instanceof HistoryError) return `${error.code} ${error.problem} ${error.line}`;
    throw error;
  }
  return "none";
}

const call = '{"client":1,"type":"invoke","op":"write","key":"a","value":1}';

test.each([
  ["{", "malformed syntax 1"],
  ["[1]", "malformed syntax 1"],
  ["null", "malformed syntax 1"],
  [`${call}\n\n{"client":1,"type":"ok"`, "malformed syntax 3"],
  ['{"history":2}', "malformed version 1"],
  ['{"history":1,"model":"queue"}\n' + call, "malformed version 1"],
  ['{"history":1}', "malformed empty 0"],
  ["", "malformed empty 0"],
  ['{"type":"invoke","op":"read"}', "malformed field 1"],
  ['{"client":-1,"type":"invoke","op":"read"}', "malformed field 1"],
  ['{"client":1.5,"type":"invoke","op":"read"}', "malformed field 1"],
  ['{"client":1,"type":"begin","op":"read"}', "malformed field 1"],
  ['{"client":1,"type":"invoke"}', "malformed field 1"],
  ['{"client":1,"type":"invoke","op":"read","key":7}', "malformed field 1"],
  ['{"client":1,"type":"invoke","op":"write","key":"a"}', "malformed field 1"],
  ['{"client":1,"type":"invoke","op":"write","value":{}}', "malformed field 1"],
  ['{"client":1,"type":"invoke","op":"write","value":9007199254740993}', "malformed field 1"],
  ['{"client":1,"type":"invoke","op":"cas","from":1}', "malformed field 1"],
  ['{"client":1,"type":"invoke","op":"frob"}', "malformed operation 1"],
  [`${call}\n{"client":2,"type":"invoke","op":"get","key":"a"}`, "malformed operation 2"],
  [`${call}\n${call}`, "malformed client-busy 2"],
  [`${call}\n{"client":2,"type":"ok"}`, "malformed no-call 2"],
  [`${call}\n{"client":1,"type":"ok","op":"read"}`, "malformed no-call 2"],
  [`${call}\n{"client":1,"type":"ok","key":"b"}`, "malformed no-call 2"],
  [`${call}\n{"client":1,"type":"ok"}\n{"client":1,"type":"ok"}`, "malformed no-call 3"],
  ['{"client":1,"type":"invoke","op":"read"}\n{"client":1,"type":"ok"}', "malformed field 2"],
  [`${call}${" ".repeat(4 * 1024 * 1024)}`, "too_large limit 1"],
  [call, "none"],
])("a history that begins %#.40s has the problem that its line has", (text, problem) => {
  expect(problemOf(text)).toBe(problem);
});

test("the message names the line and what is wrong there", () => {
  const text = `${call}\n{"client":1,"type":"ok","op":"read"}`;
  expect(() => checkHistoryText(text)).toThrow(
    'malformed: line 2: ends another operation than write of "a", which is under way',
  );
  expect(() => checkHistoryText('{"client":1,"type":"invoke","op":"put"}')).toThrow(
    "malformed: line 1: value is missing, must be a string",
  );
});

/** Writes a history and reads it again: nothing is lost but the order numbers' gaps. */
function roundTrip<Input, Output>(
  model: string,
  vocabulary: Vocabulary<Input, Output>,
  recorder: HistoryRecorder<Input, Output>,
): void {
  const history = recorder.history();
  const text = formatJsonLines(model, vocabulary, history);
  const parsed = parseJsonLines(text);
  expect(parsed.model).toBe(model);
  const again = assembleHistory(vocabulary, parsed.events);
  expect(again.history).toEqual(history);
  expect(again.lines).toEqual(again.lines.map((_, offset) => offset + 2));
}

test("registers are read as they were written", () => {
  const recorder = new HistoryRecorder<RegisterInput, RegisterOutput>();
  recorder.ok(recorder.invoke(1, "a", { kind: "write", value: "x" }), null);
  recorder.ok(recorder.invoke(1, "a", { kind: "read" }), "x");
  recorder.ok(recorder.invoke(2, "b", { kind: "read" }), null);
  recorder.ok(recorder.invoke(1, "a", { kind: "cas", from: "x", to: true }), true);
  recorder.ok(recorder.invoke(1, "a", { kind: "cas", from: "x", to: 3.5 }), false);
  recorder.fail(recorder.invoke(1, "a", { kind: "write", value: 4 }));
  recorder.invoke(3, "a", { kind: "write", value: null });
  roundTrip("register", registerVocabulary, recorder);
});

test("key-value stores are read as they were written", () => {
  const recorder = new HistoryRecorder<KvInput, KvOutput>();
  const written = (index?: number, previousIndex?: number): KvOutput => {
    return { kind: "written", index, previousIndex };
  };
  recorder.ok(recorder.invoke(1, "é", { kind: "put", value: "1" }), written());
  recorder.ok(recorder.invoke(1, "é", { kind: "append", value: "2" }), written(7, 3));
  recorder.ok(recorder.invoke(1, "é", { kind: "delete" }), written(8));
  const found: KvOutput = { kind: "found", value: null, modifiedIndex: 0 };
  recorder.ok(recorder.invoke(1, "é", { kind: "get" }), found);
  recorder.ok(recorder.invoke(1, "é", { kind: "get" }), { ...found, modifiedIndex: undefined });
  roundTrip("kv", kvVocabulary, recorder);
});

test("counters and lists are read as they were written", () => {
  const counts = new HistoryRecorder<CounterInput, CounterOutput>();
  counts.ok(counts.invoke(1, "", { kind: "add", amount: -2 }), { total: undefined });
  counts.ok(counts.invoke(1, "", { kind: "add", amount: 5 }), { total: 3 });
  counts.ok(counts.invoke(1, "", { kind: "total" }), { total: 3 });
  roundTrip("counter", counterVocabulary, counts);
  const lists = new HistoryRecorder<ListInput, ListOutput>();
  lists.ok(lists.invoke(1, "", { kind: "push", value: "x" }), []);
  lists.ok(lists.invoke(1, "", { kind: "items" }), ["x", 1, null]);
  roundTrip("list", listVocabulary, lists);
});

test("after info the client goes on, and its last call is of unknown outcome", () => {
  const text = [
    '{"client":1,"type":"invoke","op":"write","value":1}',
    '{"client":1,"type":"info"}',
    '{"client":1,"type":"invoke","op":"read"}',
    '{"client":1,"type":"ok","value":1,"node":3}',
    "",
  ].join("\r\n");
  expect(checkHistoryText(text)).toMatchObject({ verdict: "ok", operationCount: 2, keyCount: 1 });
});
