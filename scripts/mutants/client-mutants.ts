import type { Mutant } from "./mutant.ts";

const reads = "packages/core/src/reads.ts";
const proposals = "packages/runtime/src/proposals.ts";
const proposal = "packages/runtime/src/proposal.ts";
const applyQueue = "packages/runtime/src/apply-queue.ts";
const simulated = { level: "core", explored: false } as const;
const whole = { level: "whole", explored: false } as const;

/** Bugs in linearizable reads. */
export const readMutants: readonly Mutant[] = [
  {
    id: "L1-read-before-first-commit",
    rows: ["L1"],
    property: "LIN",
    ...simulated,
    patches: [
      {
        file: reads,
        find: "  if (state.log.termAt(state.commitIndex) !== state.term) {\n",
        replace: "  if (state.log.termAt(state.commitIndex) === undefined) {\n",
      },
    ],
    why: "A new leader answers reads before it knows what is committed.",
  },
  {
    id: "L2-read-without-round",
    rows: ["L2"],
    property: "LIN",
    ...simulated,
    patches: [
      {
        file: reads,
        find: "  if (isQuorumAlone(state)) {\n",
        replace: "  if (leader.peers.size >= 0) {\n",
      },
    ],
    why: "A leader answers reads without asking whether it still leads.",
  },
  {
    id: "L3-round-number-reused",
    rows: ["L3"],
    property: "LIN",
    ...simulated,
    patches: [
      {
        file: reads,
        find: "  leader.readRound += 1;\n",
        replace:
          "  if (leader.readRound === 0 || leader.readRounds.length > 0) leader.readRound += 1;\n",
      },
      {
        file: reads,
        find: "  if (message.readRound <= peer.confirmedRound) return;\n",
        replace: "  if (message.readRound < peer.confirmedRound) return;\n",
      },
    ],
    why: "A round takes the number of one that ended: late answers to the old one confirm the new one.",
  },
  {
    id: "L3-read-joins-sent-round",
    rows: ["L3"],
    property: "LIN",
    ...simulated,
    patches: [
      {
        file: reads,
        find: "newest !== undefined && newest.round > leader.offeredRound",
        replace: "newest !== undefined",
      },
    ],
    why: "A read joins a round whose heartbeats were answered before it began.",
  },
  {
    id: "L3-round-confirmed-before-sent",
    rows: ["L3"],
    property: "LIN",
    level: "unit",
    tests: ["packages/core/src/validate-message.test.ts"],
    patches: [
      {
        file: "packages/core/src/validate-message.ts",
        find: "message.readRound > role.offeredRound",
        replace: "message.readRound > role.readRound",
      },
    ],
    why: "A round is confirmed whose heartbeats have not left: reads that join it are confirmed by nobody.",
  },
  {
    id: "L4-read-before-apply",
    rows: ["L4", "D1"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: applyQueue,
        find: "this.#readIndexLeast > this.#appliedIndex) return;",
        replace: "this.#readIndexLeast < 0) return;",
      },
      {
        file: applyQueue,
        find: "      if (asker.readIndex > this.#appliedIndex) {\n",
        replace: "      if (asker.readIndex < 0) {\n",
      },
    ],
    why: "A confirmed read is answered from a state that has not been applied that far.",
  },
  {
    id: "L10-follower-drops-reads",
    rows: ["L10"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/roles.ts",
        find: "for (const readId of old.reads.keys()) state.outbox.reads.push({ readId, index: none });",
        replace: "",
      },
    ],
    why: "Reads that wait for a leader are forgotten when it changes, and never end.",
  },
  {
    id: "L10-leader-drops-reads",
    rows: ["L10"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/roles.ts",
        find: "          if (from === state.id) state.outbox.reads.push({ readId, index: none });\n",
        replace: "",
      },
    ],
    why: "Reads that wait for a round are forgotten when their leader is deposed, and never end.",
  },
  {
    id: "L10-forwarded-read-waits-for-ever",
    rows: ["L10"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: reads,
        find: "    if (deadline > state.ticks) break;\n",
        replace: "    if (deadline > 0) break;\n",
      },
    ],
    why: "A forwarded read whose answer was lost is waited for as long as its leader leads.",
  },
];

/** Bugs in what clients are told about their writes. */
export const writeMutants: readonly Mutant[] = [
  {
    id: "L11-uncommitted-applied",
    rows: ["L11"],
    property: "LIN",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/handover.ts",
        find: "return Math.min(state.commitIndex, state.log.persistedIndex);",
        replace: "return state.log.persistedIndex;",
      },
    ],
    why: "Entries are applied as soon as they are durable on one node.",
  },
  {
    id: "R14-answered-when-appended",
    rows: ["R14", "L11"],
    property: "DUR",
    ...whole,
    patches: [
      {
        file: proposals,
        find: "    this.#host.watch?.proposed(proposal, index);\n    this.#host.wake();\n",
        replace:
          "    this.#proposed.set(index, proposal);\n" +
          "    this.#settle(proposal, { index, result: new Uint8Array(0) });\n" +
          "    this.#host.wake();\n",
      },
    ],
    why: "A command counts as done when the leader has appended it.",
  },
  {
    id: "L12-repeated-frame-executed",
    rows: ["L12"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: "packages/runtime/src/forwarding.ts",
        find: "    if (recent.has(requestId)) return false;\n",
        replace: "    if (recent.has(requestId)) return true;\n",
      },
    ],
    why: "A forwarded command that the network delivers twice is proposed twice.",
  },
  {
    id: "L12-unknown-outcome-retried",
    rows: ["L12"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: proposals,
        find: '  "transferring",\n  "disk_full",\n]);',
        replace:
          '  "transferring",\n  "disk_full",\n' +
          '  "leadership_lost",\n  "deadline_exceeded",\n  "stopped",\n]);',
      },
    ],
    why: "A command whose outcome the leader could not tell is handed over once more.",
  },
  {
    id: "L13-overwritten-called-superseded",
    rows: ["L13"],
    property: "LIN",
    level: "unit",
    tests: ["packages/runtime/test/failover.test.ts"],
    patches: [
      {
        file: proposals,
        find: 'this.#settle(replaced, new RaftError("leadership_lost",',
        replace: 'this.#settle(replaced, new RaftError("superseded",',
      },
    ],
    why: "A command that was overwritten here is called lost, though another log may still hold it.",
  },
  {
    id: "L13-late-command-called-unavailable",
    rows: ["L13"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: proposal,
        find: 'return new RaftError("deadline_exceeded",',
        replace: 'return new RaftError("unavailable",',
      },
    ],
    why: "A command that is late is called not handed over, and commits after all.",
  },
  {
    id: "L13-deposed-leader-calls-it-lost",
    rows: ["L13"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: proposal,
        find:
          '      return new RaftError("leadership_lost", lost, { leader });\n' +
          '    }\n    case "forwarded": {',
        replace:
          '      return new RaftError("not_leader", lost, { leader });\n    }\n    case "forwarded": {',
      },
    ],
    why: "A leader that was deposed tells its clients that their commands never happened.",
  },
  {
    id: "L14-other-entry-acknowledged",
    rows: ["L14", "R14"],
    property: "DUR",
    ...whole,
    patches: [
      {
        file: proposals,
        find: "if (proposal.place.term === entry.term && result !== undefined) {",
        replace: "if (result !== undefined) {",
      },
    ],
    why: "Whoever waits for an index is told that it is done, whichever entry was committed there.",
  },
];
