import { mapOf, parseEdn } from "./edn.ts";
import { Fields } from "./fields.ts";
import { HistoryError } from "./history-error.ts";
import { type HistoryEvent, linesOf, mustHaveRoom } from "./history-event.ts";
import { eventOf } from "./knossos.ts";

/** A line of the log of a Jepsen test: process, type, operation, value; of all else nothing. */
const logLine = /^INFO\s+jepsen\.util\s+-\s+(\d{1,15})\s+:(invoke|ok|fail|info)\s+:(\w+)\s+(.*)$/;
/** What some logs add at the end of a line. */
const hint = /\s+:hint\s+\d+$/;

/**
 * Reads the two kinds of text that porcupine's tests are made of: the log of a Jepsen test of a
 * register, in which other lines may stand between those of the history, and maps of a key-value
 * store, one to a line. Throws a `HistoryError`.
 *
 * In the former, a compare-and-set that failed did compare, and found another value.
 */
export function parsePorcupine(text: string): readonly HistoryEvent[] {
  const events: HistoryEvent[] = [];
  for (const { line, text: content } of linesOf(text)) {
    const event = content.startsWith("{") ? mapEvent(line, content) : logEvent(line, content);
    if (event === undefined) continue;
    mustHaveRoom(events, line);
    events.push(event);
  }
  return events;
}

function mapEvent(line: number, content: string): HistoryEvent | undefined {
  const values = parseEdn(content);
  const map = mapOf(values[0]);
  if (map === undefined || values.length !== 1) {
    throw new HistoryError("syntax", line, "is not one map");
  }
  return eventOf({ ...map, line });
}

function logEvent(line: number, content: string): HistoryEvent | undefined {
  const [, process, type, name, rest = ""] = logLine.exec(content) ?? [];
  if (process === undefined || name === undefined || type === undefined) return undefined;
  const client = Number(process);
  const written = rest.replace(hint, "");
  const event = (as: HistoryEvent["type"], values: readonly (readonly [string, unknown])[]) => {
    const fields = new Fields(line, new Map(values));
    return { line, client, type: as, name, key: undefined, fields };
  };
  if (type === "info" || written === ":timed-out") {
    return event(type === "info" ? "info" : "fail", []);
  }
  if (name === "cas") {
    const [, from, to] = /^\[(\S+)\s+(\S+)\]$/.exec(written) ?? [];
    if (from === undefined || to === undefined) {
      throw new HistoryError("field", line, "the value of :cas must be [from to]");
    }
    const values = [
      ["from", valueOf(line, from)],
      ["to", valueOf(line, to)],
    ] as const;
    if (type === "invoke") return event(type, values);
    return event("ok", [["done", type === "ok"]]);
  }
  if (type === "fail") return event(type, []);
  return event(type === "ok" ? "ok" : "invoke", [["value", valueOf(line, written)]]);
}

function valueOf(line: number, text: string): number | null {
  if (text === "nil") return null;
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new HistoryError("field", line, `a value is ${text}, must be an integer or nil`);
}
