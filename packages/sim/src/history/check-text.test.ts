import { expect, test } from "vitest";
import { checkHistoryText } from "./check-text.ts";
import { describeReport } from "./history-report.ts";

const knossos = `
[{:process 0, :type :invoke, :f :write, :value 3}
 {:process :nemesis, :type :info, :f :start, :value nil}
 {:process 0, :type :ok, :f :write, :value 3}
 {:process 1, :type :invoke, :f :cas, :value [3 4]}
 {:process 1, :type :ok, :f :cas, :value [3 4], :time 17}
 {:process 2, :type :invoke, :f :write, :value 9} ; it never ends
 {:process 1, :type :invoke, :f :cas, :value [7 8]}
 {:process 1, :type :fail, :f :cas, :value [7 8]}
 {:process 1, :type :invoke, :f :read, :value nil}
 {:process 1, :type :ok, :f :read, :value 4}]`;

test("a vector of Knossos is a history of a register", () => {
  expect(checkHistoryText(knossos)).toMatchObject({
    verdict: "ok",
    model: "register",
    operationCount: 5,
  });
  const report = checkHistoryText(knossos.replace(":read, :value 4}", ":read, :value 3}"));
  expect(report.verdict).toBe("illegal");
  expect(report.window?.last).toEqual({ client: 1, line: 10, endLine: 11, text: "read → 3" });
});

test("maps one after the other are a history, too, also with keys", () => {
  const lines = [
    '{:process 0 :type :invoke :f :put :key "a" :value "x"}',
    '{:process 0 :type :ok :f :put :key "a" :value "x"}',
    '{:process 0 :type :invoke :f :get :key "b"}',
    "{:process 0 :type :ok :f :get :value nil}",
    "{:process 0 :type :invoke :f :get :key 7}",
    "{:process 0 :type :info :f :get}",
  ];
  const report = checkHistoryText(lines.join("\n"));
  expect(report).toMatchObject({ verdict: "ok", model: "kv", operationCount: 3, keyCount: 3 });
});

test.each([
  ["(1)", "a history consists of maps"],
  ["[]", "there is no operation"],
  ["{:type :ok}", ":process is missing"],
  ["\n{:process -1}", "line 2: :process is -1"],
  ["{:process 1 :type :done}", ":type must be"],
  ["{:process 1 :type :invoke :f 3}", ":f must be a keyword"],
  ["{:process 1 :type :invoke :f :cas :value 3}", ":value of :cas must be"],
  ["{:process 1 :type :invoke :f :txn :value []}", 'no model has the operation "txn"'],
])("%j is no history: %s", (text, message) => {
  expect(() => checkHistoryText(text, { format: "edn" })).toThrow(message);
});

const log = [
  "INFO  jepsen.core - Worker 0 starting",
  "INFO  jepsen.util - 0\t:invoke\t:write\t1",
  "INFO  jepsen.util - :nemesis\t:info\t:start\tnil",
  "INFO  jepsen.util - 0\t:ok\t:write\t1",
  "INFO  jepsen.util - 1\t:invoke\t:cas\t[2 3]",
  "INFO  jepsen.util - 1\t:fail\t:cas\t[2 3]",
  "INFO  jepsen.util - 2\t:invoke\t:write\t2",
  "INFO  jepsen.util - 2\t:info\t:write\t:timed-out",
  "INFO  jepsen.util - 3 \t:invoke :read \tnil \t:hint 0",
  "INFO  jepsen.util - 3\t:fail\t:read\t:timed-out",
  "INFO  jepsen.util - 1\t:invoke\t:read\tnil",
  "INFO  jepsen.util - 1 \t:ok :read \t2 \t:hint 12",
];

test("the log of a Jepsen test is a history of a register", () => {
  expect(checkHistoryText(log.join("\n"))).toMatchObject({
    verdict: "ok",
    model: "register",
    operationCount: 5,
  });
  const read = log.join("\n").replace(":ok :read \t2", ":ok :read \tnil");
  expect(checkHistoryText(read).verdict).toBe("illegal");
});

test("in such a log a compare-and-set that failed found another value", () => {
  const lines = log.slice(0, 6).join("\n");
  expect(checkHistoryText(lines).verdict).toBe("ok");
  expect(checkHistoryText(lines.replaceAll("[2 3]", "[1 3]")).verdict).toBe("illegal");
});

test("maps in porcupine's text are of a store that is empty where there is no value", () => {
  const lines = [
    '{:process 0, :type :invoke, :f :get, :key "3", :value nil}',
    '{:process 0, :type :ok, :f :get, :key "3", :value ""}',
    '{:process 1, :type :invoke, :f :append, :key "3", :value "x 1 0 y"}',
    '{:process 0, :type :invoke, :f :append, :key "3", :value "x 0 0 y"}',
    '{:process 1, :type :ok, :f :append, :key "3", :value "x 1 0 y"}',
    '{:process 1, :type :invoke, :f :get, :key "3", :value nil}',
    '{:process 1, :type :ok, :f :get, :key "3", :value "x 1 0 yx 0 0 y"}',
  ].join("\n");
  expect(checkHistoryText(lines, { format: "porcupine" })).toMatchObject({
    verdict: "ok",
    model: "kv",
  });
  const wrong = lines.replace("x 1 0 yx 0 0 y", "x 0 0 y");
  expect(checkHistoryText(wrong, { format: "porcupine" }).verdict).toBe("illegal");
  // Other stores say that there is nothing.
  expect(checkHistoryText(lines, { format: "edn" }).verdict).toBe("illegal");
});

test.each([
  ["INFO  jepsen.util - 0 :invoke :write x", "line 1: a value is x"],
  ["INFO  jepsen.util - 0 :invoke :cas [1]", "line 1: the value of :cas must be"],
  ["\n{:process 0} {:process 1}", "line 2: is not one map"],
  ["INFO  jepsen.core - nothing", "there is no operation"],
])("%j is no such text: %s", (text, message) => {
  expect(() => checkHistoryText(text, { format: "porcupine" })).toThrow(message);
});

test("a report tells where the history is wrong, and what would explain it", () => {
  const lines = [
    '{"history":1,"model":"register"}',
    '{"client":1,"type":"invoke","op":"write","key":"x","value":1}',
    '{"client":1,"type":"ok"}',
    '{"client":1,"type":"invoke","op":"write","key":"x","value":2}',
    '{"client":1,"type":"fail"}',
    '{"client":2,"type":"invoke","op":"read","key":"y"}',
    '{"client":2,"type":"ok","value":null}',
    '{"client":3,"type":"invoke","op":"write","key":"x","value":3}',
    '{"client":2,"type":"invoke","op":"read","key":"x"}',
    '{"client":2,"type":"ok","value":2}',
  ];
  const text = describeReport(checkHistoryText(lines.join("\n")));
  expect(text).toBe(`illegal: 5 operations on 2 keys, model register, 5 steps
key "x", up to line 10: no order of these explains their results
  lines 9–10  client 2  read → 2
wherever 2 other changes of the key may come
before that, 2 operations can be in order, at the end:
  lines 2–3  client 1  write 1
  lines 8–   client 3  write 3 → ?
and the state is one of: 1  3
it would be explained if what was reported as failed had taken effect:
  lines 4–5  client 1  write 2 → ?
`);
});

test("a report of a budget that ran out tells the key and the resource", () => {
  const lines = Array.from({ length: 12 }, (_, client) => [
    `{"client":${client},"type":"invoke","op":"add","key":"k","value":${2 ** client}}`,
  ]).flat();
  const ends = lines.map((_, client) => `{"client":${client},"type":"ok"}`);
  const last =
    '{"client":1,"type":"invoke","op":"total","key":"k"}\n{"client":1,"type":"ok","value":1}';
  const text = [...lines, ...ends, last].join("\n");
  const report = checkHistoryText(text, { stepsMax: 100 });
  expect(describeReport(report)).toBe(
    'unknown: 13 operations on 1 key, model counter, 100 steps\nkey "k": the budget of steps ran out\n',
  );
});
