import type { Entry } from "./entry.ts";
import type { HardState } from "./hard-state.ts";
import type { LogIndex, ReadId } from "./ids.ts";
import type { Message } from "./message.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * How a linearizable read ended. With an `index`: the state read after applying up to it is
 * linearizable. With `none`: refused or lost with its leader; nothing was read, ask again.
 */
export interface ReadState {
  readonly readId: ReadId;
  readonly index: LogIndex;
}

/**
 * What the runtime must do next, in this order:
 *
 * 1. send `messages`: they promise nothing about this node's disk. The state that belongs to an
 *    `install-snapshot` is the driver's to send along, and `reportSnapshot` must follow;
 * 2. make `snapshot`, `hardState` and `entries` durable, as one write; sync it if `mustSync`;
 * 3. only then send `messagesAfterPersist`: votes, requests for them, and acknowledgements;
 * 4. restore the state machine from `snapshot`, and apply `committed` to it;
 * 5. call `advance(ready)`.
 *
 * Step 1 may run beside step 2 (thesis §10.2.1). Swapping 2 and 3 loses acknowledged writes.
 *
 * A runtime that overlaps disk, network and apply calls `accept(ready)` at once, then
 * `persisted(ready.number)` after step 2 and `applied(index)` after step 4, and may hold several
 * Readys at a time. It must write them in order, and may send the `messagesAfterPersist` of one only
 * when it and all before it are durable.
 */
export interface Ready {
  /** Counts the Readys of this node, from 1. Grows by at least one. */
  readonly number: number;
  readonly messages: readonly Message[];
  /**
   * The stored log ends here and begins anew after this snapshot, whose state is durable already;
   * `entries` follow it. The state machine is to be restored from it before anything else is applied.
   */
  readonly snapshot: Snapshot | undefined;
  /** The hard state, if it changed since the last accepted Ready. */
  readonly hardState: HardState | undefined;
  /**
   * Entries to append to the stored log. An entry at or before the stored end replaces it and all
   * that followed it (§5.3).
   */
  readonly entries: readonly Entry[];
  /**
   * Whether step 2 needs a data sync. A commit index alone does not, unless a change of the configuration
   * is committed by it: that is applied only after the disk knows.
   */
  readonly mustSync: boolean;
  readonly messagesAfterPersist: readonly Message[];
  /** Entries to apply, in order: committed, durable here, and handed out once. No-ops are among them. */
  readonly committed: readonly Entry[];
  /** Reads that were confirmed, or failed. */
  readonly reads: readonly ReadState[];
}
