import type { Mutant } from "./mutant.ts";

const room = "packages/runtime/src/disk-room.ts";
const reserve = "packages/wal/src/reserve.ts";
const shown = {
  rows: ["D16"],
  level: "unit",
  tests: ["packages/runtime/test/full-disk.test.ts"],
} as const;

/** Bugs in how room is kept, given and made on a full disk. */
export const roomMutants: readonly Mutant[] = [
  {
    ...shown,
    id: "D16-reserve-not-given-up",
    property: "LIVE",
    patches: [
      { file: room, find: "    await this.#host.reserve.giveUp();\n", replace: "" },
      {
        file: reserve,
        find: "      if (!isDiskFull(error) || !(await this.giveUp())) throw error;\n",
        replace: "      if (!isDiskFull(error) || this.#isWhole) throw error;\n",
      },
    ],
    why: "What is set aside stays so: a disk that is full of log has no room for the snapshot that frees it.",
  },
  {
    ...shown,
    id: "D16-reserve-not-made-again",
    property: "LIVE",
    patches: [
      { file: room, find: "    if (!(await reserve.restore())) return;\n", replace: "" },
      { file: room, find: " || !this.#host.reserve.isWhole", replace: "" },
    ],
    why: "Proposals are taken again without the reserve: when the disk is full next, there is none.",
  },
  {
    ...shown,
    id: "D16-proposals-taken-while-full",
    property: "AVAIL",
    patches: [
      {
        file: "packages/runtime/src/replica-state.ts",
        find: '  if (kind === "full") return',
        replace: '  if (kind === "closed") return',
      },
    ],
    why: "A node without room goes on taking what it cannot write, and its callers wait.",
  },
  {
    ...shown,
    id: "D16-no-snapshot-by-need",
    property: "LIVE",
    patches: [
      {
        file: "packages/runtime/src/snapshot-keeper.ts",
        find: "    if (!log.frees(newestIndex)) await this.take().catch(() => undefined);\n",
        replace: "",
      },
    ],
    why: "Snapshots come by count alone: a disk that is full before stays full.",
  },
  {
    ...shown,
    id: "D16-promises-wait-for-a-whole-segment",
    property: "LIVE",
    patches: [{ file: room, find: "{ makesDo: true }", replace: "{ makesDo: false }" }],
    why: "What was promised finds no room in the reserve unless that holds a whole segment.",
  },
  {
    ...shown,
    id: "D16-full-at-the-start-unnoticed",
    property: "AVAIL",
    patches: [
      {
        file: room,
        find: "    this.#isFull = !host.reserve.isWhole;\n",
        replace: "    this.#isFull = false;\n",
      },
    ],
    why: "A node that starts on a full disk takes proposals, and has nothing in reserve.",
  },
  {
    ...shown,
    id: "D16-half-made-reserve-counts",
    property: "LIVE",
    tests: ["packages/wal/src/reserve.test.ts"],
    patches: [
      {
        file: reserve,
        find: "found === bytes || bytes === 0",
        replace: "found > 0 || bytes === 0",
      },
    ],
    why: "A reserve of another length counts as whole, and is too small when it is needed.",
  },
];
