import type { Mutant } from "./mutant.ts";

const membership = "packages/core/src/membership.ts";
const election = "packages/core/src/election.ts";
const handover = "packages/core/src/handover.ts";
const quorum = "packages/core/src/quorum.ts";
const roles = "packages/core/src/roles.ts";
const simulated = { level: "core", explored: false } as const;

/** Bugs in which configurations may follow one another, and when each decides. */
export const changeMutants: readonly Mutant[] = [
  {
    id: "M1-change-before-first-commit",
    rows: ["M1", "M4"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: membership,
        find: "  if (!hasCommittedInTerm(state)) {\n",
        replace: "  if (state.term < 0) {\n",
      },
      {
        file: roles,
        find: "  const pendingConfIndex = log.lastIndex;\n",
        replace: "  const pendingConfIndex = none;\n",
      },
    ],
    why: "A new leader changes the configuration before it knows what is committed, and what it inherited.",
  },
  {
    id: "M1-refusal-is-not-ready",
    rows: ["M1"],
    property: "LC",
    level: "unit",
    tests: ["packages/core/test/scenarios.test.ts"],
    patches: [
      {
        file: membership,
        find: "  if (!hasCommittedInTerm(state)) {\n",
        replace: "  if (state.term < 0) {\n",
      },
    ],
    why:
      "A leader that has applied all that it inherited changes the configuration before its first commit. " +
      "By itself that is harmless here; it must be refused all the same.",
  },
  {
    id: "M2-several-at-once",
    rows: ["M2"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/conf-change.ts",
        find: 'const joint = change.transition !== "auto" || change.changes.length > 1;',
        replace: 'const joint = change.transition !== "auto";',
      },
    ],
    why: "Several voters change at once, without a joint configuration between.",
  },
  {
    id: "M3-campaign-with-change-unapplied",
    rows: ["M3"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: election,
        find: '  return !log.hasKind("conf-change", appliedIndex, commitIndex);\n',
        replace: "  return true;\n",
      },
    ],
    why: "A node that knows of a newer configuration campaigns by the one before.",
  },
  {
    id: "M3-transfer-with-change-unapplied",
    rows: ["M3", "M9"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: election,
        find: "  if (mayCampaign(state)) campaignForReal(state, true);\n",
        replace: "  campaignForReal(state, true);\n",
      },
    ],
    why: "Whoever is asked to take over campaigns, as a learner too, or by a configuration of before.",
  },
  {
    id: "M3-change-before-durable-commit",
    rows: ["M3", "M17"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: handover,
        find: '  return entry.kind !== "conf-change" || entry.index <= persistedHardState.commitIndex;\n',
        replace: "  return entry.index <= persistedHardState.commitIndex || entry.index > 0;\n",
      },
    ],
    why: "A change takes effect before the disk knows that it is committed: a crash takes it back.",
  },
  {
    id: "M3-change-commit-not-synced",
    rows: ["M3", "M17"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: handover,
        find:
          "    mustSync(handedHardState, current) ||\n" +
          '    log.hasKind("conf-change", handedHardState.commitIndex, current.commitIndex)\n',
        replace:
          "    mustSync(handedHardState, current) ||\n" +
          '    log.hasKind("conf-change", current.commitIndex, current.commitIndex)\n',
      },
    ],
    why: "That a change is committed is written without a sync, and counts as durable.",
  },
  {
    id: "M4-second-change",
    rows: ["M4"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: membership,
        find: "  if (role.pendingConfIndex > state.appliedIndex) {\n    throw new RaftError(\n",
        replace: "  if (state.term < 0) {\n    throw new RaftError(\n",
      },
    ],
    why: "A leader proposes a change while the one before is not applied yet.",
  },
  {
    id: "M4-own-change-not-noted",
    rows: ["M4"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: membership,
        find: "  leader.pendingConfIndex = entry.index;\n",
        replace: "",
      },
    ],
    why: "A leader forgets which change it has just proposed.",
  },
  {
    id: "M4-inherited-change-not-noted",
    rows: ["M4", "M7"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: roles,
        find: "  const pendingConfIndex = log.lastIndex;\n",
        replace: "  const pendingConfIndex = none;\n",
      },
    ],
    why: "A new leader proposes a change on top of one that it inherited and has not applied.",
  },
  {
    id: "M5-elected-by-the-union",
    rows: ["M5"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: quorum,
        find: "  const incoming = majorityVote(voters.incoming, vote);\n",
        replace:
          "  const incoming = majorityVote(new Set([...voters.incoming, ...voters.outgoing]), vote);\n",
      },
      {
        file: quorum,
        find: "  const outgoing = majorityVote(voters.outgoing, vote);\n",
        replace: "  const outgoing = majorityVote(new Set(), vote);\n",
      },
    ],
    why: "In a joint configuration a majority of all who vote elects, and not one of each side.",
  },
  {
    id: "M5-elected-by-either",
    rows: ["M5"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: quorum,
        find:
          '  if (incoming === "lost" || outgoing === "lost") return "lost";\n' +
          '  return incoming === "won" && outgoing === "won" ? "won" : "pending";\n',
        replace:
          '  if (voters.outgoing.size > 0 && outgoing === "won") return "won";\n  return incoming;\n',
      },
    ],
    why: "In a joint configuration a majority of either side elects.",
  },
  {
    id: "M6-committed-by-the-new",
    rows: ["M6"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: quorum,
        find: "    majorityIndex(voters.outgoing, matchIndex),\n",
        replace: "",
      },
    ],
    why: "A joint configuration commits by a majority of those who will remain.",
  },
  {
    id: "M6-committed-by-the-old",
    rows: ["M6"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: quorum,
        find: "    majorityIndex(voters.incoming, matchIndex),\n",
        replace:
          "    voters.outgoing.size > 0\n" +
          "      ? Number.POSITIVE_INFINITY\n" +
          "      : majorityIndex(voters.incoming, matchIndex),\n",
      },
    ],
    why: "A joint configuration commits by a majority of those who voted before.",
  },
  {
    id: "M7-joint-left-by-its-leader-alone",
    rows: ["M7"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: handover,
        find: "      releaseReads(state, state.role);\n    }\n",
        replace: "      releaseReads(state, state.role);\n      leaveJointIfDue(state);\n    }\n",
      },
      {
        file: handover,
        find: "    state.appliedIndex = index;\n    leaveJointIfDue(state);\n",
        replace: "    state.appliedIndex = index;\n",
      },
    ],
    why: "Only a leader that applies the joint configuration itself leaves it, and none that comes later.",
  },
  {
    id: "M7-joint-left-again-and-again",
    rows: ["M7", "M4"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: membership,
        find: "  if (role.pendingConfIndex > state.appliedIndex || !hasCommittedInTerm(state)) return;\n",
        replace: "  if (!hasCommittedInTerm(state)) return;\n",
      },
    ],
    why: "A leader leaves a joint configuration at every turn, on top of a change that is under way.",
  },
  {
    id: "M17-refusals-tell-nothing",
    rows: ["M17", "E20"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/sim/test/regressions.test.ts"],
    patches: [
      {
        file: election,
        find: "  return term === undefined ? {} : { committed: { term, index: commitIndex } };\n",
        replace: "  return {};\n",
      },
    ],
    why: "Who was removed refuses its vote, and does not say that it was: nobody else can be elected.",
  },
  {
    id: "M17-told-commit-not-compared",
    rows: ["M17"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: election,
        find: '  if (role.kind === "leader" || !log.holds(committed)) return;\n',
        replace: '  if (role.kind === "leader" || committed.index > log.lastIndex) return;\n',
      },
    ],
    why: "A candidate that is told what is committed takes its own entry at that index for it.",
  },
  {
    id: "M17-told-candidate-campaigns-on",
    rows: ["M17", "M3"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: election,
        find: "  if (campaigns && !mayCampaign(state)) becomeFollower(state, state.term, none);\n",
        replace: "",
      },
    ],
    why: "A candidate that learns of a newer configuration goes on by the one before.",
  },
];
