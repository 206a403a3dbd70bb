import type { Mutant } from "./mutant.ts";

const election = "packages/core/src/election.ts";
const roles = "packages/core/src/roles.ts";
const dispatch = "packages/core/src/dispatch.ts";
const handover = "packages/core/src/handover.ts";
const quorum = "packages/core/src/quorum.ts";
const simulated = { level: "core", explored: false } as const;
const explored = { level: "core", explored: true } as const;

/** Bugs in votes, terms and the persistence of both. */
export const voteMutants: readonly Mutant[] = [
  {
    id: "E1-vote-before-durable",
    rows: ["E1"],
    property: "ES",
    ...explored,
    patches: [
      {
        file: election,
        find: "state.outbox.messagesAfterPersist.push(response);",
        replace: "state.outbox.messages.push(response);",
      },
    ],
    why: "A vote leaves before the disk holds it: a voter that crashes votes again in the same term.",
  },
  {
    id: "E1-request-before-durable",
    rows: ["E1", "E2"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: election,
        find: "state.outbox.messagesAfterPersist.push({",
        replace: "state.outbox.messages.push({",
      },
    ],
    why: "A candidate asks for votes before its disk holds its term and its own vote.",
  },
  {
    id: "E1-own-vote-before-durable",
    rows: ["E1", "E9"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: election,
        find: "  if (term !== state.term || vote !== state.id) return;\n",
        replace: "",
      },
    ],
    why: "Whatever the disk reports, the candidate's own vote counts, though it may not be durable yet.",
  },
  {
    id: "E2-term-not-synced",
    rows: ["E2"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/hard-state.ts",
        find: "return before.term !== after.term || before.vote !== after.vote;",
        replace: "return after.vote !== 0 && before.vote !== after.vote;",
      },
    ],
    why: "A new term is written without a sync: a crash takes back a term in which the node promised.",
  },
  {
    id: "E2-term-forgotten",
    rows: ["E2"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/new-state.ts",
        find: "    term: hardState.term,\n    vote: hardState.vote,\n",
        replace: "    term: log.last.term,\n    vote: 0,\n",
      },
    ],
    why: "A node that starts again takes its term from its log, and has voted for nobody.",
  },
  {
    id: "E3-vote-and-term-apart",
    rows: ["E3"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: handover,
        find: "const hardState = sameHardState(current, state.handedHardState) ? undefined : current;",
        replace:
          "const handed = state.handedHardState;\n" +
          "    const split = current.term !== handed.term && current.vote !== handed.vote;\n" +
          "    const first = { ...handed, vote: current.vote };\n" +
          "    const isNew = !sameHardState(current, handed);\n" +
          "    const hardState = split ? first : isNew ? current : undefined;",
      },
      {
        file: handover,
        find: "messagesAfterPersist: [...outbox.messagesAfterPersist],",
        replace: "messagesAfterPersist: split ? [] : [...outbox.messagesAfterPersist],",
      },
    ],
    why: "The vote is written first, its term later: a crash between leaves the vote in the old term.",
  },
  {
    id: "E4-vote-forgotten-on-step-down",
    rows: ["E4"],
    property: "ES",
    ...explored,
    patches: [
      {
        file: roles,
        find: "  if (term > state.term) {\n    state.term = term;\n    state.vote = none;\n  }\n",
        replace: "  state.term = term;\n  state.vote = none;\n",
      },
    ],
    why: "Stepping down clears the vote, also within the term in which it was given.",
  },
  {
    id: "E5-vote-forgotten-on-append",
    rows: ["E5"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: dispatch,
        find: "  if (!follows) becomeFollower(state, state.term, leader);\n",
        replace:
          "  if (!follows) becomeFollower(state, state.term, leader);\n  state.vote = none;\n",
      },
    ],
    why: "Every word from the leader clears the vote.",
  },
  {
    id: "E6-votes-for-each-candidate",
    rows: ["E6", "E4"],
    property: "ES",
    ...explored,
    patches: [
      {
        file: election,
        find: "return state.vote === candidate || (state.vote === none && leaderOf(state) === none);",
        replace: "return candidate !== none && leaderOf(state) === none;",
      },
      {
        file: roles,
        find: '  assert(state.vote === none || state.vote === candidate, "one vote in a term (§5.2)");\n',
        replace: "",
      },
    ],
    why: "A node without a leader votes for every candidate that asks, and no assertion minds.",
  },
  {
    id: "E7-votes-counted-by-answer",
    rows: ["E7"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: election,
        find: "  if (!votes.has(answer.from)) votes.set(answer.from, answer.granted);\n",
        replace:
          "  let slot = answer.from;\n" +
          "  while (votes.has(slot) && slot < 7) slot += 1;\n" +
          "  votes.set(slot, answer.granted);\n",
      },
    ],
    why: "A vote that the network delivers twice counts twice.",
  },
  {
    id: "E8-stale-votes-counted",
    rows: ["E8"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: dispatch,
        find: "} else if (message.term < state.term) {",
        replace:
          '} else if (message.term < state.term && message.kind !== "request-vote-response") {',
      },
    ],
    why: "A late grant of an earlier campaign counts in the next one.",
  },
  {
    id: "E9-own-vote-counted-again",
    rows: ["E9"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: election,
        find: "  state.role.votes.set(state.id, true);\n",
        replace:
          "  const { votes } = state.role;\n" +
          "  const free = [state.id, ...state.peers].find((id) => votes.get(id) !== true);\n" +
          "  votes.set(free ?? state.id, true);\n",
      },
    ],
    why: "Each time the disk reports, the candidate's own vote counts once more.",
  },
  {
    id: "E10-half-is-a-quorum",
    rows: ["E10"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: quorum,
        find: "return Math.floor(size / 2) + 1;",
        replace: "return Math.ceil(size / 2);",
      },
    ],
    why: "Of an even number of voters, half decide: both halves do.",
  },
  {
    id: "E10-minority-is-a-quorum",
    rows: ["E10"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: quorum,
        find: "return Math.floor(size / 2) + 1;",
        replace: "return Math.max(1, Math.floor(size / 2));",
      },
    ],
    why: "One voter less than a majority decides.",
  },
  {
    id: "E10-read-confirmed-by-one",
    rows: ["E10", "L2"],
    property: "LIN",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/reads.ts",
        find: "    if (round > confirmed) break;\n",
        replace:
          "    const rounds = Array.from(leader.peers.values(), (peer) => peer.confirmedRound);\n" +
          "    if (round > Math.max(confirmed, ...rounds)) break;\n",
      },
    ],
    why: "One follower confirms a round of reads, however many voters there are.",
  },
  {
    id: "E11-longer-log-wins",
    rows: ["E11"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/entry.ts",
        find:
          "  if (candidate.term !== own.term) return candidate.term > own.term;\n" +
          "  return candidate.index >= own.index;\n",
        replace:
          "  if (candidate.index !== own.index) return candidate.index > own.index;\n" +
          "  return candidate.term >= own.term;\n",
      },
    ],
    why: "Logs are compared by length before term: an old tail beats a committed entry.",
  },
  {
    id: "E12-any-log-wins",
    rows: ["E12"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/entry.ts",
        find:
          "  if (candidate.term !== own.term) return candidate.term > own.term;\n" +
          "  return candidate.index >= own.index;\n",
        replace: "  return true;\n",
      },
    ],
    why: "Votes and pre-votes go to whoever asks, whatever its log lacks.",
  },
  {
    id: "E12-vote-not-compared",
    rows: ["E12"],
    property: "LC",
    ...simulated,
    patches: [
      {
        file: election,
        find: "mayVoteFor(state, message.from) && isUpToDate(message.last, state.log.last);",
        replace: "mayVoteFor(state, message.from);",
      },
    ],
    why: "Only pre-votes compare logs; the vote itself, which may be asked much later, does not.",
  },
  {
    id: "E13-learners-vote",
    rows: ["E13", "M8"],
    property: "ES",
    ...simulated,
    patches: [
      {
        file: election,
        find:
          "function otherVoters({ id, voters }: RaftState): NodeId[] {\n" +
          "  return allVoters(voters).filter((voter) => voter !== id);\n",
        replace: "function otherVoters({ peers }: RaftState): NodeId[] {\n  return [...peers];\n",
      },
      {
        file: election,
        find: '  if (result === "won") becomeLeader(state);\n',
        replace:
          "  const grantedCount = [...votes.values()].filter((granted) => granted).length;\n" +
          '  const isMost = 2 * grantedCount > state.voters.incoming.size && result !== "lost";\n' +
          '  if (result === "won" || isMost) becomeLeader(state);\n',
      },
    ],
    why: "A candidate asks all members and counts whoever grants: the votes of learners too.",
  },
];
