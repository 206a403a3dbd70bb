import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { PeerProgram } from "./peer-builds.ts";

const start = promisify(execFile);

/** What one sample of a core is taken of. */
export interface CoreSetting {
  readonly voters: number;
  readonly bytes: number;
  /** How many commands are proposed before everything is pumped. */
  readonly batch: number;
  readonly entries: number;
}

/** What a core peer prints: one line of JSON. */
export interface CoreSample {
  readonly entries: number;
  readonly seconds: number;
  /** Of all threads: what the work cost, however busy the machine was. */
  readonly cpuSeconds: number;
  readonly messages: number;
}

/**
 * Runs `<program> core --voters N --bytes N --batch N --entries N`, which warms up by itself, and returns
 * what it measured. Rejects if it fails or prints something else.
 */
export async function sampleCore(
  program: PeerProgram,
  setting: CoreSetting,
  extra: readonly string[] = [],
): Promise<CoreSample> {
  const { voters, bytes, batch, entries } = setting;
  const settings = Object.entries({ voters, bytes, batch, entries });
  const args = settings.flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { stdout } = await start(program.command, [...program.args, "core", ...args, ...extra], {
    timeout: 10 * 60_000,
  });
  return readSample(stdout);
}

/** Reads the line of a core peer. Throws if it is none. */
export function readSample(line: string): CoreSample {
  const said: unknown = JSON.parse(line);
  if (typeof said !== "object" || said === null) throw new Error(`no sample: ${line}`);
  const numbers = new Map<string, unknown>(Object.entries(said));
  const number = (name: string): number => {
    const value = numbers.get(name);
    if (typeof value === "number" && value >= 0) return value;
    throw new Error(`${name} is missing: ${line}`);
  };
  return {
    entries: number("entries"),
    seconds: number("seconds"),
    cpuSeconds: number("cpuSeconds"),
    messages: number("messages"),
  };
}
