import type { ReplicaAllocations, ReplicaCounts } from "./counts/replica-meters.ts";
import type { SnapshotOptions } from "quorate";

/** How a measured replica is set up. */
export interface ReplicaConfig {
  readonly id: number;
  readonly cluster: Readonly<Record<number, string>>;
  readonly dataDir: string;
  readonly tickMs: number;
  /** Whether to count what the process does, which makes it slower. */
  readonly isCounted?: boolean;
  /** What differs from a replica with default options and a state machine that counts. */
  readonly settings?: ReplicaSettings | undefined;
}

/** How a measured replica differs from the usual one. */
export interface ReplicaSettings {
  /** A large state; without it, commands are counted. */
  readonly state?: BulkSettings;
  /** Whether there are no snapshots of the count, so that the log keeps all that it ever had. */
  readonly keepsLog?: boolean;
  /** How much memory keeps what the core was told of late. */
  readonly flightRecorderBytes?: number;
  /** Limits, none of them infinite: they travel as JSON. */
  readonly snapshots?: SnapshotOptions;
}

/** A state that is nothing but bytes to be streamed. */
export interface BulkSettings {
  /** Whether the replica keeps the state, or the state machine by itself. */
  readonly kind: "memory" | "durable";
  /** The length of a snapshot. */
  readonly bytes: number;
}

/** What the parent asks of a replica's process. */
export type Command =
  | {
      readonly kind: "load";
      readonly clients: number;
      readonly bytes: number;
      readonly writes: number;
      readonly seconds: number;
      /** Ends it when this has happened, as `events` names it. */
      readonly until?: string;
    }
  | { readonly kind: "status" }
  | { readonly kind: "first-commit" }
  /** What was done so far. The replica must be one that is counted. */
  | { readonly kind: "counts" }
  /** From now on counts allocations, until it is asked for them. */
  | { readonly kind: "watch-allocations" }
  | { readonly kind: "allocations" }
  | { readonly kind: "reach"; readonly index: number }
  | { readonly kind: "events" }
  | { readonly kind: "snapshot" }
  | { readonly kind: "usage" }
  | { readonly kind: "collect-garbage" }
  | { readonly kind: "close" };

/** How a load went. */
export interface LoadResult {
  readonly writes: number;
  readonly seconds: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** What a process has used. */
export interface Usage {
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  /** Processor time of all its threads since it began, in microseconds. */
  readonly cpuMicroseconds: number;
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
  /** It has applied the index asked for. Times are milliseconds since 1970, with fractions. */
  | { readonly kind: "reached"; readonly atMs: number }
  /** When something happened, by what happened: its kind, and the peer if there is one. */
  | { readonly kind: "events"; readonly timesMs: Readonly<Record<string, readonly number[]>> }
  | { readonly kind: "snapshot"; readonly bytes: number }
  | { readonly kind: "usage"; readonly usage: Usage }
  | { readonly kind: "collected" }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly reason: string };
