import type { Mutant } from "./mutant.ts";

const newState = "packages/core/src/new-state.ts";
const handover = "packages/core/src/handover.ts";
const log = "packages/core/src/log.ts";
const wal = "packages/wal/src/wal.ts";
const recovery = "packages/wal/src/recovery.ts";
const reader = "packages/wal/src/segment-reader.ts";
const diskQueue = "packages/runtime/src/disk-queue.ts";
const loop = "packages/runtime/src/replica-loop.ts";
const simulated = { level: "core", explored: false } as const;
const whole = { level: "whole", explored: false } as const;
/** Where a batch becomes durable. */
const written = "    await this.#orFail(file.writeSynced(segment.end, [bytes]));\n";

/** Bugs in what a node writes, applies and starts from. */
export const restartMutants: readonly Mutant[] = [
  {
    id: "D1-applied-when-handed-out",
    rows: ["D1"],
    property: "DUR",
    ...simulated,
    patches: [
      {
        file: handover,
        find: "    state.applyingIndex = last.index;\n",
        replace: "    state.applyingIndex = last.index;\n    state.appliedIndex = last.index;\n",
      },
    ],
    why: "Entries count as applied when they are handed out, before the state machine has them.",
  },
  {
    id: "D2-applied-is-stored-commit",
    rows: ["D2"],
    property: "DUR",
    ...simulated,
    patches: [
      {
        file: newState,
        find: "  const appliedIndex = options.appliedIndex ?? snapshotIndex;\n",
        replace:
          "  const least = options.appliedIndex ?? snapshotIndex;\n" +
          "  const appliedIndex = Math.max(least, storage.hardState.commitIndex);\n",
      },
    ],
    why: "A node that starts again takes what was committed for applied: its state machine misses entries.",
  },
  {
    id: "D3-commit-behind-applied",
    rows: ["D3"],
    property: "CRASH",
    ...simulated,
    patches: [
      {
        file: newState,
        find: "    commitIndex: Math.max(hardState.commitIndex, appliedIndex),\n",
        replace: "    commitIndex: hardState.commitIndex,\n",
      },
    ],
    why: "A state machine that outlived the stored commit index is ahead of what counts as committed.",
  },
  {
    id: "D4-commit-before-entries",
    rows: ["D4"],
    property: "CRASH",
    ...simulated,
    patches: [
      {
        file: handover,
        find: "    const entries = state.log.unhanded();\n",
        replace: "    const entries = hardState === undefined ? state.log.unhanded() : [];\n",
      },
      {
        file: handover,
        find: "messagesAfterPersist: [...outbox.messagesAfterPersist],",
        replace: "messagesAfterPersist: hardState ? [] : [...outbox.messagesAfterPersist],",
      },
    ],
    why: "The hard state is written first, and the entries that its commit index names in a second write.",
  },
  {
    id: "D12-durable-index-not-rolled-back",
    rows: ["D12", "R13"],
    property: "DUR",
    ...simulated,
    patches: [
      {
        file: log,
        find: "    this.#persistedIndex = Math.min(this.#persistedIndex, end);\n",
        replace: "",
      },
    ],
    why: "What replaces durable entries counts as durable at once.",
  },
  {
    id: "D12-handed-index-not-rolled-back",
    rows: ["D12", "D9"],
    property: "LM",
    ...simulated,
    patches: [
      {
        file: log,
        find: "    this.#handedIndex = Math.min(this.#handedIndex, end);\n",
        replace: "    this.#handedIndex = Math.min(this.#handedIndex, this.lastIndex + 1);\n",
      },
    ],
    why: "The first entry that replaces others is never written.",
  },
];

/** Bugs in the durable log, and in how the runtime writes it. */
export const logMutants: readonly Mutant[] = [
  {
    id: "D5-torn-tail-is-fatal",
    rows: ["D5"],
    property: "CRASH",
    level: "unit",
    tests: ["packages/wal/test/crash.test.ts"],
    patches: [
      {
        file: reader,
        find: '      if (torn) return { kind: "torn", offset, resume, header };\n',
        replace: "",
      },
    ],
    why: "A batch that a crash cut short keeps the node from starting again.",
  },
  {
    id: "D5-torn-tail-is-accepted",
    rows: ["D5"],
    property: "DUR",
    level: "unit",
    tests: ["packages/wal/test/crash.test.ts", "packages/wal/test/damage.test.ts"],
    patches: [
      {
        file: reader,
        find:
          "payload.length < header.payloadBytes || " +
          "crc32c(payload, this.#seed) !== header.payloadCrc",
        replace: "payload.length < header.payloadBytes",
      },
    ],
    why: "A batch whose payload was written in part is taken for whole.",
  },
  {
    id: "D6-rot-taken-for-torn",
    rows: ["D6"],
    property: "LC",
    level: "unit",
    tests: ["packages/wal/test/damage.test.ts"],
    patches: [
      {
        file: recovery,
        find: '    if (read.kind === "end") return;\n    const later',
        replace: "    if (read.offset >= 0) return;\n    const later",
      },
    ],
    why: "A damaged batch in the middle of the log cuts off what follows it, acknowledged or not.",
  },
  {
    id: "D7-failed-sync-ignored",
    rows: ["D7"],
    property: "DUR",
    ...whole,
    patches: [
      {
        file: wal,
        find: written,
        replace: "    await file.writeSynced(segment.end, [bytes]).catch(() => undefined);\n",
      },
    ],
    why: "A sync that fails counts as done.",
  },
  {
    id: "D7-failed-sync-retried",
    rows: ["D7"],
    property: "DUR",
    ...whole,
    patches: [
      {
        file: wal,
        find: written,
        replace:
          "    await file.writeSynced(segment.end, [bytes])\n" +
          "      .catch(async () => await this.#orFail(file.sync()));\n",
      },
    ],
    why: "A sync that fails is tried again, and the second one succeeds without what the first one lost.",
  },
  {
    id: "D7-never-synced",
    rows: ["D7", "R12"],
    property: "DUR",
    ...whole,
    patches: [
      {
        file: wal,
        find: written,
        replace: "    await this.#orFail(file.write(segment.end, [bytes]));\n",
      },
    ],
    why: "Batches are written and never synced.",
  },
  {
    id: "D8-overwriting-batch-not-synced",
    rows: ["D8"],
    property: "DUR",
    ...whole,
    patches: [
      {
        file: wal,
        find: written,
        replace:
          "    const overwrites = batch.entries.length > 0 && batch.prev.index < this.lastIndex;\n" +
          "    await this.#orFail(file.write(segment.end, [bytes]));\n" +
          "    if (!overwrites) await this.#orFail(file.sync());\n",
      },
    ],
    why: "A batch that replaces entries is not synced: a crash brings back what it replaced.",
  },
  {
    id: "D9-replaced-tail-returns",
    rows: ["D9"],
    property: "LM",
    level: "unit",
    tests: ["packages/wal/src/wal.test.ts", "packages/wal/test/random.test.ts"],
    patches: [
      {
        file: "packages/wal/src/replay.ts",
        find: "    this.#entries.length = prev.index - this.#shape.base.index;\n",
        replace:
          "    const kept = prev.index - this.#shape.base.index;\n" +
          "    const tail = this.#entries.splice(kept).slice(entries.length);\n",
      },
      {
        file: "packages/wal/src/replay.ts",
        find: "    for (const entry of entries) this.#entries.push(entry);\n",
        replace: "    this.#entries.push(...entries, ...tail);\n",
      },
    ],
    why: "Behind a shorter log that replaced a longer one, the old tail is read again.",
  },
  {
    id: "D10-lost-disk-goes-unnoticed",
    rows: ["D10"],
    property: "LC",
    level: "unit",
    tests: ["packages/core/src/validate-message.test.ts", "packages/core/test/refusals.test.ts"],
    patches: [
      {
        file: "packages/core/src/validate-message.ts",
        find: "  validateHeld(state, message);\n",
        replace: "",
      },
    ],
    why: "A node that comes back with an empty disk takes part as if it had promised nothing.",
  },
  {
    id: "D13-overwritten-entries-stay-queued",
    rows: ["D13"],
    property: "LM",
    level: "unit",
    tests: ["packages/runtime/src/disk-queue.test.ts"],
    patches: [
      {
        file: diskQueue,
        find: "    batch.entries.length = kept;\n",
        replace: "",
      },
    ],
    why: "Entries that were replaced while they waited for the disk are written all the same.",
  },
  {
    id: "R11-written-counts-as-durable",
    rows: ["R11", "R12"],
    property: "DUR",
    ...whole,
    patches: [
      {
        file: diskQueue,
        find: "    batch.number = ready.number;\n    hold(batch, ready.messagesAfterPersist);\n  }\n",
        replace:
          "    batch.number = ready.number;\n" +
          "    this.#host.onPersisted(ready.number, ready.messagesAfterPersist);\n  }\n",
      },
      {
        file: diskQueue,
        find: "    this.#host.onPersisted(batch.number, batch.messages);\n",
        replace: "",
      },
    ],
    why: "The runtime reports a Ready durable as soon as it is queued for the disk.",
  },
  {
    id: "R12-promises-sent-early",
    rows: ["R12", "E1"],
    property: "DUR",
    ...whole,
    patches: [
      {
        file: loop,
        find: "    diskQueue.accept(ready);\n",
        replace: "    outbox.add(ready.messagesAfterPersist);\n    diskQueue.accept(ready);\n",
      },
    ],
    why: "The runtime sends votes and acknowledgements before the disk has what they promise.",
  },
  {
    id: "R12-promises-pass-the-write",
    rows: ["R12"],
    property: "DUR",
    ...whole,
    patches: [
      {
        file: diskQueue,
        find: "    const batch = this.#queued ?? this.#writing;\n",
        replace: "    const batch = this.#queued;\n",
      },
    ],
    why: "A Ready without entries is reported durable while an earlier one is still being written.",
  },
  {
    id: "E3-vote-not-in-the-batch",
    rows: ["E3", "E1"],
    property: "ES",
    ...whole,
    patches: [
      {
        file: "packages/wal/src/batch.ts",
        find: "  setUint64(view, 48, batch.hardState.vote);\n",
        replace: "  setUint64(view, 48, batch.entries.length > 0 ? batch.hardState.vote : 0);\n",
      },
    ],
    why: "A batch without entries stores the term and not the vote.",
  },
];
