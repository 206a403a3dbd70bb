import { checkHistory, type CheckOptions, type HistoryVerdict } from "./check-history.ts";
import { counterModel, counterVocabulary } from "./counter.ts";
import { HistoryError } from "./history-error.ts";
import {
  assembleHistory,
  type HistoryEvent,
  historyTextMax,
  type ParsedHistory,
} from "./history-event.ts";
import { newReport, type HistoryReport } from "./history-report.ts";
import { parseJsonLines } from "./json-lines.ts";
import { parseKnossos } from "./knossos.ts";
import { kvModel, kvVocabulary } from "./kv.ts";
import { listModel, listVocabulary } from "./list.ts";
import type { Model } from "./model.ts";
import { parsePorcupine } from "./porcupine.ts";
import { registerModel, registerVocabulary } from "./register.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** What a history may be written in. */
export type HistoryFormat = (typeof historyFormats)[number];

/** JSON lines, as HISTORY.md specifies; EDN of Jepsen and Knossos; the text of porcupine's tests. */
export const historyFormats = ["jsonl", "edn", "porcupine"] as const;

/** The name of a model that histories in text form can be held against. */
export type ModelName = (typeof modelNames)[number];

/** The models that come along. */
export const modelNames = ["register", "kv", "counter", "list"] as const;

/** How a history in text form is checked. */
export interface CheckTextOptions extends CheckOptions {
  /** Default: what the first character of the text suggests. */
  readonly format?: HistoryFormat;
  /** Default: the one that the text names, or that has the first operation. */
  readonly model?: ModelName;
}

/** Checks a history in text form. Throws a `HistoryError` if it cannot be used, and `invalid_options`. */
export function checkHistoryText(text: string, options: CheckTextOptions = {}): HistoryReport {
  if (text.length > historyTextMax) {
    throw new HistoryError("limit", 0, `the history has more than ${historyTextMax} characters`);
  }
  const format = options.format ?? formatOf(text);
  const { events, model: named } = parse(format, text);
  const model = options.model ?? modelOf(events, named);
  // A store of the tests of porcupine has an empty value where there is none.
  const absent = format === "porcupine" ? "" : null;
  switch (model) {
    case "register":
      return check(model, registerModel, registerVocabulary, events, options);
    case "kv":
      return check(model, kvModel(absent), kvVocabulary, events, options);
    case "counter":
      return check(model, counterModel, counterVocabulary, events, options);
    case "list":
      return check(model, listModel, listVocabulary, events, options);
  }
}

function check<State, Input, Output>(
  name: ModelName,
  model: Model<State, Input, Output>,
  vocabulary: Vocabulary<Input, Output>,
  events: readonly HistoryEvent[],
  options: CheckOptions,
): HistoryReport {
  const parsed: ParsedHistory<Input, Output> = assembleHistory(vocabulary, events);
  const verdict: HistoryVerdict<State, Input, Output> = checkHistory(
    model,
    parsed.history,
    options,
  );
  return newReport(name, model, parsed, verdict);
}

function parse(
  format: HistoryFormat,
  text: string,
): { readonly events: readonly HistoryEvent[]; readonly model: string | undefined } {
  switch (format) {
    case "jsonl":
      return parseJsonLines(text);
    case "edn":
      return { events: parseKnossos(text), model: undefined };
    case "porcupine":
      return { events: parsePorcupine(text), model: undefined };
  }
}

/** A guess: JSON has a quote or the end behind its brace, EDN has not; a log begins with a word. */
function formatOf(text: string): HistoryFormat {
  const start = text.slice(0, 4096).trimStart();
  if (/^\{\s*["}]/.test(start)) return "jsonl";
  return /^[[({;#]/.test(start) ? "edn" : "porcupine";
}

function modelOf(events: readonly HistoryEvent[], named: string | undefined): ModelName {
  if (named !== undefined) {
    const known = modelNames.find((name) => name === named);
    if (known !== undefined) return known;
    const what = `the model is "${named}", must be one of ${modelNames.join(", ")}`;
    throw new HistoryError("version", 1, what);
  }
  const first = events.find(({ type }) => type === "invoke");
  if (first === undefined) throw new HistoryError("empty", 0, "there is no operation");
  const name = first.name ?? "";
  if (registerVocabulary.names.includes(name)) return "register";
  if (kvVocabulary.names.includes(name)) return "kv";
  if (counterVocabulary.names.includes(name)) return "counter";
  if (listVocabulary.names.includes(name)) return "list";
  throw new HistoryError("operation", first.line, `no model has the operation "${name}"`);
}
