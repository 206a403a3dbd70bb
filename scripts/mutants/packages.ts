import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../tree.ts";
import { transpile } from "./transpile.ts";

/** The packages that the simulator is made of. */
const names = ["core", "wire", "wal", "runtime", "sim"] as const;

/** The text of a source file of the repository, by its path from the root. */
export function readSource(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The paths of what the packages are built from. */
export function sourcePaths(): readonly string[] {
  return names.flatMap((name) => {
    const folder = `packages/${name}/src`;
    const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
    const sources = files.filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
    return sources.map((file) => `${folder}/${file}`).sort();
  });
}

/** The JavaScript of all packages, made once and shared by all mutants. */
export class Build {
  readonly #scripts: ReadonlyMap<string, string>;

  /** Transpiles the sources as they are now. */
  constructor() {
    const scripts = sourcePaths().map((path) => [path, transpile(path, readSource(path))] as const);
    this.#scripts = new Map(scripts);
  }

  /**
   * Writes packages that Node.js can load below `folder`, with some sources replaced by others, and
   * beside them the script that runs their simulator. Returns the path of that script.
   */
  write(folder: string, replaced: ReadonlyMap<string, string>): string {
    for (const name of names) {
      const below = join(folder, "node_modules/@quorate", name);
      mkdirSync(below, { recursive: true });
      cpSync(join(root, "packages", name, "package.json"), join(below, "package.json"));
    }
    for (const [path, script] of this.#scripts) {
      const [, name = "", , ...rest] = path.split("/");
      const below = ["node_modules/@quorate", name, "dist", ...rest].join("/");
      const text = replaced.get(path);
      const to = join(folder, below.replace(/\.ts$/, ".js"));
      mkdirSync(dirname(to), { recursive: true });
      writeFileSync(to, text === undefined ? script : transpile(path, text));
    }
    const path = "scripts/mutants/seeds-process.ts";
    const to = join(folder, "seeds-process.mjs");
    writeFileSync(to, transpile(path, readSource(path)));
    return to;
  }
}

/** A configuration of vitest that knows one project: everything that lies below the folder. */
const configuration = `const conditions = ["@quorate/source"];
export default {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: { isolate: false, pool: "threads", maxWorkers: 1, testTimeout: 300000, bail: 1 },
};
`;

/** Writes the packages with their tests below `folder`, with some sources replaced by others. */
export function writeTests(folder: string, replaced: ReadonlyMap<string, string>): void {
  const installed = join(folder, "node_modules");
  mkdirSync(join(installed, "@quorate"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name === "@quorate") continue;
    symlinkSync(join(root, "node_modules", name), join(installed, name));
  }
  for (const name of names) {
    const from = join(root, "packages", name);
    const to = join(folder, "packages", name);
    const isWanted = (path: string): boolean => !/\/(dist|node_modules)$/.test(path);
    cpSync(from, to, { recursive: true, filter: isWanted });
    symlinkSync(to, join(installed, "@quorate", name));
  }
  for (const [path, text] of replaced) writeFileSync(join(folder, path), text);
  cpSync(join(root, "tsconfig.base.json"), join(folder, "tsconfig.base.json"));
  writeFileSync(join(folder, "vitest.config.mjs"), configuration);
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
}
