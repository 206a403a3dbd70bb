import type { Mutant } from "./mutant.ts";

const transfer = "packages/core/src/leadership-transfer.ts";
const replication = "packages/core/src/replication.ts";
const election = "packages/core/src/election.ts";
const dispatch = "packages/core/src/dispatch.ts";
const raftNode = "packages/core/src/raft-node.ts";
const simulated = { level: "core", explored: false } as const;
const traced = { level: "unit", tests: ["packages/core/test/scenarios.test.ts"] } as const;

/** Bugs in handing leadership over, and in what leases of reads count on. */
export const transferMutants: readonly Mutant[] = [
  {
    id: "L5-restart-forgets-the-promise",
    rows: ["L5"],
    property: "LIN",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/new-state.ts",
        find: "    leaderHeardAt: 0,\n",
        replace: "    leaderHeardAt: -complete.electionTimeoutTicks,\n",
      },
    ],
    why: "A node that starts again votes at once, though it may have confirmed a lease just before.",
  },
  {
    id: "L5-promise-not-renewed",
    rows: ["L5"],
    property: "LIN",
    ...simulated,
    patches: [
      {
        file: dispatch,
        find: "  state.leaderHeardAt = state.ticks;\n",
        replace: "",
      },
    ],
    why: "Word from the leader does not renew the promise that its leases count on.",
  },
  {
    id: "L5-promise-of-the-present-term",
    rows: ["L5"],
    property: "LIN",
    ...traced,
    patches: [
      {
        file: dispatch,
        find: "  return owesLease(state) || (message.term > state.term && isLoyal(state));\n",
        replace: "  return message.term > state.term && (owesLease(state) || isLoyal(state));\n",
      },
    ],
    why: "A node that owes a lease, and has come to the term of a candidate otherwise, votes for it.",
  },
  {
    id: "L5-campaign-while-promised",
    rows: ["L5"],
    property: "LIN",
    ...traced,
    patches: [
      {
        file: raftNode,
        find: 'if (this.#state.role.kind === "leader" || owesLease(this.#state)) return;',
        replace: 'if (this.#state.role.kind === "leader") return;',
      },
    ],
    why: "A node is made to campaign that owes its leader a lease.",
  },
  {
    id: "L6-transfer-leaves-no-mark",
    rows: ["L6"],
    property: "LIN",
    level: "unit",
    tests: ["packages/core/src/leadership-transfer.test.ts"],
    patches: [
      {
        file: transfer,
        find: "  role.transferBegun = true;\n",
        replace: "",
      },
    ],
    why: "A leader that gave up a transfer counts on leases, though its request may still arrive.",
  },
  {
    id: "L7-commands-during-transfer",
    rows: ["L7"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "  if (transfer !== undefined) {\n",
        replace: "  if (term < 0) {\n",
      },
    ],
    why: "A leader that hands over goes on taking commands, and its successor never catches up.",
  },
  {
    id: "L8-transfer-never-ends",
    rows: ["L8"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: transfer,
        find: "  if (transfer.elapsedTicks >= state.options.electionTimeoutTicks) endTransfer(",
        replace: "  if (transfer.elapsedTicks < 0) endTransfer(",
      },
    ],
    why: "A transfer to a node that is gone blocks commands for ever.",
  },
  {
    id: "L9-transfer-asks-first",
    rows: ["L9"],
    property: "AVAIL",
    ...simulated,
    patches: [
      {
        file: election,
        find: "  if (mayCampaign(state)) campaignForReal(state, true);\n",
        replace: "  if (mayCampaign(state)) campaign(state);\n",
      },
    ],
    why: "Who is asked to take over asks around first, among those who are loyal to the present leader.",
  },
  {
    id: "L9-transfer-not-named",
    rows: ["L9"],
    property: "AVAIL",
    ...traced,
    patches: [
      {
        file: election,
        find: "  if (mayCampaign(state)) campaignForReal(state, true);\n",
        replace: "  if (mayCampaign(state)) campaignForReal(state, false);\n",
      },
    ],
    why: "The request for votes does not say that the leader wants it, and those who are loyal drop it.",
  },
  {
    id: "L9-transfer-not-heeded",
    rows: ["L9"],
    property: "AVAIL",
    ...simulated,
    patches: [
      {
        file: dispatch,
        find: "  if (!isVoteRequest(message) || isTransfer(message)) return false;\n",
        replace: "  if (!isVoteRequest(message)) return false;\n",
      },
    ],
    why: "Those who are loyal to the present leader drop the request of the one that it wants.",
  },
  {
    id: "L9-transfer-before-the-end",
    rows: ["L9", "L7"],
    property: "AVAIL",
    ...traced,
    patches: [
      {
        file: transfer,
        find: "  if (progress === undefined || progress.matchIndex < state.log.lastIndex) return;\n",
        replace: "  if (progress === undefined) return;\n",
      },
    ],
    why: "A node is asked to take over that lacks the end of the log, and cannot win.",
  },
  {
    id: "M9-handed-over-to-who-is-removed",
    rows: ["M9", "L8"],
    property: "AVAIL",
    ...traced,
    patches: [
      {
        file: "packages/core/src/membership.ts",
        find: "  if (!isVoter(state.voters, role.transfer.to)) role.transfer = undefined;\n",
        replace: "",
      },
    ],
    why: "A leader goes on handing over to a node that is no voter any more.",
  },
];
