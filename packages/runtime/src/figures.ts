import type { NodeId, RaftNode } from "@quorate/core";
import type { Wal } from "@quorate/wal";
import type { CountedNetwork } from "./counted-network.ts";
import type { Events } from "./events.ts";
import type { Outbox } from "./outbox.ts";
import type { Proposals } from "./proposals.ts";
import type { Reads } from "./reads.ts";
import type { RoleWatch } from "./role-watch.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";

/** What a replica counted since it was started. Every number only grows. */
export interface ReplicaCounters {
  /** Elections in which this replica was a candidate, and those that it won. Pre-votes do not count. */
  readonly elections: { readonly started: number; readonly won: number };
  /** How often a leader became known: another one, or the same in another term. */
  readonly leaderChanges: number;
  /**
   * What was handed to connections. A frame carries several messages of the core, or a command that is
   * handed over, or a piece of a snapshot; one is dropped if there is no connection, or no room.
   */
  readonly sent: {
    readonly frames: number;
    readonly messages: number;
    readonly bytes: number;
    readonly droppedFrames: number;
  };
  /** What came from other nodes. Bytes are those of payloads. */
  readonly received: { readonly frames: number; readonly bytes: number };
  /** Snapshots of the own state, and those that were sent to others or brought by them. */
  readonly snapshots: {
    readonly taken: number;
    readonly failed: number;
    readonly sent: number;
    readonly givenUp: number;
    readonly received: number;
    readonly restored: number;
  };
  /**
   * What became of the proposals that were made on this replica: what other nodes handed here counts
   * there. The outcome is that of their error; those refused because the replica was closed do not count.
   */
  readonly proposals: {
    readonly applied: number;
    readonly notApplied: number;
    readonly unknown: number;
  };
  /** What became of the reads on this replica. */
  readonly reads: { readonly answered: number; readonly failed: number };
}

/** What this replica measures of another member. */
export interface LinkFigures {
  readonly id: NodeId;
  /** Bytes that wait to be taken by the connection; 0 if there is none. */
  readonly queuedBytes: number;
  /**
   * Bytes of entries that this leader has applied and the peer is not known to have, up to 1/64 of the
   * least limit of `SnapshotOptions` more; 0 on others.
   */
  readonly lagBytes: number;
}

/** What a replica measures, beyond the state of its core. */
export interface ReplicaFigures {
  readonly counters: ReplicaCounters;
  /** The other members, by id. */
  readonly links: readonly LinkFigures[];
  /** The length of all files of the log, in bytes. They are filled ahead, so it grows in steps. */
  readonly logBytes: number;
}

/** What figures are taken from, beside the parts. */
export interface FigureSources {
  readonly node: RaftNode;
  readonly log: Pick<Wal, "bytes">;
  readonly network: CountedNetwork;
  readonly roleWatch: Pick<RoleWatch, "counts">;
}

/** The parts that count. */
export interface CountingParts {
  readonly outbox: Pick<Outbox, "messageCount">;
  readonly proposals: Pick<Proposals, "outcomes">;
  readonly reads: Pick<Reads<unknown, unknown>, "outcomes">;
  readonly keeper: Pick<SnapshotKeeper, "bytesAfter">;
  readonly events: Pick<Events, "countOf">;
}

/** The figures of a replica, now. A copy. */
export function figuresOf(
  { node, log, network, roleWatch }: FigureSources,
  parts: CountingParts,
): ReplicaFigures {
  return {
    counters: countersOf(network, parts, roleWatch),
    links: linksOf(node, network, parts.keeper),
    logBytes: log.bytes,
  };
}

function countersOf(
  network: CountedNetwork,
  { outbox, proposals, reads, events }: CountingParts,
  roleWatch: Pick<RoleWatch, "counts">,
): ReplicaCounters {
  const { started, won, leaderChanges } = roleWatch.counts;
  return {
    elections: { started, won },
    leaderChanges,
    sent: { ...network.sent, messages: outbox.messageCount },
    received: { ...network.received },
    snapshots: {
      taken: events.countOf("snapshot-taken"),
      failed: events.countOf("snapshot-failed"),
      sent: events.countOf("snapshot-sent"),
      givenUp: events.countOf("snapshot-given-up"),
      received: events.countOf("snapshot-received"),
      restored: events.countOf("snapshot-restored"),
    },
    proposals: { ...proposals.outcomes },
    reads: { ...reads.outcomes },
  };
}

function linksOf(
  node: RaftNode,
  network: CountedNetwork,
  keeper: Pick<SnapshotKeeper, "bytesAfter">,
): readonly LinkFigures[] {
  const { voters, votersOutgoing, learners } = node.confState;
  const ids = new Set([...voters, ...votersOutgoing, ...learners]);
  ids.delete(node.id);
  const matched = new Map(node.status().progress.map(({ id, matchIndex }) => [id, matchIndex]));
  return [...ids]
    .sort((a, b) => a - b)
    .map((id) => {
      const matchIndex = matched.get(id);
      const lagBytes = matchIndex === undefined ? 0 : keeper.bytesAfter(matchIndex);
      return { id, queuedBytes: network.queuedBytes(id), lagBytes };
    });
}
