import type { Mutant } from "./mutant.ts";

const reads = "packages/runtime/src/reads.ts";
const evidence = "packages/runtime/src/evidence.ts";
const readLease = "packages/runtime/src/read-lease.ts";
const leadership = "packages/runtime/src/leadership.ts";
const whole = { level: "whole", explored: false } as const;

/** Bugs in reads that count on leases, and in what a node knows of the past by its clocks. */
export const leaseMutants: readonly Mutant[] = [
  {
    id: "L5-lease-without-end",
    rows: ["L5"],
    property: "LIN",
    ...whole,
    patches: [
      {
        file: reads,
        find: "fact.term !== node.term || fact.ageMs >= this.#leaseMs) return none;",
        replace: "fact.term !== node.term) return none;",
      },
    ],
    why: "A leader that was confirmed once counts on its lease for as long as it takes itself for one.",
  },
  {
    id: "L5-lease-from-the-answer-on",
    rows: ["L5"],
    property: "LIN",
    level: "unit",
    tests: ["packages/runtime/test/lease-reads.test.ts"],
    patches: [
      {
        file: reads,
        find: "      if (index !== none) this.#evidence.note({ began, term, index });\n",
        replace:
          "      const arrived = { ...began, ...this.#evidence.moment() };\n" +
          "      if (index !== none) this.#evidence.note({ began: arrived, term, index });\n",
      },
    ],
    why: "A lease is counted from the answers to a round, which may be late, and not from its beginning.",
  },
  {
    id: "L5-whole-timeout-leased",
    rows: ["L5"],
    property: "LIN",
    level: "unit",
    tests: ["packages/runtime/src/read-lease.test.ts"],
    patches: [
      {
        file: readLease,
        find: "((electionTimeoutTicks - tickCatchUpMax - 1) * tickMs)",
        replace: "((electionTimeoutTicks + 0 * tickCatchUpMax) * tickMs)",
      },
    ],
    why: "A lease lasts a whole election timeout, though followers make up for ticks that are late.",
  },
  {
    id: "L5-clocks-taken-for-true",
    rows: ["L5"],
    property: "LIN",
    level: "unit",
    tests: ["packages/runtime/src/read-lease.test.ts", "packages/runtime/src/evidence.test.ts"],
    patches: [
      {
        file: readLease,
        find: " * tickMs) / (1 + clockDriftMax);",
        replace: " * tickMs) / (1 + 0 * clockDriftMax);",
      },
      {
        file: evidence,
        find: "ageMs: passedMs / (1 - driftMax)",
        replace: "ageMs: passedMs / (1 - 0 * driftMax)",
      },
    ],
    why: "Nothing is allowed for clocks that are slow, or fast.",
  },
  {
    id: "L5-suspension-goes-unnoticed",
    rows: ["L5"],
    property: "LIN",
    level: "unit",
    tests: ["packages/runtime/test/lease-reads.test.ts"],
    patches: [
      {
        file: evidence,
        find: "    if (Math.abs(this.#clock.wall() - began.wall - passedMs) > partingMsMax) {\n",
        replace: "    if (passedMs < 0) {\n",
      },
    ],
    why: "A clock that stood still with its machine is believed: what was long ago seems just now.",
  },
  {
    id: "L5-lease-of-an-earlier-term",
    rows: ["L5", "L1"],
    property: "LIN",
    level: "unit",
    tests: ["packages/runtime/test/lease-reads.test.ts"],
    patches: [
      {
        file: reads,
        find: "if (fact === undefined || fact.term !== node.term || ",
        replace: "if (fact === undefined || ",
      },
    ],
    why: "A new leader counts on what it learned in an older term, before it knows what is committed.",
  },
  {
    id: "L5-forgotten-while-promised",
    rows: ["L5"],
    property: "LIN",
    level: "unit",
    tests: ["packages/core/src/election.test.ts"],
    patches: [
      {
        file: "packages/core/src/election.ts",
        find: "  if (options.leaseReads) {\n",
        replace: "  if (options.leaseReads === undefined) {\n",
      },
    ],
    why: "A node that is told to forget its leader votes for another, whose leases count on it.",
  },
  {
    id: "L6-lease-after-a-transfer",
    rows: ["L6"],
    property: "LIN",
    ...whole,
    patches: [
      { file: reads, find: "    if (this.#host.hasTransferred()) return none;\n", replace: "" },
    ],
    why: "A leader that asked another to campaign goes on to count on its lease.",
  },
  {
    id: "L6-lease-once-given-up",
    rows: ["L6"],
    property: "LIN",
    level: "unit",
    tests: ["packages/runtime/test/lease-reads.test.ts"],
    patches: [
      {
        file: leadership,
        find: "    return this.#transferTerm === this.#host.node.term;\n",
        replace:
          "    return this.#transfer !== undefined && this.#transferTerm === this.#host.node.term;\n",
      },
    ],
    why: "A leader that gave up a transfer counts on leases again, though its request may still arrive.",
  },
];
