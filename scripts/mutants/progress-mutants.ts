import type { Mutant } from "./mutant.ts";

const replication = "packages/core/src/replication.ts";
const progress = "packages/core/src/progress.ts";
const simulated = { level: "core", explored: false } as const;

/** Bugs in what a leader believes of its followers: it then never brings some of them round. */
export const progressMutants: readonly Mutant[] = [
  {
    id: "R15-stale-rejection-counts",
    rows: ["R15"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: progress,
        find: "if (progress.nextIndex - 1 !== prevIndex || prevIndex <= matchIndex) return progress;",
        replace: "if (prevIndex < 0) return progress;",
      },
      {
        file: progress,
        find: "Math.max(Math.min(prevIndex, candidate + 1), matchIndex + 1);",
        replace: "Math.max(Math.min(prevIndex, candidate + 1), 1);",
      },
    ],
    why: "A late rejection takes a follower back behind what it has acknowledged since.",
  },
  {
    id: "R16-rejection-names-the-end",
    rows: ["R16"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "      prevIndex: prev.index,\n      hint,\n",
        replace: "      prevIndex: log.lastIndex,\n      hint,\n",
      },
    ],
    why: "A rejection names the end of the follower's log and not what was rejected.",
  },
  {
    id: "R17-heartbeat-ends-back-tracking",
    rows: ["R17"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: progress,
        find: "return progress.awaiting ? { ...progress, awaiting: false } : progress;",
        replace: "return { ...progress, nextIndex: lastIndex + 1, awaiting: false };",
      },
    ],
    why: "The answer to a heartbeat makes the leader look for the follower's end from its own end again.",
  },
  {
    id: "R18-few-conflicts-only",
    rows: ["R18"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "  const candidate = index < log.base.index ? index : log.lastAtMost(index, term).index;\n",
        replace:
          "  const found = index < log.base.index ? index : log.lastAtMost(index, term).index;\n" +
          "  const candidate = Math.max(found, log.lastIndex - 3);\n",
      },
      {
        file: progress,
        find: "Math.max(Math.min(prevIndex, candidate + 1), matchIndex + 1);",
        replace: "Math.max(candidate + 1, matchIndex + 1);",
      },
      {
        file: progress,
        find: 'return { kind: "probe", matchIndex, nextIndex, awaiting: false };',
        replace: 'return { kind: "probe", matchIndex, nextIndex, awaiting: true };',
      },
    ],
    why: "A leader goes back by no more than a few entries, and then starts over.",
  },
  {
    id: "R19-window-bytes-leak",
    rows: ["R19"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: "packages/core/src/inflights.ts",
        find: "      this.#bytes -= inflight.bytes;\n",
        replace: "",
      },
    ],
    why: "The bytes of acknowledged appends stay in the window, until it is full for ever.",
  },
  {
    id: "R19-lost-answer-blocks-window",
    rows: ["R19"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: progress,
        find: "return progress.matchIndex < lastIndex ? { ...progress, nudge: true } : progress;",
        replace: "return progress;",
      },
    ],
    why: "A window whose appends or answers were lost is never freed.",
  },
  {
    id: "R19-lost-probe-blocks-follower",
    rows: ["R19", "R17"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: progress,
        find: "return progress.awaiting ? { ...progress, awaiting: false } : progress;",
        replace: "return progress;",
      },
    ],
    why: "A probe that was lost is waited for until the leader is another.",
  },
  {
    id: "R25-uncommitted-bytes-leak",
    rows: ["R25"],
    property: "LIVE",
    ...simulated,
    patches: [
      {
        file: replication,
        find: "  leader.uncommittedBytes -= log.bytesBetween(state.commitIndex, index);\n",
        replace: "",
      },
    ],
    why: "Committed entries stay in the allowance for uncommitted ones, until every proposal is refused.",
  },
];
