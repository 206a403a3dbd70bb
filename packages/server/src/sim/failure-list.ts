import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CommandError, exitStatus } from "../cli/exit-status.ts";
import { type Level, levels } from "./sim-settings.ts";

/** A seed that failed. */
export interface Failure {
  readonly level: Level;
  readonly seed: number;
  /** The version of the code that failed. */
  readonly commit: string;
  /** The first line of what went wrong. */
  readonly what: string;
}

/**
 * The seeds that failed, one JSON object in a line: it outlives the campaign, so that the next one can
 * try them again. Beside it lies a folder with a scenario for each.
 */
export class FailureList {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Every failure, oldest first. Throws for a file that is not such a list. */
  read(): readonly Failure[] {
    if (!existsSync(this.#path)) return [];
    const lines = readFileSync(this.#path, "utf8").split("\n");
    return lines.flatMap((line, offset) => {
      if (line.trim() === "") return [];
      const failure = parseFailure(line);
      if (failure !== undefined) return [failure];
      const where = `${this.#path}, line ${offset + 1}`;
      throw new CommandError(`${where}: not a failure of a simulation`, exitStatus.usage);
    });
  }

  add(failure: Failure): void {
    mkdirSync(dirname(this.#path), { recursive: true });
    appendFileSync(this.#path, `${JSON.stringify(failure)}\n`);
  }

  /** Forgets those that `isGone` names. */
  remove(isGone: (failure: Failure) => boolean): void {
    const kept = this.read().filter((failure) => !isGone(failure));
    writeFileSync(this.#path, kept.map((failure) => `${JSON.stringify(failure)}\n`).join(""));
  }

  /** Keeps a scenario and returns the path of its file. */
  keepScenario(level: Level, seed: number, text: string): string {
    const folder = this.#path.replace(/\.[^./]*$/, "");
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${level}-${seed}.txt`);
    writeFileSync(path, text);
    return path;
  }
}

function parseFailure(line: string): Failure | undefined {
  const { level, seed, commit, what } = parseObject(line);
  const known = levels.find((candidate) => candidate === level);
  if (known === undefined || typeof seed !== "number" || !Number.isSafeInteger(seed)) {
    return undefined;
  }
  return { level: known, seed, commit: textOf(commit), what: textOf(what) };
}

function parseObject(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
