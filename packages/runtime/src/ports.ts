import type { NodeId } from "@quorate/core";
import type { Frame } from "@quorate/wire";

export type { Disk, DiskFile } from "@quorate/wal";

/** Time, as the replica sees it. */
export interface Clock {
  /** Monotonic time in milliseconds, from an arbitrary origin; may have a fraction. */
  now(): number;
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

/**
 * Carries frames between the replicas of a group. It may lose, repeat and reorder frames but never
 * alters one or mistakes its sender: identity was proved when the connection was made. What was sent
 * to one run of a replica never reaches a later run: it would not know a forwarded command again that
 * it has taken before.
 */
export interface Network {
  /**
   * Starts to deliver to `receiver`. Called once, before anything else. `incarnation` names the log of
   * this node: 16 bytes, drawn when the log was created. Peers that knew another may refuse this node.
   */
  open(receiver: Receiver, incarnation?: Uint8Array): Promise<void>;
  /**
   * Takes one encoded frame, in `chunks`, for `to`; false if it was dropped because the peer is not
   * connected or its queue is full. Never waits and never throws. The bytes must not change after.
   */
  send(to: NodeId, chunks: readonly Uint8Array[]): boolean;
  /** Stops delivering and frees everything. Frames on the way may be lost. */
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
}
