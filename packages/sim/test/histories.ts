import * as fc from "fast-check";
import {
  type History,
  HistoryRecorder,
  illegal,
  type Model,
  type KvInput,
  type KvOutput,
  type RegisterInput,
  type RegisterOutput,
} from "../src/index.ts";

/** Whether a history is linearizable, by trying every order: the definition, and nothing but. */
export function isLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
): boolean {
  const keys = new Set(history.map(({ key }) => key));
  return [...keys].every((key) => {
    const rest = history.filter((one) => one.key === key && one.end.kind !== "fail");
    return someOrder(model, model.initial(), rest);
  });
}

function someOrder<State, Input, Output>(
  model: Model<State, Input, Output>,
  state: State,
  rest: History<Input, Output>,
): boolean {
  if (rest.every(({ end }) => end.kind === "unknown")) return true;
  const firstEnd = Math.min(...rest.map(({ end }) => (end.kind === "ok" ? end.order : Infinity)));
  return rest.some((one) => {
    if (one.order > firstEnd) return false;
    const output = one.end.kind === "ok" ? one.end.output : undefined;
    const next = model.step(state, one.input, output);
    if (next === illegal) return false;
    return someOrder(
      model,
      next,
      rest.filter((other) => other !== one),
    );
  });
}

/** One thing that a client does: begin an operation if it has none under way, else end that one. */
interface Act<Input> {
  readonly client: number;
  readonly key: string;
  readonly input: Input;
  readonly end: "ok" | "fail" | "unknown";
  /** From 0 to 3: which of the outputs that are possible at all. */
  readonly choice: number;
}

function acts<Input>(
  input: fc.Arbitrary<Input>,
  most: number,
): fc.Arbitrary<readonly Act<Input>[]> {
  const act = fc.record({
    client: fc.nat(3),
    key: fc.constantFrom("a", "a", "b"),
    input,
    end: fc.constantFrom("ok", "ok", "ok", "ok", "fail", "unknown"),
    choice: fc.nat(3),
  });
  return fc.array(act, { maxLength: most });
}

function play<Input, Output>(
  all: readonly Act<Input>[],
  outputOf: (input: Input, choice: number) => Output,
): History<Input, Output> {
  const recorder = new HistoryRecorder<Input, Output>();
  const open = new Map<number, { readonly id: number; readonly input: Input }>();
  for (const { client, key, input, end, choice } of all) {
    const running = open.get(client);
    if (running === undefined) {
      open.set(client, { id: recorder.invoke(client, key, input), input });
      continue;
    }
    open.delete(client);
    if (end === "ok") recorder.ok(running.id, outputOf(running.input, choice));
    else if (end === "fail") recorder.fail(running.id);
    else recorder.unknown(running.id);
  }
  return recorder.history();
}

/** Histories of registers of at most `most` events, with any results: about half are linearizable. */
export function registerHistories(
  most: number,
): fc.Arbitrary<History<RegisterInput, RegisterOutput>> {
  const value = fc.nat(2);
  const input: fc.Arbitrary<RegisterInput> = fc.oneof(
    { weight: 3, arbitrary: fc.constant<RegisterInput>({ kind: "read" }) },
    { weight: 3, arbitrary: value.map((one): RegisterInput => ({ kind: "write", value: one })) },
    fc.tuple(value, value).map(([from, to]): RegisterInput => ({ kind: "cas", from, to })),
  );
  const outputOf = (of: RegisterInput, choice: number): RegisterOutput => {
    if (of.kind === "read") return choice === 3 ? null : choice;
    return of.kind === "cas" ? choice < 2 : null;
  };
  return acts(input, most).map((all) => play(all, outputOf));
}

/** Histories of a key-value store of at most `most` events, with any results and some indexes. */
export function kvHistories(most: number): fc.Arbitrary<History<KvInput, KvOutput>> {
  const value = fc.constantFrom("x", "y");
  const input: fc.Arbitrary<KvInput> = fc.oneof(
    { weight: 3, arbitrary: fc.constant<KvInput>({ kind: "get" }) },
    value.map((one): KvInput => ({ kind: "put", value: one })),
    value.map((one): KvInput => ({ kind: "append", value: one })),
    fc.constant<KvInput>({ kind: "delete" }),
  );
  const values = [null, "x", "y", "xy"];
  const outputOf = (of: KvInput, choice: number): KvOutput => {
    const index = choice === 3 ? undefined : choice;
    if (of.kind !== "get") return { kind: "written", index, previousIndex: undefined };
    const modifiedIndex = choice % 2 === 0 ? choice : undefined;
    return { kind: "found", value: values[choice] ?? null, modifiedIndex };
  };
  return acts(input, most).map((all) => play(all, outputOf));
}
