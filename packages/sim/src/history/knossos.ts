import { type Edn, type EdnMap, itemsOf, mapOf, nameOf, parseEdn } from "./edn.ts";
import { Fields } from "./fields.ts";
import { HistoryError } from "./history-error.ts";
import { type HistoryEvent, mustHaveRoom } from "./history-event.ts";

/**
 * Reads a history as Jepsen and Knossos write it in EDN: maps with `:process`, `:type`, `:f` and
 * `:value`, in one vector or list, or one after the other. What is not done by a numbered process,
 * as the nemesis, is left out. Throws a `HistoryError`.
 */
export function parseKnossos(text: string): readonly HistoryEvent[] {
  const events: HistoryEvent[] = [];
  for (const value of parseEdn(text)) {
    for (const one of itemsOf(value) ?? [value]) {
      const map = mapOf(one);
      if (map === undefined) throw new HistoryError("syntax", 0, "a history consists of maps");
      const event = eventOf(map);
      if (event === undefined) continue;
      mustHaveRoom(events, event.line);
      events.push(event);
    }
  }
  return events;
}

/** The event that a map tells, or undefined if it is not about a client. */
export function eventOf({ line, entries }: EdnMap): HistoryEvent | undefined {
  const process = entries.get("process");
  if (typeof process !== "number") {
    if (process !== undefined) return undefined;
    throw new HistoryError("field", line, ":process is missing");
  }
  if (!Number.isSafeInteger(process) || process < 0) {
    throw new HistoryError("field", line, `:process is ${process}, must be at least 0`);
  }
  const type = nameOf(entries.get("type"));
  if (type !== "invoke" && type !== "ok" && type !== "fail" && type !== "info") {
    throw new HistoryError("field", line, ":type must be :invoke, :ok, :fail or :info");
  }
  const name = nameOf(entries.get("f"));
  if (name === undefined) throw new HistoryError("field", line, ":f must be a keyword");
  const key = keyOf(entries.get("key"));
  return { line, client: process, type, name, key, fields: fieldsOf(line, name, entries) };
}

/** The fields of an event in the terms of HISTORY.md. */
function fieldsOf(line: number, name: string, entries: ReadonlyMap<string, Edn>): Fields {
  const value = entries.get("value") ?? null;
  if (name !== "cas") return new Fields(line, new Map([["value", plain(value)]]));
  const pair = itemsOf(value) ?? [];
  if (pair.length !== 2) throw new HistoryError("field", line, ":value of :cas must be [from to]");
  const [from = null, to = null] = pair;
  return new Fields(
    line,
    new Map([
      ["from", plain(from)],
      ["to", plain(to)],
    ]),
  );
}

/** The value as JSON has it: names are text. */
function plain(value: Edn): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value.kind === "name") return value.name;
  return itemsOf(value)?.map(plain) ?? {};
}

function keyOf(key: Edn | undefined): string | undefined {
  if (key === undefined || key === null) return undefined;
  return typeof key === "string" ? key : JSON.stringify(plain(key));
}
