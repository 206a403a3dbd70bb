import type { Mutant } from "./mutant.ts";

const transfer = "packages/core/src/snapshot-transfer.ts";
const progress = "packages/core/src/progress.ts";
const handover = "packages/core/src/handover.ts";
const newState = "packages/core/src/new-state.ts";
const simulated = { level: "core", explored: false } as const;

/** Bugs in installing snapshots, and in what a leader makes of them. */
export const snapshotMutants: readonly Mutant[] = [
  {
    id: "S1-old-snapshot-restored",
    rows: ["S1"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: transfer,
        find: "    state.commitIndex = snapshot.index;\n  }\n",
        replace:
          "    state.commitIndex = snapshot.index;\n" +
          "  } else if (snapshot.index < log.base.index) {\n" +
          "    restore(state, snapshot);\n    state.commitIndex = snapshot.index;\n  }\n",
      },
    ],
    why: "A late snapshot that is older than the one at hand takes the place of the log.",
  },
  {
    id: "S1-known-snapshot-restored",
    rows: ["S1", "S3"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: transfer,
        find: "  if (snapshot.index > state.commitIndex) {\n",
        replace: "  if (snapshot.index >= state.appliedIndex) {\n",
      },
      {
        file: transfer,
        find:
          "    if (!log.holds(snapshot)) restore(state, snapshot);\n" +
          "    state.commitIndex = snapshot.index;\n",
        replace:
          "    restore(state, snapshot);\n" +
          "    state.commitIndex = Math.max(state.commitIndex, snapshot.index);\n",
      },
    ],
    why: "A snapshot of what is committed already, and not yet applied, cuts the log behind it.",
  },
  {
    id: "S2-conflicting-entry-kept",
    rows: ["S2"],
    property: "SMS",
    level: "unit",
    tests: ["packages/core/test/scenarios.test.ts"],
    patches: [
      {
        file: transfer,
        find: "    if (!log.holds(snapshot)) restore(state, snapshot);\n",
        replace: "    if (log.lastIndex < snapshot.index) restore(state, snapshot);\n",
      },
    ],
    why: "A log that reaches a snapshot's index keeps its own entry there, of whatever term.",
  },
  {
    id: "S3-whole-log-dropped",
    rows: ["S3"],
    property: "DUR",
    level: "unit",
    tests: ["packages/core/test/scenarios.test.ts"],
    patches: [
      {
        file: transfer,
        find: "    if (!log.holds(snapshot)) restore(state, snapshot);\n",
        replace: "    restore(state, snapshot);\n",
      },
    ],
    why: "A snapshot of the log's beginning drops all of it, and with it what was acknowledged.",
  },
  {
    id: "S4-configuration-not-restored",
    rows: ["S4", "S6"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: transfer,
        find: "  configure(state, snapshot.confState, snapshot.index);\n",
        replace: "",
      },
    ],
    why: "A node that begins anew from a snapshot keeps its outdated configuration.",
  },
  {
    id: "S5-replaced-changes-applied",
    rows: ["S5", "S4"],
    property: "LC",
    level: "unit",
    tests: ["packages/core/src/handover.test.ts"],
    patches: [
      {
        file: handover,
        find: "      if (entry.index <= baseIndex) continue;\n",
        replace: "      if (entry.index <= baseIndex && baseIndex < 0) continue;\n",
      },
    ],
    why: "A change that was offered before a snapshot took its place takes effect after it.",
  },
  {
    id: "S5-changes-under-way-applied",
    rows: ["S5", "S4"],
    property: "LC",
    level: "unit",
    tests: ["packages/sim/test/regressions.test.ts"],
    patches: [
      {
        file: transfer,
        find: "  state.applyingChanges = [];\n",
        replace: "",
      },
    ],
    why: "A change that was being applied when a snapshot took its place takes effect after it.",
  },
  {
    id: "S5-applied-before-restored",
    rows: ["S5"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: handover,
        find: "      state.applyingIndex = ready.snapshot.index;\n",
        replace:
          "      state.applyingIndex = ready.snapshot.index;\n" +
          "      state.appliedIndex = ready.snapshot.index;\n",
      },
    ],
    why: "A snapshot counts as applied when it is handed out, before the state machine has it.",
  },
  {
    id: "S5-room-for-replaced-entries",
    rows: ["S5", "R25"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/core/src/handover.test.ts"],
    patches: [
      {
        file: transfer,
        find: "  state.applyingBytes = 0;\n",
        replace: "",
      },
    ],
    why: "What was being applied when a snapshot came stays in the allowance for ever.",
  },
  {
    id: "S5-newer-snapshot-forgotten",
    rows: ["S5"],
    property: "CRASH",
    level: "unit",
    tests: ["packages/core/src/handover.test.ts"],
    patches: [
      {
        file: handover,
        find: "      if (state.restoring === ready.snapshot) state.restoring = undefined;\n",
        replace: "      state.restoring = undefined;\n",
      },
    ],
    why: "A snapshot that came while an older one was handed out is never handed out itself.",
  },
  {
    id: "S6-snapshot-of-an-older-configuration",
    rows: ["S6"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: transfer,
        find: "  return { index, term, confState };\n",
        replace:
          "  const earlier = state.snapshot?.confState ?? confState;\n" +
          "  return { index, term, confState: earlier.voters.length > 0 ? earlier : confState };\n",
      },
    ],
    why: "A second snapshot has the configuration of the first, whatever changed since.",
  },
  {
    id: "S6-restart-forgets-the-snapshot",
    rows: ["S6"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: newState,
        find: "snapshot?.confState ?? confStateOf(startVoters)",
        replace: "confStateOf(startVoters)",
      },
    ],
    why: "A node that starts again from a snapshot has the configuration that the group began with.",
  },
  {
    id: "S6-restart-forgets-changes",
    rows: ["S6"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: newState,
        find: 'if (entry.kind === "conf-change") configure(',
        replace: "if (entry.index < 0) configure(",
      },
    ],
    why: "A node that starts again forgets the changes that it applied after its snapshot.",
  },
  {
    id: "S7-refused-by-who-goes",
    rows: ["S7"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: transfer,
        find: "  const { snapshot } = message;\n",
        replace:
          "  const { snapshot } = message;\n" +
          "  const { voters, learners } = snapshot.confState;\n" +
          "  if (!voters.includes(state.id) && !learners.includes(state.id)) return;\n",
      },
    ],
    why: "A voter that is on its way out refuses the snapshot, though its vote may still be needed.",
  },
  {
    id: "S8-failed-snapshot-waited-for",
    rows: ["S8"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: progress,
        find: '  if (progress.kind !== "snapshot") return progress;\n',
        replace: '  if (progress.kind !== "snapshot" || !ok) return progress;\n',
      },
    ],
    why: "A leader waits for ever for a snapshot that was given up.",
  },
  {
    id: "S8-snapshot-without-an-end",
    rows: ["S8"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: progress,
        find: '  return { kind: "probe", matchIndex, nextIndex, awaiting: true };\n',
        replace: "  return { ...progress, nextIndex };\n",
      },
    ],
    why: "A leader stays with a snapshot that has arrived, until its follower says so by itself.",
  },
  {
    id: "S8-arrived-is-acknowledged",
    rows: ["S8", "R5"],
    property: "DUR",
    ...simulated,
    patches: [
      {
        file: progress,
        find: '  return { kind: "probe", matchIndex, nextIndex, awaiting: true };\n',
        replace:
          '  return { kind: "probe", matchIndex: nextIndex - 1, nextIndex, awaiting: true };\n',
      },
    ],
    why: "What a snapshot holds counts as acknowledged once its state is said to have arrived.",
  },
  {
    id: "R4-tail-acknowledged-with-snapshot",
    rows: ["R4", "S3"],
    property: "SMS",
    level: "unit",
    tests: ["packages/core/src/snapshot-transfer.test.ts"],
    patches: [
      {
        file: transfer,
        find: "    matchIndex: state.commitIndex,\n",
        replace: "    matchIndex: log.lastIndex,\n",
      },
    ],
    why: "Who takes a snapshot acknowledges its whole log, whose tail may be another leader's.",
  },
  {
    id: "R12-snapshot-acknowledged-early",
    rows: ["R12", "D11"],
    property: "DUR",
    ...simulated,
    patches: [
      {
        file: transfer,
        find: "  state.outbox.messagesAfterPersist.push({\n",
        replace: "  state.outbox.messages.push({\n",
      },
    ],
    why: "A snapshot is acknowledged before the disk knows of it, and perhaps of the term.",
  },
  {
    id: "S5-entries-pass-the-snapshot",
    rows: ["S5"],
    property: "CRASH",
    ...simulated,
    patches: [
      {
        file: handover,
        find: "  if (state.restoring !== undefined || !hasApplicable(state)) return [];\n",
        replace: "  if (!hasApplicable(state)) return [];\n",
      },
    ],
    why: "Entries are to be applied while the snapshot before them is not handed out yet.",
  },
  {
    id: "S6-installed-snapshot-not-kept",
    rows: ["S6"],
    property: "CRASH",
    ...simulated,
    patches: [
      {
        file: transfer,
        find: "  if (log.holds(snapshot) && snapshot.index > (state.snapshot?.index ?? none)) {\n",
        replace: "  if (snapshot.index < none) {\n",
      },
    ],
    why: "A node that began anew from a snapshot has none to send when it leads.",
  },
];
