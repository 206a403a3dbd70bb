import { createColors } from "picocolors";
import { pino, stdTimeFunctions, type Logger } from "pino";

/** What a log line looks like. `json`: one object, for machines. `pretty`: for a person at a terminal. */
export type LogFormat = "json" | "pretty";

/** How much is logged: each level includes those before it. */
export const logLevels = ["fatal", "error", "warn", "info", "debug"] as const;

/** One of `logLevels`. */
export type LogLevel = (typeof logLevels)[number];

/** Where log lines go. `write` gets whole lines. */
export interface LogSink {
  write(line: string): void;
}

/** A log of `node` that writes lines of `format` to `sink`. */
export function createLog(
  node: number,
  options: { readonly format: LogFormat; readonly level: LogLevel; readonly color?: boolean },
  sink: LogSink,
): Logger {
  const pretty: LogSink = {
    write: (line) => sink.write(prettyLine(line, options.color ?? false)),
  };
  return pino(
    {
      level: options.level,
      messageKey: "message",
      base: { node },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    options.format === "pretty" ? pretty : sink,
  );
}

/**
 * The JSON log line `line` for a person: time, level, message, and the other fields as `name=value`. The
 * kind of an event, which the message says in other words, is left out.
 */
export function prettyLine(line: string, color: boolean): string {
  const fields: unknown = JSON.parse(line);
  if (typeof fields !== "object" || fields === null) return line;
  const colors = createColors(color);
  const paints: Record<string, (text: string) => string> = {
    fatal: colors.red,
    error: colors.red,
    warn: colors.yellow,
    info: colors.green,
    debug: colors.dim,
  };
  let [time, level, message, rest] = ["", "", "", ""];
  for (const [name, value] of Object.entries(fields)) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    if (name === "time") time = text.slice(11, 23);
    else if (name === "level") level = text;
    else if (name === "message") message = text;
    else if (name === "event") continue;
    else if (name === "err") rest += `\n  ${describeError(value)}`;
    else rest += ` ${name}=${text}`;
  }
  const paint = paints[level] ?? String;
  return `${colors.dim(time)} ${paint(level.padEnd(5))} ${message}${colors.dim(rest)}\n`;
}

function describeError(value: unknown): string {
  const stack: unknown =
    typeof value === "object" && value !== null && "stack" in value ? value.stack : value;
  return String(stack).replaceAll("\n", "\n  ");
}
