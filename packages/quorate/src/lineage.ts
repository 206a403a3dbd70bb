import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type LogIndex, type NodeId, RaftError, type Term } from "@quorate/core";
import { clusterIdFlaw } from "@quorate/wire";
import type { NodeDisk } from "./node-disk.ts";
import { storageError, systemCode } from "./storage-error.ts";

/**
 * Which groups a data directory comes from: a group that lost its majority goes on under a new name, so
 * that nobody of the old one can talk to it. Told by a file of its own, a line of JSON for each step. It
 * is for people, and for the choice of the next name; the log does not depend on it.
 */

/** One recovery: a group that ended, and the one that goes on from what was left of it. */
export interface LineageStep {
  /** The group that ended, and the node from whose disk it went on. */
  readonly fromClusterId: string;
  readonly fromId: NodeId;
  /** The incarnation of that node's log, in hexadecimal. */
  readonly fromIncarnation: string;
  /** The group that goes on. */
  readonly clusterId: string;
  readonly id: NodeId;
  /** The last entry that was kept. */
  readonly term: Term;
  readonly index: LogIndex;
  /** Up to where entries were known to be committed. */
  readonly commitIndex: LogIndex;
  /** Why it was done, as whoever did it said; empty if they said nothing. */
  readonly reason: string;
  /** When, in UTC, as ISO 8601 has it. */
  readonly at: string;
}

const lineageName = "lineage.jsonl";
/** What a name ends with that `newClusterId` gave. */
const suffix = /-r(\d{1,9})-[0-9a-f]{8}$/;

/**
 * The recoveries that `directory` comes from, the oldest first; none of the first group. Lines that this
 * program does not understand are left out. Rejects with `storage_failed`.
 */
export async function readLineage(directory: string): Promise<LineageStep[]> {
  return parseLineage(await readText(directory));
}

/** The recoveries that the text of a file tells of, but for lines that this program does not understand. */
export function parseLineage(text: string): LineageStep[] {
  return linesOf(text).flatMap((line) => {
    const step = parseStep(line);
    return step === undefined ? [] : [step];
  });
}

/** Writes the lineage of `directory`, whatever it says, and `step` after it, to `disk`. */
export async function writeLineage(
  disk: NodeDisk,
  directory: string,
  step: LineageStep,
): Promise<void> {
  const lines = [...linesOf(await readText(directory)), JSON.stringify(step)];
  const file = await disk.create(lineageName);
  try {
    await file.write(0, [Buffer.from(`${lines.join("\n")}\n`)]);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * A name for the group that goes on from `clusterId`. It counts recoveries, and ends with `mark`: of two
 * recoveries from two disks of one group, neither takes the other for its own.
 */
export function newClusterId(clusterId: string, mark: Uint8Array): string {
  const count = Number(suffix.exec(clusterId)?.[1] ?? 0) + 1;
  const end = Buffer.from(mark).toString("hex", 0, 4);
  return `${clusterId.replace(suffix, "")}-r${count}-${end}`;
}

/** Throws `invalid_options` if no group that goes on from `old`, of that lineage, can be named so. */
export function checkClusterId(
  clusterId: string,
  old: string,
  lineage: readonly LineageStep[],
): void {
  const flaw = clusterIdFlaw(clusterId);
  if (flaw !== undefined) throw refusal(`clusterId ${flaw}: got ${clusterId}`);
  const ancestors = [old, ...lineage.map(({ fromClusterId }) => fromClusterId)];
  if (!ancestors.includes(clusterId)) return;
  throw refusal(
    `clusterId must be new, and ${clusterId} was the group's before: its nodes would answer`,
  );
}

async function readText(directory: string): Promise<string> {
  const path = join(directory, lineageName);
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "";
    throw storageError(`read ${path}`, error);
  }
}

function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

function parseStep(line: string): LineageStep | undefined {
  try {
    const found: unknown = JSON.parse(line);
    return isStep(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

const texts = ["fromClusterId", "fromIncarnation", "clusterId", "reason", "at"] as const;
const numbers = ["fromId", "id", "term", "index", "commitIndex"] as const;

function isStep(found: unknown): found is LineageStep {
  if (typeof found !== "object" || found === null) return false;
  const fields = new Map<string, unknown>(Object.entries(found));
  return (
    texts.every((name) => typeof fields.get(name) === "string") &&
    numbers.every((name) => Number.isSafeInteger(fields.get(name)))
  );
}

function refusal(message: string): RaftError {
  return new RaftError("invalid_options", message);
}
