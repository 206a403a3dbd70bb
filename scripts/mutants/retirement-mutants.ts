import type { Mutant } from "./mutant.ts";

const memberTable = "packages/runtime/src/member-table.ts";
const membership = "packages/core/src/membership.ts";
const dispatch = "packages/core/src/dispatch.ts";
const heartbeat = "packages/core/src/heartbeat.ts";
const replication = "packages/core/src/replication.ts";
const simulated = { level: "core", explored: false } as const;

/** Bugs in how those go who were removed. */
export const retirementMutants: readonly Mutant[] = [
  {
    id: "M11-removed-leader-stays",
    rows: ["M11"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: membership,
        find: '  if (told !== "won") return;\n',
        replace: "  return;\n",
      },
    ],
    why: "A leader that was removed goes on sending heartbeats, and takes no commands.",
  },
  {
    id: "M11-removed-leader-leads-on",
    rows: ["M11"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: membership,
        find: "      role.retirement = { index: entry.index, toldRounds: new Map() };\n",
        replace: "",
      },
    ],
    why: "A leader that was removed leads on as if nothing had been.",
  },
  {
    id: "M12-goes-when-applied",
    rows: ["M12"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: membership,
        find: "      role.retirement = { index: entry.index, toldRounds: new Map() };\n",
        replace: '      becomeFollower(state, state.term, none, "removed");\n',
      },
    ],
    why: "A leader that was removed goes at once, before anybody else knows that the change is committed.",
  },
  {
    id: "M12-told-is-enough",
    rows: ["M12"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: membership,
        find: "  return toldRound !== undefined && peer.confirmedRound >= toldRound;\n",
        replace: "  return toldRound !== undefined && peer.recentlyActive;\n",
      },
    ],
    why: "A leader that was removed goes once it has told the others, whether or not they heard it.",
  },
  {
    id: "M12-told-of-less",
    rows: ["M12"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/core/test/scenarios.test.ts"],
    patches: [
      {
        file: heartbeat,
        find: "  if (retirement === undefined || commitIndex < retirement.index) return;\n",
        replace: "  if (retirement === undefined) return;\n",
      },
    ],
    why: "Any heartbeat counts as word of the removal, also one that names an older commit index.",
  },
  {
    id: "M12-answered-before-durable",
    rows: ["M12"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "  const messages = isBound ? outbox.messagesAfterPersist : outbox.messages;\n",
        replace: "  const { messages } = outbox;\n",
      },
    ],
    why: "A follower answers that it knows of the removal before its disk does.",
  },
  {
    id: "M12-counts-itself-as-told",
    rows: ["M12", "M14"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: membership,
        find: "  const told = voteResult(state.voters, (id) => {\n",
        replace:
          "  const told = voteResult(state.voters, (id) => {\n" +
          "    if (id === Math.min(...state.voters.incoming)) return true;\n",
      },
    ],
    why: "A leader that was removed counts itself in the place of one who must know of it.",
  },
  {
    id: "M13-removed-node-heard",
    rows: ["M13"],
    property: "AVAIL",
    ...simulated,
    patches: [
      {
        file: dispatch,
        find: "  return owesLease(state) || (message.term > state.term && isLoyal(state));\n",
        replace: "  return owesLease(state);\n",
      },
    ],
    why: "Whoever hears from a leader still minds candidates: one that was removed deposes each leader.",
  },
  {
    id: "M13-removed-node-not-told",
    rows: ["M13", "M17"],
    property: "AVAIL",
    level: "unit",
    tests: ["packages/core/src/membership.test.ts"],
    patches: [
      {
        file: "packages/core/src/handover.ts",
        find: '    if (state.role.kind === "leader") announceChange(state, state.role, watched);\n',
        replace: "",
      },
    ],
    why: "Who was removed is not told that this is committed, until it campaigns.",
  },
  {
    id: "M14-removed-leader-counts-itself",
    rows: ["M14"],
    property: "SMS",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "    id === state.id ? log.persistedIndex :",
        replace:
          "    id === state.id ||\n" +
          "    (leader.retirement !== undefined && id === Math.min(...state.voters.incoming))\n" +
          "      ? log.persistedIndex :",
      },
    ],
    why: "A leader that was removed counts its own disk in the place of a voter's.",
  },
  {
    id: "M12-let-go-at-once",
    rows: ["M12"],
    property: "LIVE",
    level: "whole",
    explored: false,
    patches: [
      {
        file: memberTable,
        find: "    leaving: [...table.leaving, ...left].sort((a, b) => a.id - b.id),\n",
        replace: "    leaving: table.leaving,\n",
      },
    ],
    why: "Who was removed is sent away by anyone who knows, while those who have to vote may not know.",
  },
  {
    id: "M12-let-go-by-any-change",
    rows: ["M12"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/runtime/src/member-table.test.ts"],
    patches: [
      {
        file: memberTable,
        find: "    leaving: table.leaving.filter(({ id }) => !delta.removed.includes(id)),\n",
        replace: "    leaving: [],\n",
      },
    ],
    why: "Who was removed is sent away by the next change, though its leader may not have known.",
  },
  {
    id: "M12-never-let-go",
    rows: ["M12", "M13"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/runtime/src/member-recorder.test.ts"],
    patches: [
      {
        file: "packages/runtime/src/member-recorder.ts",
        find: "    return (this.#news.size > 0 || leaving.length > 0) && now >= this.#nextAt;\n",
        replace: "    return this.#news.size > 0 && leaving.length >= 0 && now >= this.#nextAt;\n",
      },
    ],
    why: "Nobody tells a node that it was removed, if the leader that did it was lost.",
  },
  {
    id: "M12-stale-refusal-unheard",
    rows: ["M12", "M17"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/sim/test/regressions.test.ts"],
    patches: [
      {
        file: "packages/core/src/dispatch.ts",
        find: "      learnCommitted(state, message.committed);\n",
        replace: "",
      },
    ],
    why: "A removed node in an older term cannot tell the last voter that it is not needed.",
  },
];
