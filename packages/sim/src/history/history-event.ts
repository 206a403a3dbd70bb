import type { Fields } from "./fields.ts";
import { HistoryError } from "./history-error.ts";
import { type History, HistoryRecorder } from "./history.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** One event of a history in text form, in the terms of HISTORY.md, whatever its format. */
export interface HistoryEvent {
  /** Where it stands in the text, from 1 on. */
  readonly line: number;
  readonly client: number;
  readonly type: "invoke" | "ok" | "fail" | "info";
  /** The name of the operation, which an end need not repeat. */
  readonly name: string | undefined;
  readonly key: string | undefined;
  readonly fields: Fields;
}

/** A history as it was read. */
export interface ParsedHistory<Input, Output> {
  readonly history: History<Input, Output>;
  /** The line of each call and end: that of order n at offset n. */
  readonly lines: readonly number[];
}

interface OpenCall<Input> {
  readonly id: number;
  readonly name: string;
  readonly key: string;
  readonly input: Input;
}

/** The most events that a history in text form may have. */
export const historyEventsMax = 2_000_000;

/** The longest history in text form, in UTF-16 code units. */
export const historyTextMax: number = 256 * 1024 * 1024;

/** The longest line of one, in UTF-16 code units. */
export const historyLineMax: number = 4 * 1024 * 1024;

/** Puts calls and ends together. Throws a `HistoryError` that names the line. */
export function assembleHistory<Input, Output>(
  vocabulary: Vocabulary<Input, Output>,
  events: readonly HistoryEvent[],
): ParsedHistory<Input, Output> {
  const recorder = new HistoryRecorder<Input, Output>();
  const open = new Map<number, OpenCall<Input>>();
  const lines: number[] = [];
  for (const event of events) {
    lines.push(event.line);
    if (event.type === "invoke") {
      if (open.has(event.client)) {
        throw new HistoryError(
          "client-busy",
          event.line,
          `client ${event.client} is still calling`,
        );
      }
      open.set(event.client, invoke(vocabulary, recorder, event));
      continue;
    }
    const call = open.get(event.client);
    if (call === undefined) {
      throw new HistoryError("no-call", event.line, `client ${event.client} has not called`);
    }
    mustBeThat(call, event);
    open.delete(event.client);
    if (event.type === "ok") recorder.ok(call.id, vocabulary.readOutput(call.input, event.fields));
    else if (event.type === "fail") recorder.fail(call.id);
    else recorder.unknown(call.id);
  }
  if (lines.length === 0) throw new HistoryError("empty", 0, "there is no operation");
  return { history: recorder.history(), lines };
}

function invoke<Input, Output>(
  vocabulary: Vocabulary<Input, Output>,
  recorder: HistoryRecorder<Input, Output>,
  { line, client, name = "", key = "", fields }: HistoryEvent,
): OpenCall<Input> {
  if (!vocabulary.names.includes(name)) {
    const names = vocabulary.names.join(", ");
    throw new HistoryError("operation", line, `operation is "${name}", must be one of ${names}`);
  }
  const input = vocabulary.readInput(name, fields);
  return { id: recorder.invoke(client, key, input), name, key, input };
}

/** An end need not say what it ends, but if it does, it must be that. */
function mustBeThat<Input>(call: OpenCall<Input>, { line, name, key }: HistoryEvent): void {
  const isSame = (name ?? call.name) === call.name && (key ?? call.key) === call.key;
  if (isSame) return;
  const wanted = `${call.name} of "${call.key}"`;
  throw new HistoryError(
    "no-call",
    line,
    `ends another operation than ${wanted}, which is under way`,
  );
}

/** Guards a reader against too many events. */
export function mustHaveRoom(events: readonly HistoryEvent[], line: number): void {
  if (events.length < historyEventsMax) return;
  throw new HistoryError("limit", line, `there are more than ${historyEventsMax} events`);
}

/** The lines of a text, without what ends them. Throws a `HistoryError` past a limit. */
export function* linesOf(
  text: string,
): Generator<{ readonly line: number; readonly text: string }> {
  let start = 0;
  for (let line = 1; start < text.length; line++) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    if (end - start > historyLineMax) {
      throw new HistoryError("limit", line, `has more than ${historyLineMax} characters`);
    }
    yield { line, text: text.slice(start, end).trim() };
    start = end + 1;
  }
}
