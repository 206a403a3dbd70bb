import { isSafe, type LogIndex, none, RaftError } from "@quorate/core";
import type { ReadOptions } from "./replica.ts";

/** What a read rests on. */
export type Consistency =
  | { readonly kind: "linearizable" }
  | { readonly kind: "lease" }
  /** At most `stalenessMsMax` old, `Infinity` for any age. */
  | { readonly kind: "local"; readonly stalenessMsMax: number };

/** What a read asks for, checked. */
export interface ReadDemand {
  readonly consistency: Consistency;
  readonly atLeast: LogIndex;
}

/** What `options` ask for, or why that cannot be: always `invalid_argument`. */
export function readDemandOf(options: ReadOptions, leaseReads: boolean): ReadDemand | RaftError {
  const { consistency = "linearizable", maxStalenessMs, atLeast = none } = options;
  if (!isSafe(atLeast) || atLeast < 0) {
    return invalid(`atLeast must be an index of the log: got ${String(atLeast)}`);
  }
  if (maxStalenessMs !== undefined) {
    if (consistency !== "local") return invalid("maxStalenessMs goes with local reads only");
    if (typeof maxStalenessMs !== "number" || !(maxStalenessMs >= 0)) {
      return invalid(
        `maxStalenessMs must be a number of at least 0: got ${String(maxStalenessMs)}`,
      );
    }
  }
  switch (consistency) {
    case "linearizable":
      return { consistency: { kind: consistency }, atLeast };
    case "lease":
      if (!leaseReads) return invalid("lease reads need the option leaseReads of raft");
      return { consistency: { kind: consistency }, atLeast };
    case "local": {
      const stalenessMsMax = maxStalenessMs ?? Number.POSITIVE_INFINITY;
      return { consistency: { kind: consistency, stalenessMsMax }, atLeast };
    }
    default:
      return invalid(`no consistency is called ${String(consistency satisfies never)}`);
  }
}

function invalid(message: string): RaftError {
  return new RaftError("invalid_argument", message);
}
