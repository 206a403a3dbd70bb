import type { Entry, LogIndex } from "@quorate/core";

/**
 * What a group replicates. Every replica applies the same commands in the same order, so `apply` must
 * depend on nothing but the state and the command: no clock, no randomness, no I/O whose answer may
 * differ. Commands and results are bytes, since they cross the network and the log.
 */
export interface StateMachine<Query, Answer> {
  /**
   * Applies committed commands in log order and returns one result for each, in the same order.
   * Calls never overlap. All entries have the kind `command`; indexes grow, with gaps where the log
   * holds other kinds. The bytes of an entry are the log's, and those of a result the replica's from
   * then on: neither may be changed. What is to be kept of an entry is copied: its bytes may be a small part
   * of a buffer, which they would keep alive. If it throws, rejects or returns anything else, the replica
   * stops with `state_machine_failed`: a command that cannot be carried out must give a result that says so.
   */
  apply(entries: readonly Entry[]): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Answers a question about the present state, and changes nothing. What it throws, the reader gets. */
  query(query: Query): Answer | Promise<Answer>;
  /**
   * A digest of the present state: 1 to 64 bytes. Replicas compare theirs, as of the same entries of the
   * log (see `ReplicaOptions.digestEveryCount`), and one that a majority disagrees with stops. Without it
   * nothing is compared.
   *
   * Equal states must give equal digests: on every machine, with every version of the program that may be
   * in the group, however the state came about, by commands or by a restore. So it covers what commands
   * made, all of it, and nothing else: no order of insertion, no cache, no clock. States that come to differ
   * by accident should have digests that differ; against people who forge a state it need not help.
   *
   * Called between applies, which wait for it, so it should be kept up to date by `apply` rather than
   * computed here. Queries may run meanwhile. If it throws, rejects or returns anything else, the replica
   * stops with `state_machine_failed`.
   */
  digest?(): Uint8Array | Promise<Uint8Array>;
  /**
   * How the state is saved and restored, so that the log may forget its past. Without it nothing is ever
   * forgotten, and this replica cannot catch up with a group whose logs have been.
   */
  readonly snapshots?: MemorySnapshots | DurableSnapshots | undefined;
}

/** Snapshots of a state that lives in memory: the replica stores them, whole. */
export interface MemorySnapshots {
  readonly kind: "memory";
  /**
   * The present state, in chunks of any length. Called between applies, and read while later ones run:
   * the *view must be taken before this returns*, by a copy or by structures that share and never change.
   * A generator function takes none: its body begins to run only later. Bytes that were handed out must
   * not change. If it throws, or reading does, there is no snapshot; it is tried again later.
   */
  save(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /**
   * Replaces the state by the one that was saved as these bytes, in chunks that may be cut elsewhere.
   * Nothing else is called until it is done. If it rejects, the replica stops with
   * `state_machine_failed`; so does a replica that is closed meanwhile, whose chunks then end in an error.
   */
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void>;
}

/**
 * Snapshots of a state that is durable by itself, in a database say: the replica stores only what they
 * stand for, and asks for the state when another replica needs it.
 */
export interface DurableSnapshots {
  readonly kind: "durable";
  /**
   * The index of the last command whose effect is durable, or of a later `restore`; 0 if there is none.
   * Asked at the start, which goes on after it, and at any time later when the log is to forget its past,
   * which then keeps what is not durable here yet. After a restore that was not finished, it is less
   * than the index of that restore, which is then begun anew.
   */
  appliedIndex(): Promise<LogIndex>;
  /**
   * Holds the present state fast, to be read while later commands are applied. Called between applies;
   * none begins before it resolves.
   */
  pin(): Promise<PinnedState>;
  /**
   * As for `MemorySnapshots`; when it resolves, the new state is durable, together with `index`, which
   * `appliedIndex` gives from then on.
   */
  restore(chunks: AsyncIterable<Uint8Array>, index: LogIndex): Promise<void>;
}

/** A state that is held fast. */
export interface PinnedState {
  /** The state, in chunks of any length. May be called again: then the same bytes, from the first on. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Lets go of the state. Called once, when nothing reads it any more. */
  release(): Promise<void>;
}
