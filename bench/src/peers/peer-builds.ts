import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { MissingPeer } from "./peer-figures.ts";

/** How a peer's program is made. Paths are below `bench/peers`. */
export interface PeerBuild {
  /** Where the build runs. */
  readonly folder: string;
  /** The toolchain, and what it is told. */
  readonly command: readonly [tool: string, ...args: string[]];
  /** What starts the program: its path if it runs by itself, a script for this Node.js otherwise. */
  readonly program: string;
}

/** A system that is measured beside the product. */
export interface Peer {
  readonly name: string;
  readonly build: PeerBuild;
}

/** A program that can be run. */
export interface PeerProgram {
  readonly command: string;
  readonly args: readonly string[];
}

/** A peer with its program. */
interface BuiltPeer<P> {
  readonly peer: P;
  readonly program: PeerProgram;
}

/** The folder of the peers: found from the source and from the build alike. */
const peersFolder = new URL("../../peers/", import.meta.url);

/** The package `name` of `bench/peers/go/cmd`, and beside it the others that it starts. */
export function goProgram(name: string, ...others: readonly string[]): PeerBuild {
  const packages = [name, ...others].map((each) => `./cmd/${each}`);
  return {
    folder: "go",
    command: ["go", "build", "-p", "1", "-o", "../dist/go/", ...packages],
    program: `dist/go/${name}`,
  };
}

/** The member `name` of the workspace `bench/peers/rust`. */
export function rustProgram(name: string): PeerBuild {
  const target = "../dist/rust";
  return {
    folder: "rust",
    command: [
      "cargo",
      ...["build", "--release", "--locked", "--jobs", "1"],
      ...["--target-dir", target, "--package", name],
    ],
    program: `dist/rust/release/${name}`,
  };
}

/** The script `name` of `bench/peers/npm`, with what its manifest names. */
export function npmProgram(name: string): PeerBuild {
  return {
    folder: "npm",
    command: ["npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"],
    program: `npm/${name}.mjs`,
  };
}

/**
 * Builds the programs of `peers`, or brings them up to date. The first time takes minutes, and packages from
 * the public registries. A peer whose program cannot be built is missing, and no error.
 */
export async function buildPeers<P extends Peer>(
  peers: readonly P[],
  log: (line: string) => void,
): Promise<{ readonly built: readonly BuiltPeer<P>[]; readonly missing: readonly MissingPeer[] }> {
  const built: BuiltPeer<P>[] = [];
  const missing: MissingPeer[] = [];
  for (const peer of peers) {
    const { name, build } = peer;
    log(`building ${name}`);
    const reason = await buildFailure(build);
    if (reason === undefined) built.push({ peer, program: programOf(build) });
    else missing.push({ name, reason });
  }
  return { built, missing };
}

/** Builds a program, and says why that failed, if it did. */
async function buildFailure({ folder, command }: PeerBuild): Promise<string | undefined> {
  const [tool, ...args] = command;
  const { status, output } = await run(tool, args, fileURLToPath(new URL(folder, peersFolder)));
  if (status === undefined) return `${tool} is not installed`;
  if (status === 0) return undefined;
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const said = lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? "said nothing";
  return `${tool} ${args[0] ?? ""} failed: ${said.trim()}`;
}

function programOf({ program }: PeerBuild): PeerProgram {
  const path = fileURLToPath(new URL(program, peersFolder));
  return path.endsWith(".mjs")
    ? { command: process.execPath, args: [path] }
    : { command: path, args: [] };
}

/** How a tool ended, with all that it wrote. The status is undefined if there is no such tool. */
function run(
  tool: string,
  args: readonly string[],
  folder: string,
): Promise<{ status: number | undefined; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(tool, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        output += chunk;
      });
    }
    child.on("error", () => resolve({ status: undefined, output }));
    child.on("close", (status) => resolve({ status: status ?? 1, output }));
  });
}
