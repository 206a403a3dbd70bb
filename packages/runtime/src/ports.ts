import type { NodeId } from "@quorate/core";
import type { Frame } from "@quorate/wire";

export type { Disk, DiskFile } from "@quorate/wal";

/** Time, as the replica sees it. */
export interface Clock {
  /** Monotonic time in milliseconds, from an arbitrary origin; may have a fraction. */
  now(): number;
  /**
   * The time of day in milliseconds since 1970 (UTC), as this machine has it. It may be set forward or
   * back at any time; it is compared with `now` to notice that a machine was suspended, during which
   * many monotonic clocks stand still. Otherwise both advance alike.
   */
  wall(): number;
  /** Calls `callback` once, no sooner than `delayMs` from now. Cancelling a timer that fired does nothing. */
  setTimer(delayMs: number, callback: () => void): Timer;
  /**
   * Calls `callback` soon: after the events that are already waiting, so that work which arrives
   * together is handled together, and without any other delay.
   */
  defer(callback: () => void): void;
}

/** A timer that may be cancelled. */
export interface Timer {
  cancel(): void;
}

/** Random numbers. In production unpredictable; in a simulation drawn from the seed. */
export interface Random {
  /** A uniform integer in `[0, 2^32)`. */
  uint32(): number;
}

/** Another node of the group, as the group knows it. */
export interface Peer {
  readonly id: NodeId;
  /** Where it is reached, in the network's own notation; empty if that is not known. */
  readonly address: string;
  /** The name of its log: 16 bytes; undefined as long as the group has not learned it. */
  readonly incarnation: Uint8Array | undefined;
}

/** What a node says of itself when it connects. */
export interface Introduction {
  readonly id: NodeId;
  /** Where it says that it is reached; empty if it does not say. */
  readonly address: string;
  readonly incarnation: Uint8Array;
}

/**
 * Carries frames between the replicas of a group. It may lose, repeat and reorder frames but never
 * alters one or mistakes its sender: identity was proved when the connection was made. What was sent
 * to one run of a replica never reaches a later run: it would not know a forwarded command again that
 * it has taken before.
 *
 * Whom it talks with follows what this node knows of its group, which may be old:
 *
 * - A *peer* is connected with both ways. It must come with the log that the group knows it by or,
 *   while the group knows none, with the one that it came with first; else it is refused as
 *   `wrong_identity`, for it may have promised what it no longer remembers.
 * - A *removed* node is refused as `removed`, and so told that it was, for ever.
 * - Any other node of the same cluster is *unknown*. It may connect, as one of a bounded number, and is
 *   then connected with both ways: it may have joined meanwhile.
 */
export interface Network {
  /**
   * Starts to deliver to `receiver`. Called once, before anything is sent. `incarnation` names the log
   * of this node: 16 bytes, drawn when the log was created. Peers that knew another may refuse this node.
   */
  open(receiver: Receiver, incarnation?: Uint8Array): Promise<void>;
  /**
   * Takes one encoded frame, in `chunks`, for `to`; false if it was dropped because the peer is not
   * connected or its queue is full. Never waits and never throws. The bytes must not change after.
   */
  send(to: NodeId, chunks: readonly Uint8Array[]): boolean;
  /** Bytes that were taken for `peer` and have not left yet. A network that cannot tell does without. */
  queuedBytes?(peer: NodeId): number;
  /**
   * From now on these are the peers, and no others; this node itself is passed over. May be called at
   * any time, before `open` too; until it is, the peers are those that the network was made with. Never
   * throws: an address that cannot be read counts as not known. The receiver is told nothing of what
   * follows before this returns.
   *
   * A peer left out, or removed, is let go: its connections end within moments, but what is sent to it
   * meanwhile still leaves, so that it can learn what became of it.
   */
  setPeers(peers: readonly Peer[]): void;
  /** From now on these are the removed nodes, whatever `setPeers` says of them. Like `setPeers`. */
  setRemoved(ids: readonly NodeId[]): void;
  /** Stops delivering, and frees everything once what was sent has left, or would take too long to. */
  close(): Promise<void>;
}

/** Takes what the network delivers. */
export interface Receiver {
  /** A whole frame, its checksum verified. The payload belongs to the receiver from now on. */
  onFrame(from: NodeId, frame: Frame): void;
  /** A connection to `peer` was made: frames sent from now on have a chance to arrive. */
  onConnected(peer: NodeId): void;
  /** The connection to `peer` was lost: frames sent before may be lost. */
  onDisconnected(peer: NodeId, reason: string): void;
  /** No connection to `peer` could be made; another attempt follows. A network need not tell. */
  onConnectFailed?(peer: NodeId, reason: string): void;
  /** `by` refused this node because it was removed from the group. Told anew at every attempt. */
  onRemoved(by: NodeId): void;
  /**
   * A node connected and said of itself what `setPeers` did not: it is unknown, or has moved, or the
   * group has not learned the name of its log. The network uses what it said from then on.
   */
  onPeerSeen(node: Introduction): void;
}
