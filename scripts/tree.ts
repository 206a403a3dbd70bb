import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SourceText } from "./tidy/source.ts";

/** The root of the repository: found from the source and from the build alike. */
export const root: string = fileURLToPath(new URL("..", packageFolder()));

/** This package's folder. The build lies one folder deeper than the source. */
function packageFolder(): URL {
  const here = new URL(".", import.meta.url);
  return here.pathname.endsWith("/dist/") ? new URL("..", here) : here;
}

const skipped = new Set(["node_modules", "dist", "target", "coverage", "results", "data"]);

/** The hand-written text files of the repository, by path: code, manifests and prose. */
export function readTree(folder: string = root): readonly SourceText[] {
  const files: SourceText[] = [];
  const visit = (below: string): void => {
    for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!skipped.has(entry.name) && !entry.name.startsWith(".")) visit(path);
      } else if (isText(path)) {
        files.push({ path, text: readFileSync(join(folder, path), "utf8") });
      }
    }
  };
  visit("");
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function isText(path: string): boolean {
  return /\.(ts|js|mjs|json|md)$/.test(path) && !path.endsWith("package-lock.json");
}
