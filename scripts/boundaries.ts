import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Judge, packages, type Probe, probes } from "./boundary-probes.ts";
import { runTool } from "./child.ts";
import { at, listOf, parseJson, textAt } from "./json.ts";
import { packageOrder } from "./tidy/imports.ts";
import { mathByMembers } from "./tidy/purity.ts";
import { root } from "./tree.ts";

/** Who refused a probe. */
export interface Judged {
  readonly probe: Probe;
  readonly refusedBy: readonly Judge[];
}

/**
 * Writes `probes` into a copy of the house, with its real configuration and empty packages, and asks the
 * compiler, the linter and the house rules about each.
 */
export async function judge(asked: readonly Probe[] = probes): Promise<readonly Judged[]> {
  const folder = mkdtempSync(join(tmpdir(), "quorate-boundaries-"));
  try {
    build(folder, asked);
    const refused: Record<Judge, ReadonlySet<string>> = {
      compiler: await compile(folder),
      lint: await lint(folder),
      tidy: new Set(asked.filter(isUntidy).map(({ path }) => path)),
    };
    const judges: readonly Judge[] = ["compiler", "lint", "tidy"];
    return asked.map((probe) => {
      return { probe, refusedBy: judges.filter((one) => refused[one].has(probe.path)) };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every probe that was not judged as it must be. */
export async function checkBoundaries(): Promise<readonly string[]> {
  return (await judge())
    .filter((judged) => !isRight(judged))
    .map(({ probe, refusedBy }) => {
      const list = (judges: readonly Judge[]): string => judges.join(", ") || "nobody";
      return `${probe.package} ${probe.what}: refused by ${list(refusedBy)}, not ${list(probe.refusedBy)}`;
    });
}

function isRight({ probe, refusedBy }: Judged): boolean {
  return probe.refusedBy.join() === refusedBy.join();
}

function build(folder: string, asked: readonly Probe[]): void {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@quorate"), { recursive: true });
  // The types of Node.js are at hand, as they are in the house: not seeing them is the boundary.
  for (const name of ["@types", "oxlint-tsgolint", ".bin"]) {
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  for (const file of ["tsconfig.base.json", ".oxlintrc.json", "package.json"]) {
    cpSync(join(root, file), join(folder, file));
  }
  for (const rule of packages) {
    mkdirSync(join(folder, rule.folder, "src"), { recursive: true });
    for (const file of ["package.json", "tsconfig.json"]) {
      cpSync(join(root, rule.folder, file), join(folder, rule.folder, file));
    }
    // Two files, since the compiler complains of each foreign file only once.
    for (const file of ["src/index.ts", "src/inside.ts"]) {
      writeFileSync(join(folder, rule.folder, file), "export const here: boolean = true;\n");
    }
    symlinkSync(join(folder, rule.folder), join(modules, rule.name));
  }
  for (const { path, code } of asked) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), code);
  }
}

/** The files that the compiler refuses. */
async function compile(folder: string): Promise<ReadonlySet<string>> {
  const projects = packages.map((rule) => rule.folder);
  const { output } = await runTool("tsc", ["--build", "--pretty", "false", ...projects], {
    folder,
  });
  return new Set(
    [...output.matchAll(/^(\S+?\.ts)\(\d+,\d+\): error/gm)].map(([, path = ""]) => path),
  );
}

/** The files in which the linter finds what its rules for boundaries forbid. */
async function lint(folder: string): Promise<ReadonlySet<string>> {
  const { output } = await runTool("oxlint", ["--format=json"], { folder });
  const refused = new Set<string>();
  for (const diagnostic of listOf(at(parseJson(output), "diagnostics"))) {
    const rule = textAt(diagnostic, "code") ?? "";
    if (!/no-restricted|no-nodejs-modules/.test(rule)) continue;
    refused.add(textAt(diagnostic, "filename") ?? "");
  }
  return refused;
}

function isUntidy({ path, code }: Probe): boolean {
  const file = { path, text: code };
  return packageOrder(file).length + mathByMembers(file).length > 0;
}
