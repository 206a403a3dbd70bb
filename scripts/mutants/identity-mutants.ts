import type { Mutant } from "./mutant.ts";

const peerBook = "packages/runtime/src/peer-book.ts";
const memberTable = "packages/runtime/src/member-table.ts";
const memberGoal = "packages/runtime/src/member-goal.ts";
const recorder = "packages/runtime/src/member-recorder.ts";
const whole = { level: "whole", explored: false } as const;

/** Bugs in who is let in, and under which id. */
export const identityMutants: readonly Mutant[] = [
  {
    id: "D10-other-log-let-in",
    rows: ["D10"],
    property: "LC",
    ...whole,
    patches: [
      {
        file: peerBook,
        find: "    if (known === undefined || sameBytes(known, node.incarnation)) return undefined;\n",
        replace:
          "    if (known === undefined || known.length === node.incarnation.length) return undefined;\n",
      },
    ],
    why: "A node that lost its disk is let in under its old id.",
  },
  {
    id: "D10-log-known-to-peers-only",
    rows: ["D10"],
    property: "LC",
    level: "unit",
    tests: ["packages/sim/src/whole/whole-world.test.ts"],
    patches: [
      {
        file: memberTable,
        find: "    .map(({ id, address, incarnation }) => ({ id, address, incarnation }));\n",
        replace: "    .map(({ id, address }) => ({ id, address, incarnation: undefined }));\n",
      },
    ],
    why: "Which log a node came with is forgotten by those who start again, and they let in another.",
  },
  {
    id: "D10-other-log-recorded",
    rows: ["D10"],
    property: "LC",
    level: "unit",
    tests: ["packages/runtime/src/member-recorder.test.ts"],
    patches: [
      {
        file: recorder,
        find: "incarnation: known.incarnation ?? said.incarnation };",
        replace: "incarnation: said.incarnation };",
      },
    ],
    why: "Who comes with another log, and another address, is known by it from then on.",
  },
  {
    id: "D11-bare-snapshot-taken",
    rows: ["D11"],
    property: "CRASH",
    level: "unit",
    tests: ["packages/runtime/test/frames.test.ts"],
    patches: [
      {
        file: "packages/runtime/src/inbox.ts",
        find: 'if (message.kind === "install-snapshot" || message.kind === "propose") {',
        replace: 'if (message.kind === "propose") {',
      },
    ],
    why: "A peer tells the core of a snapshot whose state is nowhere.",
  },
  {
    id: "D10-removed-id-given-again",
    rows: ["D10", "M13"],
    property: "LC",
    level: "unit",
    tests: ["packages/runtime/src/member-plan.test.ts"],
    patches: [
      {
        file: memberGoal,
        find: "  checkNotRemoved(membership, id);\n  if (isMember(confState, id)) {\n",
        replace: "  if (isMember(confState, id)) {\n",
      },
    ],
    why: "A node is added under the id of one that was removed.",
  },
  {
    id: "D10-tombstones-not-kept",
    rows: ["D10", "M13"],
    property: "LC",
    ...whole,
    patches: [
      {
        file: memberTable,
        find: "  const removed = ascending([...table.removed, ...delta.removed]);\n",
        replace: "  const removed = ascending(delta.removed);\n",
      },
    ],
    why: "Who was removed is forgotten with the next change, and may come back.",
  },
  {
    id: "D10-removal-leaves-no-tombstone",
    rows: ["D10", "M13"],
    property: "LC",
    level: "unit",
    tests: ["packages/runtime/src/member-table.test.ts"],
    patches: [
      {
        file: memberTable,
        find: "table: afterLeaving(told, left) };",
        replace: "table: told };",
      },
    ],
    why: "A node that leaves the configuration is not told so, and its id is free for another.",
  },
];
