import type { Mutant } from "./mutant.ts";

const kinds = "packages/wal/src/damage-kinds.ts";
const gap = "packages/wal/src/gap.ts";
const finder = "packages/wal/src/damage-finder.ts";
const lending = "packages/runtime/src/lending.ts";
const mending = { level: "unit", tests: ["packages/wal/test/mend.test.ts"] } as const;

/** Bugs in how a log is mended that went bad in places. */
export const mendMutants: readonly Mutant[] = [
  {
    id: "D6-mended-with-anything",
    rows: ["D6"],
    property: "LM",
    ...mending,
    patches: [
      {
        file: kinds,
        find: "!sameBytes(bytes.subarray(0, batchHeaderBytes), head)",
        replace: "recordBytesOf(entries) < 1",
      },
    ],
    why: "Whatever others hold takes the place of what was damaged, unless its length differs.",
  },
  {
    id: "D6-gap-behind-the-last",
    rows: ["D6"],
    property: "LM",
    ...mending,
    patches: [
      {
        file: gap,
        find: "  const first = hardState.commitIndex + 1;\n",
        replace: "  const first = Math.min(shape.last.index, next.prev.index - 1) + 1;\n",
      },
      {
        file: gap,
        find: "function missingIn({ expected, hardState, next }: Gap)",
        replace: "function missingIn({ expected, shape, next }: Gap)",
      },
    ],
    why: "What was replaced in the gap comes back: only what followed it is asked for.",
  },
  {
    id: "D6-gap-of-any-term",
    rows: ["D6"],
    property: "LM",
    ...mending,
    patches: [
      {
        file: gap,
        find: "last.index !== missing.last || last.term !== missing.lastTerm",
        replace: "last.index !== missing.last",
      },
    ],
    why: "A gap is filled from a log that does not hold the entry that came after it.",
  },
  {
    id: "D6-next-batch-was-torn",
    rows: ["D6", "E1"],
    property: "ES",
    level: "unit",
    tests: ["packages/wal/test/mend-limits.test.ts"],
    patches: [
      {
        file: gap,
        find: "    let isWhole = false;\n    for",
        replace: "    let isWhole = true;\n    for",
      },
    ],
    why: "A gap is closed before a torn batch, which goes, and with it the vote that only it still told.",
  },
  {
    id: "D6-lost-trailer-restored",
    rows: ["D6"],
    property: "DUR",
    level: "unit",
    tests: ["packages/wal/test/lost-write.test.ts"],
    patches: [{ file: kinds, find: " || sameBytes(found, segment.header.fill)", replace: "" }],
    why: "The trailer that a lost sector took is restored, and the batch that began there is cut as torn.",
  },
  {
    id: "D6-lost-sector-completed",
    rows: ["D6"],
    property: "DUR",
    level: "unit",
    tests: ["packages/wal/test/lost-write.test.ts"],
    patches: [
      {
        file: finder,
        find: '      if (read.kind === "torn") return [];\n',
        replace: "",
      },
    ],
    why: "A batch gets back what a lost sector took, and the one that began there is cut as torn.",
  },
  {
    id: "D6-lent-from-another-history",
    rows: ["D6"],
    property: "LM",
    level: "unit",
    tests: ["packages/runtime/src/lending.test.ts"],
    patches: [
      {
        file: lending,
        find: "  if (lastTerm !== none && term !== lastTerm) {\n",
        replace: "  if (lastTerm !== none && term === none) {\n",
      },
    ],
    why: "A member gives entries of a history that is not the borrower's.",
  },
];
