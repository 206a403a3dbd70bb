import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { FlightReplay, type FlightStep, RaftError } from "quorate";
import { withoutCode } from "../api-error.ts";
import { CommandError, exitStatus } from "./exit-status.ts";

/** What `replay` is told. */
export interface ReplaySettings {
  /** Show the state after this step, and nothing else. */
  readonly at?: number;
  /** The first and the last step to be shown. */
  readonly from: number;
  readonly to?: number;
  readonly json: boolean;
  readonly interactive: boolean;
}

/** Plays the flight record in the file at `path`, and says how it came out. */
export async function replayCommand(path: string, settings: ReplaySettings): Promise<number> {
  const replay = await openReplay(path);
  const { at, from, to = replay.stepCount, json } = settings;
  if (settings.interactive) return converse(replay);
  if (at !== undefined) {
    replay.goTo(at - 1);
    print(lineOf(replay.next(), json));
    print(json ? JSON.stringify(replay.status()) : replay.describe());
    return exitStatus.ok;
  }
  replay.goTo(from - 1);
  let before: FlightStep | undefined;
  while (replay.position < to) {
    const step = replay.next();
    if (step === undefined) break;
    print(lineOf(step, json, before));
    before = step;
  }
  replay.goTo(replay.stepCount);
  print(json ? endAsJson(replay) : endOf(replay));
  return statusOf(replay);
}

async function openReplay(path: string): Promise<FlightReplay> {
  try {
    return new FlightReplay(await readFile(path));
  } catch (error) {
    if (error instanceof RaftError) throw new CommandError(`${path}: ${withoutCode(error)}`);
    if (error instanceof Error && "syscall" in error) throw new CommandError(error.message);
    throw error;
  }
}

/** A step as one line: its number, what the core was told, what came of it, and what is new since. */
function lineOf(step: FlightStep | undefined, json: boolean, before?: FlightStep): string {
  if (step === undefined) return json ? "null" : "no such step";
  const { number, input, result, status } = step;
  if (json) {
    const { role, term, vote, leader, last, commitIndex, appliedIndex } = status;
    const state = { role, term, vote, leader, lastIndex: last.index, commitIndex, appliedIndex };
    return JSON.stringify({ step: number, input, result, ...state });
  }
  const outcome = result === "" ? "" : ` -> ${result}`;
  return `${number} ${input}${outcome}${newsOf(step, before)}`;
}

/** What a step changed of what matters most. */
function newsOf({ status }: FlightStep, before: FlightStep | undefined): string {
  const old = before?.status;
  const news = [
    old?.role === status.role ? "" : status.role,
    old?.term === status.term ? "" : `term=${status.term}`,
    old?.leader === status.leader
      ? ""
      : `leader=${status.leader === 0 ? "-" : `n${status.leader}`}`,
    old?.commitIndex === status.commitIndex ? "" : `commit=${status.commitIndex}`,
  ].filter((text) => text !== "");
  return news.length === 0 ? "" : ` => ${news.join(" ")}`;
}

function endOf(replay: FlightReplay): string {
  return `${replay.describe()}\nfingerprint ${fingerprintOf(replay)}\n${verdictOf(replay)}`;
}

function endAsJson(replay: FlightReplay): string {
  const { verdict, recordedFailure = null } = replay;
  const fingerprint = fingerprintOf(replay);
  return JSON.stringify({ verdict, recordedFailure, fingerprint, status: replay.status() });
}

/** All that decides what the core does next, as 16 digits. */
function fingerprintOf(replay: FlightReplay): string {
  return createHash("sha256").update(replay.fingerprint()).digest("hex").slice(0, 16);
}

function verdictOf({ verdict, recordedFailure, stepCount }: FlightReplay): string {
  switch (verdict.kind) {
    case "under way":
      return "the replay has not come to its end";
    case "same":
      return `after ${stepCount} steps the state is the one that was recorded`;
    case "differs":
      return `the replay differs at step ${verdict.step}: ${verdict.detail}`;
    case "failed":
      return verdict.failure === recordedFailure
        ? `step ${verdict.step} fails as it was recorded: ${verdict.failure}`
        : `step ${verdict.step} fails as it was not recorded: ${verdict.failure}`;
    case "failed-elsewhere":
      return `the replica failed, and this core does not: ${recordedFailure ?? ""}`;
  }
}

function statusOf({ verdict, recordedFailure }: FlightReplay): number {
  const isOther =
    verdict.kind === "differs" ||
    (verdict.kind === "failed" && verdict.failure !== recordedFailure);
  return isOther ? exitStatus.differs : exitStatus.ok;
}

const usage = "n [count] next, p [count] previous, g STEP go, s status, q quit";

/** Takes one command per line from standard input, until its end. */
async function converse(replay: FlightReplay): Promise<number> {
  const isTerminal = process.stdin.isTTY;
  const lines = createInterface({ input: process.stdin });
  print(`${replay.stepCount} steps; ${usage}`);
  const ask = (): void => {
    if (isTerminal) process.stdout.write(`${replay.position}> `);
  };
  ask();
  for await (const line of lines) {
    if (!obey(replay, line.trim())) break;
    ask();
  }
  lines.close();
  return exitStatus.ok;
}

/** Does what a line says; false if that was to quit. */
function obey(replay: FlightReplay, line: string): boolean {
  const [command = "", argument] = line.split(/\s+/);
  const count = argument === undefined ? 1 : Number(argument);
  if (!Number.isSafeInteger(count) || count < 0) {
    print(`"${argument ?? ""}" is not a number of steps`);
    return true;
  }
  switch (command) {
    case "":
    case "n":
      for (let each = 0; each < count; each++) showNext(replay);
      return true;
    case "p":
      return goTo(replay, Math.max(0, replay.position - count));
    case "g":
      return goTo(replay, count);
    case "s":
      print(endOf(replay));
      return true;
    case "q":
      return false;
    default:
      print(usage);
      return true;
  }
}

function showNext(replay: FlightReplay): void {
  const step = replay.next();
  if (step === undefined) print(verdictOf(replay));
  else print(lineOf(step, false));
}

/** Goes to `position`, and shows the step that leads there. */
function goTo(replay: FlightReplay, position: number): true {
  replay.goTo(Math.max(0, position - 1));
  if (position === 0) print("0 the beginning");
  else showNext(replay);
  return true;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
