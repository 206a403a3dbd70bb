import { expect, test } from "vitest";
import { KvOracle, type OracleOutcome } from "./kv-oracle.ts";

/** A run told in one line for each event; ids are the words that stand first. */
class Run {
  readonly oracle = new KvOracle();
  readonly #ids = new Map<string, number>();

  read(id: string, key = "k"): this {
    this.oracle.invoked(this.#id(id), { kind: "read", key });
    return this;
  }

  write(id: string, value: string, key = "k"): this {
    this.oracle.invoked(this.#id(id), { kind: "write", key, value });
    return this;
  }

  remove(id: string, key = "k"): this {
    this.oracle.invoked(this.#id(id), { kind: "delete", key });
    return this;
  }

  end(id: string, outcome: OracleOutcome): this {
    this.oracle.ended(this.#id(id), outcome);
    return this;
  }

  done(id: string, index?: number): this {
    return this.end(id, index === undefined ? { kind: "done" } : { kind: "done", index });
  }

  found(id: string, value: string | undefined): this {
    return this.end(id, { kind: "found", value });
  }

  #id(name: string): number {
    const id = this.#ids.get(name) ?? this.#ids.size;
    this.#ids.set(name, id);
    return id;
  }
}

test("a run in which all is well passes", () => {
  const run = new Run();
  run.read("r0").found("r0", undefined);
  run.write("a", "1").read("r1").found("r1", "1").done("a", 4);
  run.write("b", "2").read("r2").found("r2", "1").done("b", 5);
  run.write("c", "3").end("c", { kind: "unknown" }).read("r3").found("r3", "2");
  run.write("d", "4").end("d", { kind: "failed" });
  run.read("r4").found("r4", "3").read("r5").found("r5", "3");
  run.oracle.finish(new Map([["k", "3"]]));
});

test("a read of what nobody wrote is a phantom", () => {
  expect(() => new Run().read("r").found("r", "9")).toThrow(
    'I11: a read of key "k" gave "9", which',
  );
  const early = new Run().read("r");
  expect(() => early.found("r", "1")).toThrow("which nobody wrote");
  const elsewhere = new Run().write("a", "1", "other").done("a").read("r");
  expect(() => elsewhere.found("r", "1")).toThrow("which nobody wrote");
});

test("a value whose write failed is never there, whichever is told first", () => {
  const after = new Run().write("a", "1").end("a", { kind: "failed" }).read("r");
  expect(() => after.found("r", "1")).toThrow('gave "1", the write of which failed');
  const before = new Run().write("a", "1").read("r").found("r", "1");
  expect(() => before.end("a", { kind: "failed" })).toThrow('had "1", the write of which failed');
  const last = new Run().write("a", "1").end("a", { kind: "failed" });
  expect(() => last.oracle.finish(new Map([["k", "1"]]))).toThrow("the write of which failed");
});

test("a read that begins after a write ended is not older", () => {
  const missing = new Run().write("a", "1").done("a").read("r");
  expect(() => missing.found("r", undefined)).toThrow(
    'I11: a read of key "k" gave nothing, but "1" was known to be newer before',
  );
  const old = new Run().write("a", "1").done("a").write("b", "2").done("b").read("r");
  expect(() => old.found("r", "1")).toThrow('gave "1", but "2" was known to be newer');
});

test("a read that begins after another ended is not older, whoever reads", () => {
  const run = new Run().write("a", "1").done("a").write("b", "2");
  run.read("r1").read("slow").found("r1", "2").read("r2");
  expect(() => run.found("r2", "1")).toThrow('gave "1", but "2" was known to be newer');
  run.found("slow", "1");
});

test("a read may be older than one that ended while it was under way", () => {
  const run = new Run().write("a", "1").done("a").write("b", "2").read("old").read("new");
  run.found("new", "2").found("old", "1");
});

test("values do not come back", () => {
  const run = new Run().write("a", "1").write("b", "2").read("r1").found("r1", "1");
  run.read("r2").found("r2", "2").read("r3");
  expect(() => run.found("r3", "1")).toThrow('gave "1", but "2" was known to be newer');
});

test("what is known of a value grows while a read is under way", () => {
  const run = new Run().write("a", "1").read("r0").found("r0", "1").write("b", "2");
  run.read("r1").found("r1", "2").read("slow").read("r2").found("r2", "2");
  expect(() => run.found("slow", "1")).toThrow('gave "1", but "2" was known to be newer');
});

test("an acknowledged write that is not there in the end is lost", () => {
  const gone = new Run().write("a", "1").done("a");
  expect(() => gone.oracle.finish(new Map())).toThrow(
    'I12: at the end, key "k" has nothing, but "1" was known to be newer before',
  );
  const replaced = new Run().write("a", "1").done("a").write("b", "2").done("b");
  expect(() => replaced.oracle.finish(new Map([["k", "1"]]))).toThrow("I12: ");
  const unknown = new Run().write("a", "1").done("a").write("b", "2");
  unknown.oracle.finish(new Map([["k", "2"]]));
});

test("what is there in the end was written", () => {
  expect(() => new Run().oracle.finish(new Map([["k", "1"]]))).toThrow("which nobody wrote");
});

test("a delete explains that there is no value, unless it failed", () => {
  const run = new Run().write("a", "1").done("a").remove("d").read("r").found("r", undefined);
  run.done("d").oracle.finish(new Map());
  const failed = new Run().write("a", "1").done("a").remove("d").end("d", { kind: "failed" });
  expect(() => failed.read("r").found("r", undefined)).toThrow("was known to be newer");
});

test("what a delete of known index removed does not come back", () => {
  const run = new Run().write("a", "1").done("a", 3).remove("d").done("d", 5).read("r");
  const back: OracleOutcome = { kind: "found", value: "1", modifiedIndex: 3 };
  expect(() => run.end("r", back)).toThrow("gave a value of index 3, but one of index 5 was known");
});

test("a write is placed after all that was known when it began", () => {
  const run = new Run().write("a", "1", "x").done("a", 7).write("b", "2", "y");
  expect(() => run.done("b", 6)).toThrow(
    'the write of key "y" is at index 6, but began when index 7',
  );
  const same = new Run().write("a", "1", "x").done("a", 7).remove("d", "y");
  expect(() => same.done("d", 7)).toThrow('the delete of key "y" is at index 7, but began when');
  const parallel = new Run().write("a", "1", "x").write("b", "2", "y");
  parallel.done("a", 7).done("b", 6);
});

test("a read is answered by one who applied all that was known when it began", () => {
  const run = new Run().write("a", "1", "x").done("a", 7).read("r", "y");
  expect(() => run.end("r", { kind: "found", value: undefined, index: 6 })).toThrow(
    'a read of key "y" gave index 6, but began when 7 was known',
  );
  const later = new Run().read("r1").end("r1", { kind: "found", value: undefined, index: 9 });
  later.read("r2");
  expect(() => later.end("r2", { kind: "found", value: undefined, index: 8 })).toThrow(
    "9 was known",
  );
});

test("a value has one index, and an index one value", () => {
  const two = new Run().write("a", "1").done("a", 3).read("r");
  const moved: OracleOutcome = { kind: "found", value: "1", modifiedIndex: 4 };
  expect(() => two.end("r", moved)).toThrow('"k" = "1" is at index 3 and at index 4');
  const shared = new Run().write("a", "1", "x").write("b", "2", "y").done("a", 3);
  expect(() => shared.done("b", 3)).toThrow('index 3 is of "x" = "1" and of "y" = "2"');
});

test("the index of a value that was only read counts as known", () => {
  const run = new Run().write("a", "1").write("b", "2").read("r1");
  run.end("r1", { kind: "found", value: "2", modifiedIndex: 8 }).read("r2");
  const older: OracleOutcome = { kind: "found", value: "1", modifiedIndex: 7 };
  expect(() => run.end("r2", older)).toThrow(
    "gave a value of index 7, but one of index 8 was known",
  );
});

test("calls are told once, and each write of a key has a value of its own", () => {
  const run = new Run().write("a", "1");
  expect(() => run.write("a", "2")).toThrow("the id of a call is its own");
  expect(() => run.write("b", "1")).toThrow("has a value of its own");
  run.done("a");
  expect(() => run.done("a")).toThrow("a call ends once");
  expect(() => run.read("r").done("r")).toThrow("a read ends with what it found");
  expect(() => run.write("c", "3").found("c", "3")).toThrow("only a read finds something");
});
