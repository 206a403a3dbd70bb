import { type Entry, type LogIndex, newEntry } from "@quorate/core";
import type { StateMachine } from "@quorate/runtime";
import { Violation } from "../judge.ts";
import type { App } from "./app.ts";
import type { CallRecord } from "./call.ts";
import { AppDefect, type Committed } from "./one-log.ts";
import { usPerMs } from "./timeline.ts";
import { sameValue, valueText } from "./same-value.ts";

/**
 * Judges what clients were told against the one log of commands, in time linear in both. Every success
 * names its place in the log, so no order has to be searched for: the log is the order, and it must be
 *
 * - complete: what was acknowledged is at its place, and nothing is there twice (I12);
 * - honest: nothing is in it that no client asked for, or that a client was told had failed (I12);
 * - no older than was asked for: a token is seen, and what is older than a bound on staleness (I11);
 * - in real time: what ended before another call began comes before it (I11);
 * - right: the model, given the commands in this order, gives what clients were told.
 */
export async function judgeCalls<Query, Answer>(
  app: App<Query, Answer>,
  commands: readonly Committed[],
  records: readonly CallRecord<Query, Answer>[],
): Promise<void> {
  judgePlaces(commands, records);
  judgeOrigins(commands, records);
  judgeRealTime(records);
  judgeTokens(records);
  judgeStaleness(records);
  await judgeModel(app, commands, records);
}

/** Every acknowledged write is where its client was told. */
function judgePlaces<Query, Answer>(
  commands: readonly Committed[],
  records: readonly CallRecord<Query, Answer>[],
): void {
  const places = new Map(commands.map((command) => [command.index, command]));
  const taken = new Set<LogIndex>();
  for (const { call, ending, number } of records) {
    if (ending.kind !== "applied" || call.kind !== "write") continue;
    const { index } = ending;
    const found = places.get(index);
    if (found === undefined || !sameValue(found.command, call.command)) {
      const instead = found === undefined ? "nothing" : valueText(found.command);
      throw new Violation("I12", `call ${number} was applied at ${index}, where ${instead} is`);
    }
    if (taken.has(index)) {
      throw new Violation("I12", `two calls were both told that they were applied at ${index}`);
    }
    taken.add(index);
  }
}

/** No command is there more often than clients asked for it and were not told that it failed. */
function judgeOrigins<Query, Answer>(
  commands: readonly Committed[],
  records: readonly CallRecord<Query, Answer>[],
): void {
  const allowed = new Map<string, number>();
  for (const { call, ending } of records) {
    if (call.kind !== "write" || ending.kind === "failed") continue;
    const name = valueText(call.command);
    allowed.set(name, (allowed.get(name) ?? 0) + 1);
  }
  for (const { command, index } of commands) {
    const name = valueText(command);
    const left = (allowed.get(name) ?? 0) - 1;
    if (left < 0) {
      throw new Violation(
        "I12",
        `the command ${name} at ${index} was applied more often than any client asked for it, ` +
          "or after all of them were told that it had failed",
      );
    }
    allowed.set(name, left);
  }
}

/** A linearizable call sees, or comes after, everything that had ended when it was made. */
function judgeRealTime<Query, Answer>(records: readonly CallRecord<Query, Answer>[]): void {
  const settled = records.filter(({ call, ending }) => {
    return "index" in ending && !(call.kind === "read" && call.consistency === "local");
  });
  const endings = [...settled].sort((a, b) => (a.endOrder ?? 0) - (b.endOrder ?? 0));
  let next = 0;
  let newest: LogIndex = 0;
  let newestCall = 0;
  for (const { order, ending, number, call } of settled) {
    for (; next < endings.length; next++) {
      const earlier = endings[next];
      if (earlier?.endOrder === undefined || earlier.endOrder > order) break;
      const index = "index" in earlier.ending ? earlier.ending.index : 0;
      if (index > newest) [newest, newestCall] = [index, earlier.number];
    }
    const index = "index" in ending ? ending.index : 0;
    if (call.kind === "write" ? index > newest : index >= newest) continue;
    throw new Violation(
      "I11",
      `call ${number}, a ${call.kind}, came to stand at ${index}, though call ${newestCall} had ended ` +
        `at ${newest} before it began`,
    );
  }
}

/** A read that was given a token sees what the token stands for. */
function judgeTokens<Query, Answer>(records: readonly CallRecord<Query, Answer>[]): void {
  for (const { ending, atLeast, number } of records) {
    if (ending.kind !== "answered" || ending.index >= atLeast) continue;
    const what = `call ${number} was to see ${atLeast}, and was answered as of ${ending.index}`;
    throw new Violation("I11", what);
  }
}

/** A read with a bound on its staleness sees every write that was acknowledged before that long ago. */
function judgeStaleness<Query, Answer>(records: readonly CallRecord<Query, Answer>[]): void {
  const writes = records
    .filter(({ ending }) => ending.kind === "applied")
    .sort((a, b) => (a.endAt ?? 0) - (b.endAt ?? 0));
  for (const { call, ending, at: beganAt, number } of records) {
    if (call.kind !== "read" || ending.kind !== "answered") continue;
    if (call.stalenessMsMax === undefined) continue;
    const seenFrom = beganAt - call.stalenessMsMax * usPerMs;
    const missed = writes.find((write) => {
      return (write.endAt ?? seenFrom) < seenFrom && indexOf(write) > ending.index;
    });
    if (missed === undefined) continue;
    throw new Violation(
      "I11",
      `call ${number} was to be no older than ${call.stalenessMsMax} ms, and was answered as of ` +
        `${ending.index}, ${(beganAt - (missed.endAt ?? 0)) / usPerMs} ms after call ${missed.number} ` +
        `had ended at ${indexOf(missed)}`,
    );
  }
}

/** What clients were told is what the model says. */
async function judgeModel<Query, Answer>(
  app: App<Query, Answer>,
  commands: readonly Committed[],
  records: readonly CallRecord<Query, Answer>[],
): Promise<void> {
  const model = app.model?.() ?? app.stateMachine();
  const reads = records
    .filter(({ ending }) => ending.kind === "answered")
    .sort((a, b) => indexOf(a) - indexOf(b));
  const told = new Map<LogIndex, CallRecord<Query, Answer>>();
  for (const record of records) {
    if (record.ending.kind === "applied") told.set(indexOf(record), record);
  }
  let next = 0;
  const answerUpTo = async (index: LogIndex): Promise<void> => {
    for (; next < reads.length; next++) {
      const record = reads[next];
      if (record === undefined || indexOf(record) >= index) return;
      await judgeAnswer(model, record);
    }
  };
  for (const { index, term, command, result } of commands) {
    await answerUpTo(index);
    const entry: Entry = newEntry({ term, index }, "command", command.slice());
    const [expected] = await model.apply([entry]);
    const record = told.get(index);
    const what = record?.call.label ?? `the command ${valueText(command)}`;
    if (record?.ending.kind === "applied" && !sameValue(record.ending.result, expected)) {
      const given = `${valueText(record.ending.result)}, and should have been ${valueText(expected)}`;
      const where = `call ${record.number}, ${what}, at index ${index}`;
      throw new AppDefect(`the result of ${where} was ${given}`);
    }
    if (sameValue(result, expected)) continue;
    const given = `${valueText(result)}, and should have given ${valueText(expected)}`;
    throw new AppDefect(`a replica that applied ${what} at index ${index} gave ${given}`);
  }
  await answerUpTo(Number.POSITIVE_INFINITY);
}

async function judgeAnswer<Query, Answer>(
  model: StateMachine<Query, Answer>,
  { call, ending, number }: CallRecord<Query, Answer>,
): Promise<void> {
  if (call.kind !== "read" || ending.kind !== "answered") return;
  const expected = await model.query(call.query);
  if (sameValue(ending.answer, expected)) return;
  const what = call.label ?? `the query ${valueText(call.query)}`;
  const given = `${valueText(ending.answer)}, and should have been ${valueText(expected)}`;
  throw new AppDefect(
    `the answer to call ${number}, ${what}, at index ${ending.index} was ${given}`,
  );
}

function indexOf<Query, Answer>({ ending }: CallRecord<Query, Answer>): LogIndex {
  return "index" in ending ? ending.index : 0;
}
