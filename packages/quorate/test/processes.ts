import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** A directory of this test's own, removed when the test is over. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "quorate-test-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Waits until `condition` holds; fails, saying `what` was awaited, if it takes more than 20 seconds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await sleep(5);
  }
}

/** A child process that runs a script beside the tests and says things line by line. */
export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** The first line that it says. */
  readonly firstLine: Promise<string>;
  /** Everything it said. */
  output(): string;
  /** Ends it at once and resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves to its exit status. */
  readonly exit: Promise<number | null>;
}

/** Starts `script`, a file beside the tests. It ends with the test. */
export function startChild(script: string, args: readonly string[]): Child {
  return startProgram(fileURLToPath(new URL(script, import.meta.url)), args);
}

/** Starts the program at `path`, by Node.js with `nodeOptions`. It ends with the test. */
export function startProgram(
  path: string,
  args: readonly string[] = [],
  nodeOptions: readonly string[] = [],
): Child {
  const command = [...nodeOptions, path, ...args];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const exit = once(child, "exit").then(([status]: unknown[]) =>
    typeof status === "number" ? status : null,
  );
  const firstLine = new Promise<string>((done) => {
    const listen = (bytes: Buffer): void => {
      said += bytes.toString();
      if (said.includes("\n")) done(said.slice(0, said.indexOf("\n")));
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    void exit.then(() => done(said.trimEnd()));
  });
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exit;
  };
  onTestFinished(kill);
  return { process: child, pid: child.pid ?? 0, firstLine, output: () => said, kill, exit };
}
