import type { Logger } from "pino";
import { type FlightRecordResult, type Replica, writeFlightRecord } from "quorate";

/** Logs where a flight record was written to, or that it could not be. */
export function logFlightRecord(log: Logger, result: FlightRecordResult): void {
  if (result.kind === "written") {
    log.warn({ path: result.path }, "wrote a flight record; play it with quorate replay");
  } else {
    log.error({ reason: result.error.message }, "a flight record could not be written");
  }
}

/** Writes what the core of `replica` was told of late to `dataDir` at every SIGUSR2, and logs the path. */
export function recordOnSignal(
  replica: Pick<Replica<never, unknown>, "flightRecord">,
  dataDir: string,
  log: Logger,
): void {
  // There is no such signal on Windows.
  if (process.platform === "win32") return;
  process.on("SIGUSR2", () => {
    const record = replica.flightRecord();
    if (record === undefined) {
      log.warn("this node keeps no flight record");
      return;
    }
    void writeAndLog(record, dataDir, log);
  });
}

async function writeAndLog(record: Uint8Array, dataDir: string, log: Logger): Promise<void> {
  try {
    logFlightRecord(log, { kind: "written", path: await writeFlightRecord(dataDir, record) });
  } catch (error) {
    logFlightRecord(log, {
      kind: "lost",
      error: error instanceof Error ? error : new Error(String(error)),
    });
  }
}
