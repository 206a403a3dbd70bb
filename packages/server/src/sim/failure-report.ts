import { execFileSync } from "node:child_process";
import { version } from "../version.ts";
import type { FailureList } from "./failure-list.ts";
import type { Level } from "./sim-settings.ts";

/** How many failures of a campaign are told in full. */
const fullCountMax = 10;

/** Tells of failures: what, where, how to repeat each, and where its smallest scenario is. */
export class FailureReport {
  readonly #level: Level;
  readonly #list: FailureList;
  readonly #print: (text: string) => void;
  #toldCount = 0;
  /** Asked for once, and only if something fails. */
  #commit: string | undefined;

  constructor(level: Level, list: FailureList, print: (text: string) => void) {
    this.#level = level;
    this.#list = list;
    this.#print = print;
  }

  /** Tells of a seed that failed, and puts it into the list. The first are told in full. */
  tell(seed: number, message: string): void {
    const what = firstLine(message);
    this.#commit ??= commitOf();
    const failure = { level: this.#level, seed, commit: this.#commit, what };
    this.#toldCount += 1;
    const isFull = this.#toldCount <= fullCountMax;
    this.#print(isFull ? `${message}\ncommit ${failure.commit}` : what);
    this.#list.add(failure);
  }

  /** Keeps the smallest scenario of a seed that failed, and says where. */
  keep(seed: number, scenario: string): void {
    const path = this.#list.keepScenario(this.#level, seed, scenario);
    this.#print(`seed ${seed}, smallest scenario: ${path}`);
  }
}

/** The first line of a message. */
export function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

/** What is running: the commit of the working directory, or the version. */
function commitOf(): string {
  try {
    const args = ["rev-parse", "--short", "HEAD"];
    return execFileSync("git", args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return version;
  }
}
