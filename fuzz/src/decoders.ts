import { newDiskTargets } from "./disk-targets.ts";
import { flightTargets } from "./flight-targets.ts";
import { newDraw } from "./mutation.ts";
import { nodeTargets } from "./node-targets.ts";
import { replicaTargets } from "./replica-targets.ts";
import { serverTargets } from "./server-targets.ts";
import { simTargets } from "./sim-targets.ts";
import { type TargetReport, tryTarget } from "./target.ts";
import { wireTargets } from "./wire-targets.ts";

/** How much is tried: so many inputs over all targets, or for so long. */
export type Extent = { readonly inputCount: number } | { readonly seconds: number };

/**
 * Tries everything that reads bytes, each with inputs that follow from `seed` and its name alone. Rejects
 * with `Broken` on the first input that something does not stand.
 */
export async function tryDecoders(
  extent: Extent,
  seed: number,
  onReport: (report: TargetReport) => void = () => {},
): Promise<TargetReport[]> {
  const targets = [
    ...wireTargets,
    ...(await newDiskTargets()),
    ...replicaTargets,
    ...flightTargets,
    ...nodeTargets,
    ...serverTargets,
    ...simTargets,
  ];
  let shares = 0;
  for (const target of targets) shares += target.share;
  const reports: TargetReport[] = [];
  const { stackTraceLimit } = Error;
  // Traces would take most of the time.
  Error.stackTraceLimit = 0;
  try {
    for (const target of targets) {
      const draw = newDraw(seed ^ hashOf(target.name));
      const report = await tryTarget(target, draw, over(extent, target.share / shares));
      reports.push(report);
      onReport(report);
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return reports;
}

/** Whether a part of the whole is over. */
function over(extent: Extent, part: number): (inputCount: number) => boolean {
  if ("inputCount" in extent) {
    const least = Math.ceil(extent.inputCount * part);
    return (inputCount) => inputCount >= least;
  }
  const endMs = performance.now() + 1000 * extent.seconds * part;
  return () => performance.now() >= endMs;
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (const character of text) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x0100_0193);
  }
  return hash >>> 0;
}
