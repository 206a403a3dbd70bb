import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { tryDecoders } from "./decoders.ts";
import { attackLivePorts, memoryGrowthMax } from "./live.ts";

// `npm run fuzz`: hostile inputs to everything that reads bytes, and to the ports of real nodes.

const usage = "usage: npm run fuzz -- (--inputs N | --minutes N) [--live-share PERCENT] [--seed N]";

/** The number that an option gives, from `least` to `most`; undefined if it gives none. */
function numberIn(text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (value >= least && value <= most) return value;
  throw new RangeError(`"${text}" must be a number from ${least} to ${most}`);
}

function mebis(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What this process holds once its garbage is collected, in bytes; not what is kept to be used again. */
function ownMemory(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc()");
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function campaign(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      inputs: { type: "string" },
      minutes: { type: "string" },
      "live-share": { type: "string" },
      seed: { type: "string" },
    },
  });
  const inputs = numberIn(values.inputs, 1, 1e12);
  const minutes = numberIn(values.minutes, 0.01, 1e6);
  if ((inputs === undefined) === (minutes === undefined)) throw new RangeError(usage);
  const seed = numberIn(values.seed, 0, 0xffff_ffff) ?? Date.now() % 0x1_0000_0000;
  const live = (numberIn(values["live-share"], 0, 100) ?? 10) / 100;
  print(`seed ${seed}`);

  const decoderPart =
    inputs === undefined
      ? { seconds: 60 * (minutes ?? 0) * (1 - live) }
      : { inputCount: inputs * (1 - live) };
  const before = ownMemory();
  const decoded = await tryDecoders(
    decoderPart,
    seed,
    ({ name, inputCount, seconds, outcomes }) => {
      const share = (100 * (outcomes.get("read") ?? 0)) / inputCount;
      const figures = `${inputCount} inputs in ${seconds.toFixed(1)} s, ${share.toFixed(1)}% read`;
      print(`  ${name.padEnd(34)} ${figures}`);
    },
  );
  const after = ownMemory();
  const memory = `memory ${mebis(before)} before, ${mebis(after)} after`;
  print(`decoders: ${sum(decoded)} inputs, ${memory}`);
  if (after - before > memoryGrowthMax) throw new Error(`the decoders hold too much: ${memory}`);

  const livePart =
    inputs === undefined ? { seconds: 60 * (minutes ?? 0) * live } : { inputCount: inputs * live };
  const attacked = await attackLivePorts(livePart, seed, (report) => {
    const [held, holds] = report.memoryBytes;
    const figures = `${report.inputCount} inputs in ${report.seconds.toFixed(1)} s`;
    const health = `alive within ${report.healthMsMax.toFixed(0)} ms`;
    const name = report.name.padEnd(34);
    print(`  ${name} ${figures}, memory ${mebis(held)} to ${mebis(holds)}, ${health}`);
  });
  print(`live ports: ${sum(attacked)} inputs`);
  print(`all: ${sum(decoded) + sum(attacked)} inputs, nothing broke`);
}

function sum(reports: readonly { readonly inputCount: number }[]): number {
  return reports.reduce((total, { inputCount }) => total + inputCount, 0);
}

try {
  await campaign(process.argv.slice(2));
} catch (error) {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${error instanceof RangeError ? error.message : text}\n`);
  process.exitCode = 1;
}
