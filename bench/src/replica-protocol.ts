import type { ReplicaAllocations, ReplicaCounts } from "./counts/replica-meters.ts";

/** How a measured replica is set up. */
export interface ReplicaConfig {
  readonly id: number;
  readonly cluster: Readonly<Record<number, string>>;
  readonly dataDir: string;
  readonly tickMs: number;
  /** Whether to count what the process does, which makes it slower. */
  readonly isCounted?: boolean;
}

/** What the parent asks of a replica's process. */
export type Command =
  | {
      readonly kind: "load";
      readonly clients: number;
      readonly bytes: number;
      readonly writes: number;
      readonly seconds: number;
    }
  | { readonly kind: "status" }
  | { readonly kind: "first-commit" }
  /** What was done so far. The replica must be one that is counted. */
  | { readonly kind: "counts" }
  /** From now on counts allocations, until it is asked for them. */
  | { readonly kind: "watch-allocations" }
  | { readonly kind: "allocations" }
  | { readonly kind: "close" };

/** How a load went. */
export interface LoadResult {
  readonly writes: number;
  readonly seconds: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** What a replica's process answers. */
export type Reply =
  | { readonly kind: "started" }
  | { readonly kind: "load"; readonly result: LoadResult }
  | {
      readonly kind: "status";
      readonly role: string;
      readonly leader: number;
      readonly appliedIndex: number;
      readonly commitIndex: number;
    }
  | { readonly kind: "first-commit"; readonly atMs: number }
  | { readonly kind: "counts"; readonly counts: ReplicaCounts }
  | { readonly kind: "watching" }
  | { readonly kind: "allocations"; readonly allocations: ReplicaAllocations }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly reason: string };
