import type { Mutant } from "./mutant.ts";

const leadership = "packages/runtime/src/leadership.ts";
const diskQueue = "packages/runtime/src/disk-queue.ts";
const whole = { level: "whole", explored: false } as const;

/** Bugs in what a replica does about a disk or an event loop that fails it slowly. */
export const stuckMutants: readonly Mutant[] = [
  {
    id: "D14-stuck-leader-leads-on",
    rows: ["D14"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/runtime/test/leadership-watches.test.ts"],
    patches: [
      {
        file: leadership,
        find: "    if (this.#diskWatch.isStuck) this.#onStuck();\n    else if",
        replace: "    if",
      },
    ],
    why: "A leader whose disk hangs leads on, as long as the others go on without it.",
  },
  {
    id: "D14-stuck-leader-only-asks",
    rows: ["D14"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/runtime/test/leadership-watches.test.ts"],
    patches: [
      {
        file: leadership,
        find: "    if (transfer !== undefined) transfer.stepsDown = true;\n",
        replace: "    if (transfer !== undefined) transfer.stepsDown = false;\n",
      },
    ],
    why: "A leader whose disk hangs asks another to take over, and leads on if that is not heard.",
  },
  {
    id: "D14-each-tick-begins-a-write",
    rows: ["D14"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/runtime/src/disk-watch.test.ts"],
    patches: [
      {
        file: "packages/runtime/src/disk-watch.ts",
        find: "    this.#writingTicks += count;\n",
        replace: "    this.#writingTicks = count;\n",
      },
    ],
    why: "How long a write takes is not summed up, and no disk ever counts as stuck.",
  },
  {
    id: "D14-stuck-follower-campaigns",
    rows: ["D14"],
    property: "AVAIL",
    level: "unit",
    tests: ["packages/runtime/test/leadership-watches.test.ts"],
    patches: [
      {
        file: leadership,
        find: 'return this.#diskWatch.isStuck && this.#host.node.role !== "leader";',
        replace: 'return this.#diskWatch.isStuck && this.#host.node.role === "pre-candidate";',
      },
    ],
    why: "A node whose disk hangs goes on to campaign, and cannot win.",
  },
];

/** Bugs between the parts of a replica, one here and one there. */
export const spotMutants: readonly Mutant[] = [
  {
    id: "D11-log-does-not-begin-anew",
    rows: ["D11"],
    property: "CRASH",
    ...whole,
    patches: [
      {
        file: diskQueue,
        find: "{ reset: ready.snapshot, entries: ready.entries }",
        replace: "{ reset: undefined, entries: ready.entries }",
      },
    ],
    why: "The log on the disk goes on behind a hole that a snapshot stands for.",
  },
  {
    id: "D13-entries-before-a-snapshot-written",
    rows: ["D13", "D11"],
    property: "CRASH",
    level: "unit",
    tests: ["packages/runtime/src/disk-queue.test.ts"],
    patches: [
      {
        file: diskQueue,
        find: "    batch.entries.length = 0;\n    batch.bytes = 0;\n",
        replace: "",
      },
    ],
    why: "What waited for the disk when a snapshot took its place is written behind it.",
  },
  {
    id: "D13-full-disk-forgets-the-snapshot",
    rows: ["D13", "D11"],
    property: "CRASH",
    level: "unit",
    tests: ["packages/runtime/src/disk-queue.test.ts"],
    patches: [
      {
        file: diskQueue,
        find: "      addWork(batch, later);\n",
        replace: "      addWork(batch, { reset: undefined, entries: later.entries });\n",
      },
    ],
    why: "What came while the disk was full is added to what it refused, but for the new beginning.",
  },
  {
    id: "S4-members-behind-the-core",
    rows: ["S4", "S5"],
    property: "CRASH",
    level: "unit",
    tests: ["packages/runtime/test/replica-snapshots.test.ts"],
    patches: [
      {
        file: "packages/runtime/src/members.ts",
        find: "    if (confIndex > appliedIndex) return;\n",
        replace: "    if (confIndex < none) return;\n",
      },
      {
        file: "packages/runtime/src/members.ts",
        find: "  type NodeId,\n",
        replace: "  type NodeId,\n  none,\n",
      },
    ],
    why: "A change is taken for the newest, though the core has a snapshot of a later one.",
  },
  {
    id: "M13-strangers-are-served",
    rows: ["M13", "L12"],
    property: "LIN",
    level: "unit",
    tests: ["packages/runtime/test/frames.test.ts"],
    patches: [
      {
        file: "packages/runtime/src/inbox.ts",
        find: "    if (isMember(this.#host.node.confState, from)) return;\n",
        replace: "    if (isMember(this.#host.node.confState, from) || from > 0) return;\n",
      },
    ],
    why: "Commands of a node that was removed are taken, and one that comes late is applied once too often.",
  },
  {
    id: "L7-refused-while-handing-over",
    rows: ["L7"],
    property: "AVAIL",
    level: "unit",
    tests: ["packages/runtime/test/replica-end.test.ts"],
    patches: [
      {
        file: "packages/runtime/src/proposals.ts",
        find: '      if (error.code === "transferring" && !proposal.remote) {\n',
        replace: '      if (error.code === "transferring" && proposal.remote) {\n',
      },
    ],
    why: "A leader refuses its own callers while it hands over, instead of letting them wait.",
  },
];
