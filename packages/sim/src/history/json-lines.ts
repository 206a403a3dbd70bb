import { Fields } from "./fields.ts";
import { HistoryError } from "./history-error.ts";
import { type HistoryEvent, linesOf, mustHaveRoom } from "./history-event.ts";
import type { History } from "./history.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** The version of the format that is written, and the only one that is read. */
const version = 1;

/** A history of JSON lines: its events, and the model that its head names, if it has one. */
export interface JsonLines {
  readonly model: string | undefined;
  readonly events: readonly HistoryEvent[];
}

/** Reads a history of JSON lines, as HISTORY.md specifies. Throws a `HistoryError`. */
export function parseJsonLines(text: string): JsonLines {
  const events: HistoryEvent[] = [];
  let model: string | undefined;
  let isFirst = true;
  for (const { line, text: content } of linesOf(text)) {
    if (content === "") continue;
    const fields = parseLine(line, content);
    if (isFirst && fields.has("history")) model = readHead(fields);
    else {
      mustHaveRoom(events, line);
      events.push(readEvent(fields));
    }
    isFirst = false;
  }
  return { model, events };
}

/** The history as JSON lines, with a head that names `model`. Operations under way end in nothing. */
export function formatJsonLines<Input, Output>(
  model: string,
  vocabulary: Vocabulary<Input, Output>,
  history: History<Input, Output>,
): string {
  const events: { readonly order: number; readonly fields: object }[] = [];
  for (const { client, key, input, order, end } of history) {
    const name = vocabulary.nameOf(input);
    const fields = { client, type: "invoke", op: name, key, ...vocabulary.writeInput(input) };
    events.push({ order, fields });
    if (end.kind === "unknown") continue;
    const written = end.kind === "ok" ? vocabulary.writeOutput(input, end.output) : {};
    events.push({ order: end.order, fields: { client, type: end.kind, ...written } });
  }
  events.sort((a, b) => a.order - b.order);
  const lines = [{ history: version, model }, ...events.map(({ fields }) => fields)];
  return lines.map((fields) => `${JSON.stringify(fields)}\n`).join("");
}

function readHead(fields: Fields): string | undefined {
  const found = fields.count("history");
  if (found !== version) {
    throw new HistoryError("version", fields.line, `version is ${found}, must be ${version}`);
  }
  return fields.optionalText("model");
}

function readEvent(fields: Fields): HistoryEvent {
  const type = fields.text("type");
  if (type !== "invoke" && type !== "ok" && type !== "fail" && type !== "info") {
    const what = `type is "${type}", must be invoke, ok, fail or info`;
    throw new HistoryError("field", fields.line, what);
  }
  return {
    line: fields.line,
    client: fields.count("client"),
    type,
    name: type === "invoke" ? fields.text("op") : fields.optionalText("op"),
    key: fields.optionalText("key"),
    fields,
  };
}

function parseLine(line: number, content: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : String(error);
    throw new HistoryError("syntax", line, `is not JSON: ${why}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HistoryError("syntax", line, "is not an object");
  }
  return new Fields(line, new Map(Object.entries(value)));
}
