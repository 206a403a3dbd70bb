import { posix } from "node:path";
import { importsOf, resolveRelative } from "./imports.ts";
import { readManifest } from "./manifest.ts";
import { type Finding, isTest, isTypeScript, type SourceText } from "./source.ts";

/**
 * Every source file is reached from a door: an export of a package, a command, a script of the root
 * manifest, an example. Code that only tests reach is dead; files for tests must be reached by tests.
 */
export function noDeadFiles(files: readonly SourceText[]): readonly Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const doors = files.flatMap((file) => doorsOf(file, byPath));
  const tests = files.filter(({ path }) => path.endsWith(".test.ts")).map(({ path }) => path);
  const live = reach(doors, byPath);
  const tested = reach(tests, byPath);
  return files
    .filter(
      (file) => isTypeScript(file) && /^(packages|bench|fuzz|scripts|examples)\//.test(file.path),
    )
    .filter((file) => !live.has(file.path) && !(isTest(file) && tested.has(file.path)))
    .map(({ path }) => {
      const message = tested.has(path) ? "only tests reach this file" : "nothing reaches this file";
      return { path, line: 1, rule: "no-dead-files", message };
    });
}

/** The files that `file` makes public, if it is a manifest, a command or an example. */
function doorsOf(file: SourceText, byPath: ReadonlyMap<string, SourceText>): readonly string[] {
  if (/^examples\/[^/]+\/[^/]+\.ts$/.test(file.path)) return [file.path];
  if (posix.basename(file.path) !== "package.json") return [];
  const folder = posix.dirname(file.path);
  const manifest = readManifest(file);
  const commands = [...manifest.bin.values()].map((path) => posix.join(folder, path));
  const scripts = [...manifest.scripts.values()].flatMap((script) =>
    [...script.matchAll(/\bnode (\S+\.m?js)\b/g)].map(([, path]) => posix.join(folder, path ?? "")),
  );
  return [
    ...manifest.sources.map((path) => posix.join(folder, path)),
    ...commands,
    ...scripts.map((path) => sourceOf(path, byPath)),
  ];
}

/** The source that a path into a build names: `bench/dist/main.js` → `bench/src/main.ts`. */
function sourceOf(path: string, byPath: ReadonlyMap<string, SourceText>): string {
  const source = path.replace(/\.js$/, ".ts");
  const candidates = [
    path,
    source,
    source.replace("/dist/", "/src/"),
    source.replace("/dist/", "/"),
  ];
  return candidates.find((candidate) => byPath.has(candidate)) ?? path;
}

function reach(
  from: readonly string[],
  byPath: ReadonlyMap<string, SourceText>,
): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [...from];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const file = byPath.get(path);
    if (file === undefined || reached.has(path)) continue;
    reached.add(path);
    for (const { specifier } of importsOf(file)) {
      if (specifier.startsWith(".")) {
        waiting.push(sourceOf(resolveRelative(path, specifier), byPath));
      }
    }
  }
  return reached;
}
