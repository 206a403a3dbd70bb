import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** How a program that stands beside the product is made. Paths are below `bench/peers`. */
export interface PeerBuild {
  /** Where the build runs. */
  readonly folder: string;
  /** The toolchain, and what it is told. */
  readonly command: readonly [tool: string, ...args: string[]];
  /** What starts the program: its path if it runs by itself, a script for this Node.js otherwise. */
  readonly program: string;
}

/** A program that can be run, or why there is none. */
export type BuiltPeer =
  | { readonly kind: "built"; readonly command: string; readonly args: readonly string[] }
  | { readonly kind: "missing"; readonly reason: string };

/** The folder of the peers: found from the source and from the build alike. */
const peersFolder = new URL("../../peers/", import.meta.url);

/** The package `name` of `bench/peers/go/cmd`. */
export function goProgram(name: string): PeerBuild {
  const output = `../dist/go/${name}`;
  return {
    folder: "go",
    command: ["go", "build", "-p", "1", "-trimpath", "-o", output, `./cmd/${name}`],
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

/** Builds a program, or brings it up to date. Never throws: what cannot be built is `missing`. */
export async function buildPeer({ folder, command, program }: PeerBuild): Promise<BuiltPeer> {
  const [tool, ...args] = command;
  const { status, output } = await run(tool, args, fileURLToPath(new URL(folder, peersFolder)));
  if (status === undefined) return { kind: "missing", reason: `${tool} is not installed` };
  if (status !== 0) {
    const lines = output.split("\n").filter((line) => line.trim() !== "");
    const said = lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? "said nothing";
    return { kind: "missing", reason: `${tool} ${args[0] ?? ""} failed: ${said.trim()}` };
  }
  const path = fileURLToPath(new URL(program, peersFolder));
  return path.endsWith(".mjs")
    ? { kind: "built", command: process.execPath, args: [path] }
    : { kind: "built", command: path, args: [] };
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
