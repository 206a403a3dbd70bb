import type { Mutant } from "./mutant.ts";

const election = "packages/core/src/election.ts";
const dispatch = "packages/core/src/dispatch.ts";
const simulated = { level: "core", explored: false } as const;

/** Bugs that keep a group from electing a leader, or depose one without need. */
export const campaignMutants: readonly Mutant[] = [
  {
    id: "E14-candidate-ignores-leader",
    rows: ["E14"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: dispatch,
        find: '    case "append-entries":\n      hearLeader(state, message.from);\n',
        replace:
          '    case "append-entries":\n' +
          '      if (state.role.kind === "candidate") break;\n' +
          "      hearLeader(state, message.from);\n",
      },
    ],
    why: "A candidate that lost goes on as if the winner's appends were not there.",
  },
  {
    id: "E15-term-in-answers-ignored",
    rows: ["E15"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: dispatch,
        find: "    if (adoptsTerm(message)) becomeFollower(",
        replace:
          '    if (message.kind.endsWith("response") || message.kind.endsWith("rejection")) return;\n' +
          "    if (adoptsTerm(message)) becomeFollower(",
      },
    ],
    why: "A leader does not step down for a newer term that an answer names.",
  },
  {
    id: "E16-deposed-leader-resets-timer",
    rows: ["E16"],
    property: "AVAIL",
    ...simulated,
    patches: [
      {
        file: dispatch,
        find: "      const { id, term } = state;\n      const to = message.from;\n",
        replace:
          "      resetElectionTimer(state);\n" +
          "      const { id, term } = state;\n      const to = message.from;\n",
      },
    ],
    why: "A deposed leader that still reaches a follower keeps it from campaigning.",
  },
  {
    id: "E17-denied-vote-resets-timer",
    rows: ["E17"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: election,
        find: "  if (!granted) {\n",
        replace: "  if (!granted) {\n    resetElectionTimer(state);\n",
      },
    ],
    why: "A candidate that cannot win keeps the one that could from campaigning.",
  },
  {
    id: "E18-term-stamped-when-sent",
    rows: ["E18"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/handover.ts",
        find: "messages: withAppends(outbox.messages, dueAppends(state)),",
        replace:
          "messages: [...outbox.messages, ...dueAppends(state)].map((message) =>\n" +
          '        message.kind === "heartbeat" ? { ...message, term: state.term } : message,\n      ),',
      },
    ],
    why: "A heartbeat that waited while its sender was deposed leaves with the new leader's term.",
  },
  {
    id: "E19-older-pre-vote-unanswered",
    rows: ["E19"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: dispatch,
        find: '    case "pre-vote":\n    case "request-vote":\n      refuseStaleVote(state, message);\n',
        replace:
          '    case "pre-vote":\n      break;\n' +
          '    case "request-vote":\n      refuseStaleVote(state, message);\n',
      },
    ],
    why: "A node in an older term asks for pre-votes and never learns why nobody answers.",
  },
  {
    id: "E21-pre-vote-raises-term",
    rows: ["E21"],
    property: "AVAIL",
    ...simulated,
    patches: [
      {
        file: dispatch,
        find: '    message.kind === "pre-vote" ||\n',
        replace: "",
      },
    ],
    why: "Merely asking for pre-votes raises the term of those who are asked, and deposes their leader.",
  },
  {
    id: "E21-all-who-ask-give-way",
    rows: ["E21"],
    property: "AVAIL",
    ...simulated,
    patches: [
      {
        file: election,
        find: "  const givesWay = message.from < state.id || !isUpToDate(state.log.last, message.last);\n",
        replace: "  const givesWay = true;\n",
      },
    ],
    why: "Of two who ask for pre-votes at the same time both give way, and nobody is elected.",
  },
  {
    id: "E22-follower-never-lets-go",
    rows: ["E22"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: election,
        find: "  const free = message.term > state.term || mayVoteFor(state, message.from);\n",
        replace:
          "  const { kind } = state.role;\n" +
          '  const idle = kind === "follower" && leaderOf(state) === none;\n' +
          "  const free = idle && (message.term > state.term || mayVoteFor(state, message.from));\n",
      },
    ],
    why: "A node that remembers a leader, or asks itself, refuses every pre-vote, the old leader's too.",
  },
  {
    id: "E23-no-quorum-check",
    rows: ["E23"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: election,
        find: '  if (heard !== "won") {\n',
        replace: "  if (false) {\n",
      },
    ],
    why: "A leader that lost its majority never steps down, and those who still hear it stay loyal.",
  },
  {
    id: "E24-alone-never-elected",
    rows: ["E24"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: election,
        find: "  state.role.votes.set(state.id, true);\n  tallyVotes(state);\n",
        replace: "  state.role.votes.set(state.id, true);\n",
      },
    ],
    why: "Votes are counted only when an answer comes, and a group of one gets none.",
  },
];
