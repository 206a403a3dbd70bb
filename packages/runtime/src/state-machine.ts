import type { Entry } from "@quorate/core";

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
   * then on: neither may be changed. If it throws, rejects or returns anything else, the replica stops
   * with `state_machine_failed`: a command that cannot be carried out must give a result that says so.
   */
  apply(entries: readonly Entry[]): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Answers a question about the present state, and changes nothing. What it throws, the reader gets. */
  query(query: Query): Answer | Promise<Answer>;
}
