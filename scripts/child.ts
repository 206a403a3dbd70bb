import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./tree.ts";

/** How a child process ended. */
export interface Ended {
  /** Whether it exited by itself with status 0. */
  readonly ok: boolean;
  /** How it ended, for people: `exited with status 1`, `was killed by SIGKILL`. */
  readonly how: string;
  /** What it wrote to both streams; empty if `show` was given. */
  readonly output: string;
}

/** What may be said about a child process. */
export interface RunOptions {
  /**
   * Where it runs.
   *
   * @default the root of the repository
   */
  readonly folder?: string;
  /**
   * Whether what it writes goes to this process's streams at once.
   *
   * @default false: it is collected
   */
  readonly show?: boolean;
  /**
   * When it is killed, in milliseconds. A check that hangs is a check that fails.
   *
   * @default 20 minutes
   */
  readonly timeoutMs?: number;
}

/** Runs a command of the development dependencies, say `tsc`, with this Node.js. Never throws or rejects. */
export function runTool(
  tool: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  return runScript(join(root, "node_modules/.bin", tool), args, options);
}

/** Runs the JavaScript file at `path` with this Node.js. Never throws or rejects. */
export function runScript(
  path: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const { folder = root, show = false, timeoutMs = 20 * 60_000 } = options;
  return new Promise((resolve) => {
    const chunks: string[] = [];
    const child = spawn(process.execPath, [path, ...args], {
      cwd: folder,
      stdio: show ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (chunk: string) => chunks.push(chunk));
    }
    const end = (ok: boolean, how: string): void => {
      clearTimeout(timer);
      resolve({ ok, how, output: chunks.join("") });
    };
    child.on("error", (error) => end(false, `could not be started: ${error.message}`));
    child.on("close", (status, signal) => {
      if (late) end(false, `was killed after ${timeoutMs} ms`);
      else if (signal !== null) end(false, `was killed by ${signal}`);
      else end(status === 0, `exited with status ${status ?? "unknown"}`);
    });
  });
}
