import process from "node:process";
import { setImmediate } from "node:timers/promises";

/**
 * A process that runs seeds of the simulator that lies beside it, from several starts, each until the
 * first that fails, and prints one line of JSON for each start.
 * Arguments: `simulate` or `simulateWhole`, how many seeds at most from each start, and the starts.
 * `exploreStandard` takes no seed: each start is one exploration.
 */

/** How one start came out. */
export interface StartReport {
  readonly start: number;
  /** How many seeds were run; the last one is that which failed, if one did. */
  readonly seedCount: number;
  readonly failure: FailureReport | undefined;
}

/** What the failure of a seed says about who saw it. */
export interface FailureReport {
  /** The class of the error: `Violation`, `AssertionError`, `LivenessFailure`, `RaftError`, or a surprise. */
  readonly name: string;
  readonly message: string;
  /** The number of the broken invariant, the stall, or the code, if the error has one. */
  readonly label: string | undefined;
}

type Simulate = (...seed: readonly number[]) => unknown;

async function main(): Promise<void> {
  const [, , name = "simulate", most = "0", ...starts] = process.argv;
  const simulate = await load(name);
  if (simulate === undefined) {
    process.stdout.write(`${JSON.stringify({ absent: name })}\n`);
    return;
  }
  for (const start of starts.map(Number)) {
    const explore = (): unknown => simulate();
    const judge = name === "exploreStandard" ? explore : simulate;
    const report = await runStart(judge, start, Number(most));
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
}

async function load(name: string): Promise<Simulate | undefined> {
  const url = new URL("node_modules/@quorate/sim/dist/index.js", import.meta.url);
  const module: unknown = await import(url.href);
  if (typeof module !== "object" || module === null) return undefined;
  const found = new Map<string, unknown>(Object.entries(module)).get(name);
  return isSimulate(found) ? found : undefined;
}

function isSimulate(value: unknown): value is Simulate {
  return typeof value === "function";
}

async function runStart(simulate: Simulate, start: number, most: number): Promise<StartReport> {
  for (let seed = start; seed < start + most; seed++) {
    try {
      // The whole level is asynchronous, the core level is not.
      await simulate(seed);
      // A rejection that nobody handled is told once the event loop goes on.
      await setImmediate();
      if (unhandled.length > 0) throw unhandled[0];
    } catch (error) {
      await setImmediate();
      unhandled.length = 0;
      return { start, seedCount: seed - start + 1, failure: reportOf(error) };
    }
  }
  return { start, seedCount: most, failure: undefined };
}

/** The rejections of the last seed that nobody handled. */
const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => {
  unhandled.push(reason);
});

/** What the simulator throws wraps what was seen. */
function reportOf(thrown: unknown): FailureReport {
  const error = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
  if (!(error instanceof Error)) {
    return { name: typeof error, message: String(error), label: undefined };
  }
  const members = new Map<string, unknown>(Object.entries(error));
  const label = ["invariant", "stall", "code"].map((key) => members.get(key));
  const [first] = label.filter((value) => typeof value === "string");
  const [line = ""] = error.message.split("\n");
  return { name: error.name, message: line, label: first };
}

await main();
