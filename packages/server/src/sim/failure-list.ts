import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, parse } from "node:path";
import { CommandError, exitStatus } from "../cli/exit-status.ts";
import { onFile } from "./on-file.ts";
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
 * try them again. Beside it lies a folder with a scenario for each. Every method throws a usage error for
 * files that cannot be read or written.
 */
export class FailureList {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Every failure, oldest first. Throws for a file that is not such a list. */
  read(): readonly Failure[] {
    if (!existsSync(this.#path)) return [];
    const lines = onFile(this.#path, () => readFileSync(this.#path, "utf8")).split("\n");
    return lines.flatMap((line, offset) => {
      if (line.trim() === "") return [];
      const failure = parseFailure(line);
      if (failure !== undefined) return [failure];
      const where = `${this.#path}, line ${offset + 1}`;
      throw new CommandError(`${where}: not a failure of a simulation`, exitStatus.usage);
    });
  }

  /** Adds a failure, unless its seed is in the list. */
  add(failure: Failure): void {
    const { level, seed } = failure;
    if (this.read().some((known) => known.level === level && known.seed === seed)) return;
    onFile(this.#path, () => {
      mkdirSync(dirname(this.#path), { recursive: true });
      appendFileSync(this.#path, `${JSON.stringify(failure)}\n`);
    });
  }

  /** Forgets those that `isGone` names. */
  remove(isGone: (failure: Failure) => boolean): void {
    const kept = this.read().filter((failure) => !isGone(failure));
    const text = kept.map((failure) => `${JSON.stringify(failure)}\n`).join("");
    onFile(this.#path, () => writeFileSync(this.#path, text));
  }

  /** Keeps a scenario and returns the path of its file. */
  keepScenario(level: Level, seed: number, text: string): string {
    const { dir, name, ext } = parse(this.#path);
    const folder = join(dir, ext === "" ? `${name}-scenarios` : name);
    const path = join(folder, `${level}-${seed}.txt`);
    onFile(path, () => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(path, text);
    });
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
