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
  const { consistency = "linearizable", stalenessMsMax, atLeast = none } = options;
  if (!isSafe(atLeast) || atLeast < 0) {
    return invalid(`atLeast must be an index of the log: got ${String(atLeast)}`);
  }
  if (stalenessMsMax !== undefined) {
    if (consistency !== "local") return invalid("stalenessMsMax goes with local reads only");
    if (typeof stalenessMsMax !== "number" || !(stalenessMsMax >= 0)) {
      return invalid(
        `stalenessMsMax must be a number of at least 0: got ${String(stalenessMsMax)}`,
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
      const most = stalenessMsMax ?? Number.POSITIVE_INFINITY;
      return { consistency: { kind: consistency, stalenessMsMax: most }, atLeast };
    }
    default:
      return invalid(`no consistency is called ${String(consistency satisfies never)}`);
  }
}

function invalid(message: string): RaftError {
  return new RaftError("invalid_argument", message);
}
