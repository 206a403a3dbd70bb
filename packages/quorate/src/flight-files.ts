import fs from "node:fs/promises";
import { join } from "node:path";
import { RaftError } from "@quorate/core";
import type { Replica } from "@quorate/runtime";
import { storageError, systemCode } from "./storage-error.ts";

/** How many flight records a data directory keeps: the newest. */
export const flightFileCountMax = 8;

const fileName = /^flight-([1-9]\d{0,8})\.qfr$/;

/** What became of the flight record of a replica that failed. */
export type FlightRecordResult =
  /** It is in the file at `path`. */
  | { readonly kind: "written"; readonly path: string }
  /** It could not be written: `disk_full` or `storage_failed`. */
  | { readonly kind: "lost"; readonly error: Error };

/**
 * Writes `record`, of `Replica.flightRecord`, to a new file `flight-N.qfr` in `directory`, say the data
 * directory, and removes the oldest of such files beyond eight. Resolves with its path. Rejects with
 * `disk_full` or `storage_failed`.
 */
export async function writeFlightRecord(directory: string, record: Uint8Array): Promise<string> {
  try {
    const numbers = await flightNumbers(directory);
    const path = await writeNext(directory, (numbers.at(-1) ?? 0) + 1, record);
    const tooMany = Math.max(0, numbers.length + 1 - flightFileCountMax);
    for (const number of numbers.slice(0, tooMany)) {
      await fs.rm(join(directory, nameOf(number)), { force: true });
    }
    return path;
  } catch (error) {
    throw error instanceof RaftError
      ? error
      : storageError(`write a flight record to ${directory}`, error);
  }
}

/** The numbers of the records in `directory`, ascending. */
async function flightNumbers(directory: string): Promise<number[]> {
  const names = await fs.readdir(directory);
  const numbers = names.flatMap((name) => {
    const [, digits] = fileName.exec(name) ?? [];
    return digits === undefined ? [] : [Number(digits)];
  });
  return numbers.sort((a, b) => a - b);
}

/** Writes `record` under the first number from `number` on that nobody else took meanwhile. */
async function writeNext(directory: string, number: number, record: Uint8Array): Promise<string> {
  for (let next = number; ; next++) {
    const path = join(directory, nameOf(next));
    try {
      await fs.writeFile(path, record, { flag: "wx" });
      return path;
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
    }
  }
}

function nameOf(number: number): string {
  return `flight-${number}.qfr`;
}

/**
 * Writes the flight record of `replica` to `directory` if it fails, unless its disk is what failed, and tells
 * `onResult`. What it returns waits for that, and never rejects.
 */
export function recordFailure(
  replica: Pick<Replica<never, unknown>, "subscribe" | "status" | "flightRecord">,
  directory: string,
  onResult: (result: FlightRecordResult) => void,
): () => Promise<void> {
  let writing: Promise<void> = Promise.resolve();
  replica.subscribe((event) => {
    if (event.kind !== "failed") return;
    if (event.error instanceof RaftError && event.error.code === "storage_failed") return;
    const record = replica.flightRecord();
    if (record === undefined) return;
    writing = writeFlightRecord(directory, record).then(
      (path) => onResult({ kind: "written", path }),
      (error: unknown) => onResult({ kind: "lost", error: errorOf(error) }),
    );
  });
  return () => writing;
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
