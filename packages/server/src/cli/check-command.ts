import { createReadStream } from "node:fs";
import process from "node:process";
import type { Readable } from "node:stream";
import {
  checkHistoryText,
  describeReport,
  HistoryError,
  type HistoryReport,
  historyTextMax,
} from "@quorate/sim";
import colors from "picocolors";
import { withoutCode } from "../api-error.ts";
import type { CheckSettings } from "./check-settings.ts";
import { CommandError, exitStatus } from "./exit-status.ts";

const mib = 1024 * 1024;

const statusOf: Record<HistoryReport["verdict"], number> = {
  ok: exitStatus.ok,
  illegal: exitStatus.illegal,
  unknown: exitStatus.undecided,
};

/** Says whether the history in the file at `path`, or on standard input if that is `-`, is linearizable. */
export async function checkCommand(path: string, settings: CheckSettings): Promise<number> {
  const text = await readText(path);
  const { format, model, budget, memoryMib, json } = settings;
  try {
    const report = checkHistoryText(text, {
      ...(format === undefined ? {} : { format }),
      ...(model === undefined ? {} : { model }),
      ...(budget === undefined ? {} : { stepsMax: budget }),
      ...(memoryMib === undefined ? {} : { cacheBytesMax: memoryMib * mib }),
    });
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : coloured(report));
    return statusOf[report.verdict];
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error;
    throw new CommandError(`${path}: ${withoutCode(error)}`);
  }
}

function coloured(report: HistoryReport): string {
  const { verdict } = report;
  const paint = { ok: colors.green, illegal: colors.red, unknown: colors.yellow }[verdict];
  return paint(verdict) + describeReport(report).slice(verdict.length);
}

async function readText(path: string): Promise<string> {
  const stream: Readable = path === "-" ? process.stdin : createReadStream(path);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  try {
    for await (const chunk of stream) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError("the stream is one of bytes");
      text += decoder.decode(chunk, { stream: true });
      if (text.length > historyTextMax) {
        throw new CommandError(`${path}: has more than ${historyTextMax} characters`);
      }
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandError(
      isEncoding(error) ? `${path}: is not UTF-8` : `cannot read ${path}: ${why}`,
    );
  }
}

function isEncoding(error: unknown): boolean {
  return (
    error instanceof TypeError &&
    "code" in error &&
    error.code === "ERR_ENCODING_INVALID_ENCODED_DATA"
  );
}
