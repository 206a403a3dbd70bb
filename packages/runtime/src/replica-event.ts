import type { ConfState, LogIndex, NodeId, RaftError, RoleKind, Term } from "@quorate/core";
import type { LeadershipEnd } from "./replica.ts";

/** What happens to a replica. */
export type ReplicaEvent =
  /** This replica learned of another leader, or that there is none (`leader` is `none`). */
  | { readonly kind: "leader-changed"; readonly term: Term; readonly leader: NodeId }
  /** This replica changed its role. `reason` says why it leads no more, if it did. */
  | {
      readonly kind: "role-changed";
      readonly term: Term;
      readonly role: RoleKind;
      readonly reason?: LeadershipEnd | undefined;
    }
  | { readonly kind: "peer-connected"; readonly peer: NodeId }
  | { readonly kind: "peer-disconnected"; readonly peer: NodeId; readonly reason: string }
  /**
   * A peer sent what cannot be taken; it was dropped. At most one event per member and second, and one of
   * all who are no members.
   */
  | { readonly kind: "message-refused"; readonly peer: NodeId; readonly error: Error }
  /** The disk is full, or has room again. */
  | { readonly kind: "disk-full" }
  | { readonly kind: "disk-recovered" }
  /** The configuration or what is known of members changed, by the entry at `index`, applied here. */
  | { readonly kind: "members-changed"; readonly index: LogIndex; readonly confState: ConfState }
  /** A snapshot of this replica's state is durable, up to `index`; it took `ms` milliseconds. */
  | {
      readonly kind: "snapshot-taken";
      readonly index: LogIndex;
      readonly bytes: number;
      readonly ms: number;
    }
  /** No snapshot could be taken. It is tried again. */
  | { readonly kind: "snapshot-failed"; readonly error: RaftError }
  /** `peer`, which was behind the log, has a snapshot, `ms` milliseconds after it was begun. */
  | {
      readonly kind: "snapshot-sent";
      readonly peer: NodeId;
      readonly index: LogIndex;
      readonly ms: number;
    }
  /** A snapshot did not get to `peer`. It is tried again. */
  | { readonly kind: "snapshot-given-up"; readonly peer: NodeId; readonly error: RaftError }
  /** `peer` brought a snapshot, which takes the place of the log up to `index`, `ms` after it was offered. */
  | {
      readonly kind: "snapshot-received";
      readonly peer: NodeId;
      readonly index: LogIndex;
      readonly bytes: number;
      readonly ms: number;
    }
  /** The state machine was restored from the snapshot that was received, `ms` milliseconds after that. */
  | { readonly kind: "snapshot-restored"; readonly index: LogIndex; readonly ms: number }
  /**
   * Not all members made the same state of the log up to `index`: of those that are known, `digests` has
   * what each has. `wrong` are those that a majority of the voters disagrees with, and none as long as no
   * majority agrees. If this replica is among them, it stops: `failed` follows, with the code `diverged`.
   * Told anew for every agreed index where they differ, and when more is known of one.
   */
  | {
      readonly kind: "diverged";
      readonly index: LogIndex;
      readonly term: Term;
      readonly digests: readonly { readonly id: NodeId; readonly digest: string }[];
      readonly wrong: readonly NodeId[];
    }
  /**
   * The group has removed this replica, as the member `by` says. It stopped. Final: its id is never given
   * again.
   */
  | { readonly kind: "removed"; readonly by: NodeId }
  /** The replica stopped by itself. Final. Await `close`: it may still have something to write down. */
  | { readonly kind: "failed"; readonly error: Error };
