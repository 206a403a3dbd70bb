import type { Mutant } from "./mutant.ts";

const digests = "packages/runtime/src/digests.ts";
const whole = { level: "whole", explored: false } as const;
const unit = { level: "unit", tests: ["packages/runtime/src/digests.test.ts"] } as const;

/** Bugs in how replicas find that their states differ. */
export const digestMutants: readonly Mutant[] = [
  {
    id: "D15-digests-of-other-indexes-compared",
    rows: ["D15"],
    property: "CRASH",
    ...whole,
    patches: [
      {
        file: digests,
        find: "  return told.index === own.index && told.term === own.term;\n",
        replace: "  return told.index >= own.index && told.term === own.term;\n",
      },
    ],
    why: "States after different entries are compared, and replicas stop that are right.",
  },
  {
    id: "D15-digests-of-other-terms-compared",
    rows: ["D15"],
    property: "CRASH",
    ...unit,
    patches: [
      {
        file: digests,
        find: "  return told.index === own.index && told.term === own.term;\n",
        replace: "  return told.index === own.index;\n",
      },
    ],
    why: "States after different entries of the same index are compared.",
  },
  {
    id: "D15-one-is-a-majority",
    rows: ["D15"],
    property: "CRASH",
    level: "unit",
    tests: ["packages/runtime/src/digest-verdict.test.ts"],
    patches: [
      {
        file: "packages/runtime/src/digest-verdict.ts",
        find: '    if (voteResult(voters, hasAgreed) !== "won") continue;\n',
        replace: '    if (voteResult(voters, hasAgreed) === "lost") continue;\n',
      },
    ],
    why: "A digest is believed before a majority has spoken for it, and who is right is called wrong.",
  },
  {
    id: "D15-digest-after-the-batch",
    rows: ["D15"],
    property: "CRASH",
    ...whole,
    patches: [
      {
        file: "packages/runtime/src/apply-queue.ts",
        find: "    if (every === 0) return entries;\n",
        replace: "    if (every >= 0) return entries;\n",
      },
    ],
    why: "Entries beyond the agreed index are in the digest, on some replicas and not on others.",
  },
  {
    id: "D15-restored-state-held-to-the-old-one",
    rows: ["D15"],
    property: "CRASH",
    ...unit,
    patches: [
      {
        file: digests,
        find: "  onRestored(): void {\n    this.#own = [];\n",
        replace: "  onRestored(): void {\n    this.#own = [...this.#own];\n",
      },
    ],
    why: "A replica whose state was replaced stops for what the state before it was.",
  },
  {
    id: "D15-the-one-that-differs-serves-on",
    rows: ["D15"],
    property: "SMS",
    ...whole,
    patches: [
      {
        file: digests,
        find: "    if (wrong.includes(node.id)) this.#stopServing(own, known);\n",
        replace: "    if (wrong.includes(-node.id)) this.#stopServing(own, known);\n",
      },
    ],
    why: "A replica that knows that its state is not the group's goes on to answer.",
  },
  {
    id: "D15-digests-not-told-again",
    rows: ["D15"],
    property: "SMS",
    ...unit,
    patches: [
      {
        file: digests,
        find: "    if (this.#own.length > 0) this.#tell([peer]);\n",
        replace: "    if (this.#own.length < 0) this.#tell([peer]);\n",
      },
    ],
    why: "Who was not connected when digests were told is not compared before the next ones.",
  },
  {
    id: "D15-mark-not-left",
    rows: ["D15"],
    property: "SMS",
    level: "unit",
    tests: ["packages/runtime/test/digests.test.ts"],
    patches: [
      {
        file: "packages/wal/src/open-wal.ts",
        find: "    if (found.isMarked) throw await divergedError(disk);\n",
        replace:
          "    if (found.isMarked && found.files.length < 0) throw await divergedError(disk);\n",
      },
    ],
    why: "A replica whose state was found to be wrong starts again, from a snapshot of it perhaps.",
  },
];
