import type { Mutant } from "./mutant.ts";

const membership = "packages/core/src/membership.ts";
const election = "packages/core/src/election.ts";
const dispatch = "packages/core/src/dispatch.ts";
const state = "packages/core/src/state.ts";
const replication = "packages/core/src/replication.ts";
const simulated = { level: "core", explored: false } as const;
const traced = { level: "unit", tests: ["packages/core/test/scenarios.test.ts"] } as const;

/** Bugs in what becomes of those who come, learn and stay. */
export const memberMutants: readonly Mutant[] = [
  {
    id: "M8-learners-commit",
    rows: ["M8", "R23"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "  const index = committedIndex(state.voters, (id) =>\n",
        replace:
          "  const all = { incoming: new Set([state.id, ...state.peers]), outgoing: new Set() };\n" +
          "  const index = committedIndex(all, (id) =>\n",
      },
    ],
    why: "A leader commits what a majority of all members has, learners among them.",
  },
  {
    id: "M8-learners-are-voters",
    rows: ["M8", "M9"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/conf-state.ts",
        find: "return { incoming: new Set(confState.voters), outgoing",
        replace:
          "const { voters, learners } = confState;\n" +
          "  return { incoming: new Set([...voters, ...learners]), outgoing",
      },
    ],
    why: "Learners vote, and count, like everybody else.",
  },
  {
    id: "M9-learner-campaigns",
    rows: ["M9", "M13"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: election,
        find: "  if (!isVoter(voters, id) || term >= termMax) return false;\n",
        replace: "  if (voters.incoming.size === 0 || term >= termMax) return false;\n",
      },
    ],
    why: "Learners campaign, and so does who was removed.",
  },
  {
    id: "M9-learner-restarts-as-voter",
    rows: ["M9", "S6"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/new-state.ts",
        find: "  configureFromLog(state, [id, ...peers]);\n",
        replace:
          "  configureFromLog(state, [id, ...peers]);\n" +
          "  const { voters, learners } = state.confState;\n" +
          "  if (learners.includes(id)) {\n" +
          "    const confState = { ...state.confState, learners: learners.filter((one) => one !== id) };\n" +
          "    const after = { ...confState, voters: [...voters, id].sort((a, b) => a - b) };\n" +
          "    configure(state, after, state.confIndex);\n" +
          "  }\n",
      },
    ],
    why: "A learner that starts again takes itself for a voter.",
  },
  {
    id: "M10-vote-refused-by-who-was-promoted",
    rows: ["M10"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: election,
        find: "  return state.vote === candidate || (state.vote === none && leaderOf(state) === none);\n",
        replace:
          "  if (!isVoter(state.voters, state.id)) return false;\n" +
          "  return state.vote === candidate || (state.vote === none && leaderOf(state) === none);\n",
      },
    ],
    why: "A learner refuses its vote, though it may have been promoted without having heard of it.",
  },
  {
    id: "M15-removed-still-served",
    rows: ["M15"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: state,
        find: "  peers.clear();\n",
        replace: "",
      },
    ],
    why: "A leader goes on sending to whoever was removed.",
  },
  {
    id: "M15-learners-not-served",
    rows: ["M15"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: state,
        find: "  for (const id of state.peers) {\n",
        replace:
          "  for (const id of state.peers) {\n    if (confState.learners.includes(id)) continue;\n",
      },
    ],
    why: "A leader stops replicating to learners when the configuration changes.",
  },
  {
    id: "M15-progress-of-an-earlier-membership",
    rows: ["M15"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: state,
        find: "export function configure(",
        replace: "const forgotten = new WeakMap();\n\nexport function configure(",
      },
      {
        file: state,
        find: "  const known = new Map(peers);\n",
        replace:
          "  const known = new Map([...(forgotten.get(peers) ?? []), ...peers]);\n" +
          "  forgotten.set(peers, known);\n",
      },
    ],
    why: "Who comes back counts for what it acknowledged before it was removed, perhaps from another disk.",
  },
  {
    id: "M16-added-node-taken-for-equal",
    rows: ["M16", "R5"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: state,
        find: "    peers.set(id, known.get(id) ?? newPeer(state.log.lastIndex + 1, true));\n",
        replace:
          "    const peer = newPeer(state.log.lastIndex + 1, true);\n" +
          "    peer.progress = { ...peer.progress, matchIndex: state.log.lastIndex };\n" +
          "    peers.set(id, known.get(id) ?? peer);\n",
      },
    ],
    why: "Who is added counts as if it had the whole log.",
  },
  {
    id: "M16-silent-node-stops-all",
    rows: ["M16"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "  for (const [to, peer] of state.role.peers) addDueAppends(due, state, to, peer);\n",
        replace:
          "  for (const [to, peer] of state.role.peers) {\n" +
          '    if (peer.progress.kind === "probe" && peer.progress.awaiting) break;\n' +
          "    addDueAppends(due, state, to, peer);\n" +
          "  }\n",
      },
      {
        file: replication,
        find: "  for (const { progress } of state.role.peers.values()) {\n",
        replace:
          "  for (const { progress } of state.role.peers.values()) {\n" +
          '    if (progress.kind === "probe" && progress.awaiting) break;\n',
      },
    ],
    why: "A member that does not answer keeps those after it from getting anything.",
  },
  {
    id: "R24-smaller-majority-not-counted",
    rows: ["R24"],
    property: "LIVE",
    ...traced,
    patches: [
      {
        file: "packages/core/src/handover.ts",
        find: "      advanceCommit(state, state.role);\n      releaseReads(state, state.role);\n",
        replace: "      releaseReads(state, state.role);\n",
      },
    ],
    why: "What a smaller majority has already is not committed when the larger one ends.",
  },
  {
    id: "L10-smaller-majority-confirms-nothing",
    rows: ["L10", "R24"],
    property: "LIVE",
    ...traced,
    patches: [
      {
        file: "packages/core/src/handover.ts",
        find: "      releaseReads(state, state.role);\n",
        replace: "",
      },
    ],
    why: "Reads that a smaller majority has confirmed already wait when the larger one ends.",
  },
  {
    id: "R25-changes-not-in-the-allowance",
    rows: ["R25"],
    property: "CRASH",
    ...simulated,
    patches: [
      {
        file: membership,
        find: "  leader.uncommittedBytes += log.bytesBetween(entry.index - 1, entry.index);\n",
        replace: "",
      },
    ],
    why: "A change leaves the allowance for uncommitted entries when it commits, and was never in it.",
  },
  {
    id: "L10-read-alone-asks-learners",
    rows: ["L10"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/sim/test/regressions.test.ts"],
    patches: [
      {
        file: "packages/core/src/reads.ts",
        find: "  if (isQuorumAlone(state)) {\n",
        replace: "  if (leader.peers.size === 0) {\n",
      },
    ],
    why: "The only voter asks its learners before it answers a read, and waits for ever if they are gone.",
  },
  {
    id: "E20-newer-term-in-refusals-ignored",
    rows: ["E20", "E19"],
    property: "LIVE",
    ...traced,
    patches: [
      {
        file: dispatch,
        find: '    (message.kind === "pre-vote-response" && message.granted)\n',
        replace: '    message.kind === "pre-vote-response"\n',
      },
    ],
    why: "Who has the longer log is refused for its older term, and never takes up the newer one.",
  },
  {
    id: "M10-learner-loyal-for-ever",
    rows: ["M10", "M17"],
    property: "LIVE",
    ...traced,
    patches: [
      {
        file: election,
        find: "  if (!mayCampaign(state)) becomeFollower(state, state.term, none);\n  campaign(",
        replace: "  campaign(",
      },
    ],
    why: "Who may not campaign stays loyal to a leader that is gone, though its vote may be needed.",
  },
];
