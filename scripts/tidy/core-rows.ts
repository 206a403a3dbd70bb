/** One row of the core: its files know nothing of one another, only of the rows above. */
export interface Row {
  readonly name: string;
  readonly files: readonly string[];
}

/**
 * The files of packages/core/src, from the ground up. A file imports only from rows above its own, so
 * there are no cycles, and each file can be read knowing only what was read before. A new file takes
 * the highest row that its imports allow.
 *
 * The files of `behaviour` in particular never import one another: what two of them share sinks into
 * the row above, what must happen after any of them is done by the parent, `raft-node.ts`.
 */
export const coreRows: readonly Row[] = [
  { name: "ground", files: ["ids.ts", "assert.ts"] },
  {
    name: "values",
    files: ["errors.ts", "entry.ts", "hard-state.ts", "inflights.ts", "random.ts", "quorum.ts"],
  },
  { name: "configurations", files: ["conf-state.ts"] },
  { name: "changes and snapshots", files: ["conf-change.ts", "snapshot.ts"] },
  {
    name: "compound values",
    files: ["storage.ts", "conf-codec.ts", "progress.ts", "log.ts", "message.ts"],
  },
  { name: "input and output", files: ["options.ts", "ready.ts"] },
  { name: "parts of the state", files: ["complete-options.ts", "outbox.ts"] },
  { name: "state", files: ["state.ts"] },
  {
    name: "on the state",
    files: ["roles.ts", "status.ts", "copy-state.ts", "fingerprint.ts", "validate-message.ts"],
  },
  {
    name: "behaviour",
    files: [
      "election.ts",
      "heartbeat.ts",
      "replication.ts",
      "snapshot-transfer.ts",
      "membership.ts",
      "reads.ts",
      "leadership-transfer.ts",
    ],
  },
  {
    name: "over the whole state",
    files: ["new-state.ts", "dispatch.ts", "handover.ts", "invariants.ts", "describe.ts"],
  },
  { name: "a state as a value", files: ["image.ts"] },
  { name: "node", files: ["raft-node.ts"] },
  { name: "front door", files: ["index.ts"] },
];
