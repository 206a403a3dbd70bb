import { Session } from "node:inspector/promises";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { tryDecoders } from "../src/decoders.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What is called as if it read bytes of others, and does not, or is tried elsewhere. */
const exempt: Readonly<Record<string, string>> = {
  "packages/quorate/src/lineage.ts readLineage": "finds the file; `parseLineage` reads it",
  "packages/quorate/src/lineage.ts readText": "finds the file; `parseLineage` reads it",
  "packages/quorate/src/watched-files.ts readBounded": "finds files; `parseTokens` reads them",
  "packages/runtime/src/explain-node.ts readReason": "explains a status",
  "packages/runtime/src/read-options.ts readDemandOf": "checks options",
  "packages/server/src/request-body.ts readBody": "reads a stream; the live ports are attacked",
};

/** What only reads what its own user typed, or what it wrote for itself. */
const ownFolders = [
  "packages/server/src/cli/",
  "packages/server/src/sim/",
  "packages/sim/src/whole/kv-app.ts",
];

/** The functions that read, by their names: file and name. */
async function readers(): Promise<string[]> {
  const found: string[] = [];
  for (const file of await readdir(`${root}packages`, { recursive: true })) {
    const path = `packages/${file.replaceAll("\\", "/")}`;
    const isOwn = ownFolders.some((folder) => path.startsWith(folder));
    if (isOwn || !source.test(path) || path.endsWith(".test.ts")) continue;
    const text = await readFile(`${root}${path}`, "utf8");
    for (const [, name = ""] of text.matchAll(reader)) found.push(`${path} ${name}`);
  }
  return found;
}

const source = /^packages\/\w+\/src\/(?!testing\/).*\.ts$/;
const reader = /^(?:export )?(?:async )?function\*? ((?:decode|parse|read)[A-Z]\w*)/gm;

/** The functions that `work` calls, by file and name. */
async function calledBy(work: () => Promise<unknown>): Promise<Set<string>> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
    await work();
    const { result } = await session.post("Profiler.takePreciseCoverage");
    return new Set(
      result.flatMap(({ url, functions }) => {
        const path = url.slice(url.indexOf(root) + root.length);
        return functions
          .filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0)
          .map(({ functionName }) => `${path} ${functionName}`);
      }),
    );
  } finally {
    session.disconnect();
  }
}

test("all that decodes, parses or reads is tried, but for what reads nobody's bytes", async () => {
  const found = await readers();
  expect(found.length).toBeGreaterThan(100);
  const called = await calledBy(() => tryDecoders({ inputCount: 20_000 }, 3));
  const untried = found.filter((each) => !called.has(each));
  expect(untried.toSorted()).toEqual(Object.keys(exempt).toSorted());
});
