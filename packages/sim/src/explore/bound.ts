import { RaftError } from "@quorate/core";

/**
 * How much of the world an exploration covers. What is not bounded here is not bounded at all: delay,
 * reordering and loss of messages, and when disks finish their writes.
 */
export interface Bound {
  /** How many nodes the group has: 1 to 4. */
  readonly nodes: number;
  /** Nodes campaign only up to this term. At least 1. */
  readonly terms: number;
  /** How many commands are proposed, beside the empty entry of every leader. */
  readonly entries: number;
  /** How many crashes there are, each with a restart; `Infinity` for any number. */
  readonly crashes: number;
  /** How many deliveries repeat a message; `Infinity` for any number, of every message. */
  readonly duplicates: number;
  /**
   * How many times a leader sends heartbeats; `Infinity` for any number, which takes any number of
   * duplicates too, or there would be no end of messages.
   */
  readonly heartbeats: number;
}

/** The most nodes of a bound: every further one multiplies the ways to name them. */
export const nodesMax = 4;

/** A budget that never runs out, where budgets are packed into one number. */
const unlimited = 255;

/** Throws `invalid_argument` for a bound that cannot be searched. */
export function validateBound(bound: Bound): void {
  const { nodes, terms, entries, crashes, duplicates, heartbeats } = bound;
  requireRange("nodes", nodes, 1, nodesMax);
  requireRange("terms", terms, 1, unlimited - 1);
  requireRange("entries", entries, 0, unlimited - 1);
  if (crashes !== Infinity) requireRange("crashes", crashes, 0, unlimited - 1);
  if (duplicates !== Infinity) requireRange("duplicates", duplicates, 0, unlimited - 1);
  if (heartbeats !== Infinity) requireRange("heartbeats", heartbeats, 0, unlimited - 1);
  else if (duplicates !== Infinity) {
    throw new RaftError("invalid_argument", "any number of heartbeats takes any of duplicates");
  }
}

function requireRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const message = `${name} must be an integer from ${least} to ${most}: got ${value}`;
  throw new RaftError("invalid_argument", message);
}

/** A bound as words: `3 nodes, 2 terms, 2 entries, 1 crash, any duplicates, …`. */
export function describeBound(bound: Bound): string {
  const { nodes, terms, entries, crashes, duplicates, heartbeats } = bound;
  return [
    count(nodes, "node", "nodes"),
    count(terms, "term", "terms"),
    count(entries, "entry", "entries"),
    count(crashes, "crash", "crashes"),
    count(duplicates, "duplicate", "duplicates"),
    count(heartbeats, "heartbeat", "heartbeats"),
  ].join(", ");
}

function count(value: number, one: string, many: string): string {
  if (value === Infinity) return `any ${many}`;
  return `${value} ${value === 1 ? one : many}`;
}

/** What is left of a bound: four counts in one number. */
export type Budget = number;

/** The budget of the first state. */
export function wholeBudget({ entries, crashes, duplicates, heartbeats }: Bound): Budget {
  return pack(entries) | (pack(crashes) << 8) | (pack(duplicates) << 16) | (pack(heartbeats) << 24);
}

function pack(value: number): number {
  return value === Infinity ? unlimited : value;
}

/** Where each count stands in a budget, as a shift in bits. */
const budgetShifts = { entries: 0, crashes: 8, duplicates: 16, heartbeats: 24 } as const;

/** What a step can take from the budget. */
export type Cost = keyof typeof budgetShifts;

/** The budget after one more of `kind`; undefined if none is left. */
export function spend(budget: Budget, kind: Cost): Budget | undefined {
  const shift = budgetShifts[kind];
  const left = (budget >>> shift) & 255;
  if (left === unlimited) return budget;
  return left === 0 ? undefined : (budget - (1 << shift)) | 0;
}
