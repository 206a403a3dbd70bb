import type { Mutant, Patch } from "./mutant.ts";

const replication = "packages/core/src/replication.ts";
const progress = "packages/core/src/progress.ts";
const quorum = "packages/core/src/quorum.ts";
const log = "packages/core/src/log.ts";
const heartbeat = "packages/core/src/heartbeat.ts";
const simulated = { level: "core", explored: false } as const;
const explored = { level: "core", explored: true } as const;

/**
 * Probes without entries, as others send them. Harmless by itself; here the first append of a term
 * always carries an entry, which cuts off a foreign tail before it could be acknowledged.
 */
const emptyProbes: Patch = {
  file: replication,
  find: "due.push(newAppend(state, to, progress.nextIndex, options.messageBytesMax));",
  replace: "due.push(newAppend(state, to, progress.nextIndex, 0));",
};

/** Bugs in what is committed, and in what is acknowledged. */
export const commitMutants: readonly Mutant[] = [
  {
    id: "R1-old-term-committed-by-count",
    rows: ["R1"],
    property: "LC",
    ...explored,
    patches: [
      {
        file: replication,
        find: "if (index <= state.commitIndex || log.termAt(index) !== state.term) return;",
        replace: "if (index <= state.commitIndex) return;",
      },
    ],
    why: "A leader commits an entry of an older term by counting replicas (Figure 8).",
  },
  {
    id: "R2-every-append-truncates",
    rows: ["R2"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: log,
        find: "    if (fresh === entries.length) return;\n",
        replace:
          "    const end = entries.at(-1)?.index ?? this.lastIndex;\n" +
          "    const isRepeated = fresh === entries.length;\n" +
          "    if (isRepeated && end < this.lastIndex) this.#truncate(end + 1);\n" +
          "    if (isRepeated) return;\n",
      },
    ],
    why: "An append that repeats what the log has removes what is behind it, though it was acknowledged.",
  },
  {
    id: "R3-append-at-start-truncates",
    rows: ["R3"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: log,
        find: "while (fresh < entries.length && this.holds(at(entries, fresh))) fresh += 1;\n",
        replace:
          "const isStart = entries[0]?.index === this.firstIndex;\n" +
          "    while (!isStart && fresh < entries.length && this.holds(at(entries, fresh))) fresh += 1;\n",
      },
      {
        file: replication,
        find: "  if (prev.index < state.commitIndex) {\n",
        replace: "  if (prev.index > 0 && prev.index < state.commitIndex) {\n",
      },
    ],
    why: "An append from the start of the log replaces all of it without a comparison.",
  },
  {
    id: "R4-tail-acknowledged",
    rows: ["R4"],
    property: "SMS",
    ...simulated,
    patches: [
      emptyProbes,
      {
        file: replication,
        find: "  acknowledge(state, message.from, matchIndex);\n",
        replace: "  acknowledge(state, message.from, log.lastIndex);\n",
      },
    ],
    why: "A follower acknowledges its whole log, whose tail may be another leader's.",
  },
  {
    id: "R5-match-starts-at-the-end",
    rows: ["R5"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: progress,
        find: 'return { kind: "probe", matchIndex: 0, nextIndex, awaiting: false };',
        replace: 'return { kind: "probe", matchIndex: nextIndex - 1, nextIndex, awaiting: false };',
      },
    ],
    why: "A new leader takes it that every follower has its log.",
  },
  {
    id: "R6-empty-append-not-compared",
    rows: ["R6"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "  if (!log.holds(prev)) {\n",
        replace: "  if (entries.length > 0 && !log.holds(prev)) {\n",
      },
    ],
    why: "An append without entries is acknowledged without a look at what it follows.",
  },
  {
    id: "R7-rejection-acknowledges",
    rows: ["R7"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "  peer.progress = rejected(peer.progress, message.prevIndex, candidate);\n",
        replace:
          "  const { inflight } = state.options;\n" +
          "  peer.progress = acked(peer.progress, message.hint.index, log.firstIndex, inflight);\n",
      },
    ],
    why: "What a rejection hints at counts as acknowledged.",
  },
  {
    id: "R8-commits-own-tail",
    rows: ["R8"],
    property: "SMS",
    ...simulated,
    patches: [
      emptyProbes,
      {
        file: replication,
        find: "commitTo(state, Math.min(message.commitIndex, matchIndex));",
        replace: "commitTo(state, Math.min(message.commitIndex, log.lastIndex));",
      },
    ],
    why: "A follower commits up to its own last entry, though its tail was never compared.",
  },
  {
    id: "R8-heartbeat-commits-own-tail",
    rows: ["R8", "R9"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: heartbeat,
        find: "const commitIndex = Math.min(state.commitIndex, peer.progress.matchIndex);",
        replace: "const { commitIndex } = state;",
      },
      {
        file: replication,
        find: "  commitTo(state, message.commitIndex);\n",
        replace: "  commitTo(state, Math.min(message.commitIndex, state.log.lastIndex));\n",
      },
      {
        file: "packages/core/src/validate-message.ts",
        find: "  validateHeld(state, message);\n",
        replace: "",
      },
    ],
    why: "Heartbeats carry the commit index as it is, and followers cut it at their own last entry.",
  },
  {
    id: "R9-heartbeat-commit-not-capped",
    rows: ["R9"],
    property: "CRASH",
    ...simulated,
    patches: [
      {
        file: heartbeat,
        find: "const commitIndex = Math.min(state.commitIndex, peer.progress.matchIndex);",
        replace: "const { commitIndex } = state;",
      },
    ],
    why: "A heartbeat names entries that its receiver does not have yet.",
  },
  {
    id: "R10-quorum-of-unsorted",
    rows: ["R10"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: quorum,
        find: "  for (; offset > 0 && at(sorted, offset - 1) < index; offset--) {\n",
        replace:
          "  const last = Math.max(1, offset);\n" +
          "  for (; offset >= last && at(sorted, offset - 1) < index; offset--) {\n",
      },
    ],
    why: "Each acknowledgement moves up one place at most, which leaves some of them out of order.",
  },
  {
    id: "R10-quorum-sorted-as-text",
    rows: ["R10"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: quorum,
        find: "at(sorted, offset - 1) < index; offset--",
        replace: "String(at(sorted, offset - 1)) < String(index); offset--",
      },
    ],
    why: "Acknowledgements are put in order as texts: 9 comes after 10.",
  },
  {
    id: "R11-leader-counts-unsynced",
    rows: ["R11"],
    property: "DUR",
    ...explored,
    patches: [
      {
        file: replication,
        find: "    id === state.id ? log.persistedIndex :",
        replace: "    id === state.id ? log.lastIndex :",
      },
    ],
    why: "A leader counts itself for entries that its own disk does not have yet.",
  },
  {
    id: "R12-acknowledged-before-durable",
    rows: ["R12"],
    property: "DUR",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "  state.outbox.messagesAfterPersist.push({ kind, from: id, to, term, matchIndex });\n",
        replace: "  state.outbox.messages.push({ kind, from: id, to, term, matchIndex });\n",
      },
    ],
    why: "A follower acknowledges entries before its disk has them.",
  },
  {
    id: "R12-repetition-acknowledged-early",
    rows: ["R12"],
    property: "DUR",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "  log.merge(entries);\n",
        replace:
          "  const isKnown = entries.every((entry) => log.holds(entry));\n  log.merge(entries);\n",
      },
      {
        file: replication,
        find: "  acknowledge(state, message.from, matchIndex);\n",
        replace:
          "  acknowledge(state, message.from, matchIndex);\n" +
          "  const { messages, messagesAfterPersist } = state.outbox;\n" +
          "  if (isKnown) messages.push(...messagesAfterPersist.splice(-1));\n",
      },
    ],
    why: "A repeated append is acknowledged at once, though its first copy is still on the way to the disk.",
  },
  {
    id: "R13-overwritten-write-counts",
    rows: ["R13", "D12"],
    property: "DUR",
    ...simulated,
    patches: [
      {
        file: log,
        find: "    for (const write of this.#writes) write.lastIndex = Math.min(write.lastIndex, end);\n",
        replace: "",
      },
    ],
    why: "The notice that entries are durable counts for those which replaced them meanwhile (the ABA race).",
  },
  {
    id: "R13-overwritten-offer-counts",
    rows: ["R13"],
    property: "DUR",
    level: "unit",
    tests: ["packages/core/test/scenarios.test.ts"],
    patches: [
      {
        file: log,
        find: "      (entry) => this.#entries[entry.index - this.firstIndex] === entry,\n",
        replace: "      (entry) => entry.index <= this.lastIndex,\n",
      },
    ],
    why: "Entries that were overwritten after they were offered for writing count as written.",
  },
  {
    id: "R22-impostor-overwrites-leader",
    rows: ["R22"],
    property: "LM",
    level: "unit",
    tests: ["packages/core/src/validate-message.test.ts", "packages/core/test/refusals.test.ts"],
    patches: [
      {
        file: "packages/core/src/validate-message.ts",
        find: 'if (role.kind === "leader" || other) {',
        replace: "if (other) {",
      },
    ],
    why: "A leader follows whoever else claims its term, and lets its log be overwritten.",
  },
  {
    id: "R23-one-holder-commits",
    rows: ["R23"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: quorum,
        find: "return at(descending, quorum(voters.size) - 1);",
        replace: "return at(descending, 0);",
      },
    ],
    why: "An entry is committed as soon as one voter has it.",
  },
];
