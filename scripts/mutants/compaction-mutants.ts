import type { Mutant } from "./mutant.ts";

const transfer = "packages/core/src/snapshot-transfer.ts";
const replication = "packages/core/src/replication.ts";
const log = "packages/core/src/log.ts";
const simulated = { level: "core", explored: false } as const;
const crashed = { level: "unit", tests: ["packages/wal/test/snapshot-crash.test.ts"] } as const;

/** Bugs in taking snapshots, and in the log without its beginning. */
export const compactionMutants: readonly Mutant[] = [
  {
    id: "S9-snapshot-of-what-is-committed",
    rows: ["S9"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: transfer,
        find: "  const { appliedIndex: index, log, confState } = state;\n",
        replace: "  const { applyingIndex: index, log, confState } = state;\n",
      },
      {
        file: transfer,
        find: "snapshot.index > appliedIndex) {\n",
        replace: "snapshot.index > state.applyingIndex) {\n",
      },
    ],
    why: "A snapshot claims to hold what the state machine has been handed and has not applied yet.",
  },
  {
    id: "S9-base-of-an-older-term",
    rows: ["S9"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: log,
        find: "    const base = idOf(this.entryAt(index));\n",
        replace: "    const base = { term: Math.max(1, this.base.term), index };\n",
      },
    ],
    why: "A log that was compacted takes the term of an older entry for that of the last one it lost.",
  },
  {
    id: "S9-compacted-beyond-the-snapshot",
    rows: ["S9"],
    property: "DUR",
    ...simulated,
    patches: [
      {
        file: transfer,
        find: "  log.compact(index);\n",
        replace: "  log.compact(Math.min(log.persistedIndex, state.commitIndex));\n",
      },
    ],
    why: "Committed entries are forgotten that no snapshot stands in for.",
  },
  {
    id: "R20-late-append-clears-the-log",
    rows: ["R20"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "  if (prev.index < state.commitIndex) {\n",
        replace:
          "  if (prev.index < log.base.index) log.restore(prev);\n" +
          "  else if (prev.index < state.commitIndex) {\n",
      },
    ],
    why: "An append from before the compacted part begins the log anew from there.",
  },
  {
    id: "R21-late-append-stops-the-node",
    rows: ["R21"],
    property: "CRASH",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "  if (prev.index < state.commitIndex) {\n",
        replace: "  if (prev.index < state.commitIndex && prev.index >= log.base.index) {\n",
      },
      {
        file: replication,
        find: "  if (!log.holds(prev)) {\n",
        replace: "  if (prev.index >= log.base.index && !log.holds(prev)) {\n",
      },
    ],
    why: "An append from before the compacted part is merged with what is there no more.",
  },
  {
    id: "D11-named-before-synced",
    rows: ["D11"],
    property: "CRASH",
    ...crashed,
    patches: [
      {
        file: "packages/wal/src/snapshot-writer.ts",
        find: "      await this.#file?.sync();\n      await this.#closeFile();\n",
        replace: "      await this.#closeFile();\n",
      },
    ],
    why: "A snapshot has its name, and the log begins anew after it, before its content is durable.",
  },
  {
    id: "D11-name-not-durable",
    rows: ["D11"],
    property: "CRASH",
    ...crashed,
    patches: [
      {
        file: "packages/wal/src/snapshot-writer.ts",
        find: "      await disk.syncDirectory();\n",
        replace: "      await Promise.resolve();\n",
      },
    ],
    why: "A snapshot counts as stored before its name is sure to last.",
  },
  {
    id: "D11-installation-not-completed",
    rows: ["D11"],
    property: "CRASH",
    ...crashed,
    patches: [
      {
        file: "packages/wal/src/reconcile.ts",
        find: "  if (hardState.commitIndex < index) return { term, index };\n",
        replace: "  if (hardState.commitIndex < index) return undefined;\n",
      },
    ],
    why: "A crash between a snapshot and the log's new beginning leaves the two apart for ever.",
  },
];
