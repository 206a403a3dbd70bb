import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { runTool } from "./child.ts";
import { commentsOf, isShipped, lineAt, parse, type SourceText } from "./tidy/source.ts";
import { root } from "./tree.ts";

/** A fenced block of code in prose or in a doc comment. */
export interface Example {
  readonly path: string;
  /** The line of its first line of code. Counts from 1. */
  readonly line: number;
  /** What stands after the opening fence. */
  readonly language: string;
  readonly code: string;
}

/** Every example in the repository compiles as it stands, as a module of its own. */
export async function checkExamples(files: readonly SourceText[]): Promise<readonly string[]> {
  const examples = files.flatMap(examplesIn);
  const code = examples.filter(({ language }) => language === "ts");
  return [...examples.flatMap(misnamed), ...(code.length === 0 ? [] : await compile(code))];
}

/** The fenced blocks of a page, or of the doc comments of a shipped source file. */
export function examplesIn(file: SourceText): readonly Example[] {
  if (file.path.endsWith(".md")) return fencedIn(file.path, file.text, 1);
  if (!isShipped(file) || !file.text.includes("```")) return [];
  const tree = parse(file);
  return commentsOf(tree)
    .filter(({ text }) => text.startsWith("/**"))
    .flatMap(({ text, position }) =>
      fencedIn(file.path, text.replace(/^[ \t]*\*\/? ?/gm, ""), lineAt(tree, position)),
    );
}

function fencedIn(path: string, text: string, firstLine: number): readonly Example[] {
  const examples: Example[] = [];
  let open: { fence: string; language: string; line: number; code: string[] } | undefined;
  text.split("\n").forEach((line, index) => {
    const [, fence, language] = /^\s*(`{3,})(.*)$/.exec(line) ?? [];
    if (open === undefined) {
      if (fence === undefined) return;
      open = { fence, language: language?.trim() ?? "", line: firstLine + index + 1, code: [] };
    } else if (fence === open.fence && language?.trim() === "") {
      const { code, ...rest } = open;
      examples.push({ path, language: rest.language, line: rest.line, code: code.join("\n") });
      open = undefined;
    } else {
      open.code.push(line);
    }
  });
  return examples;
}

/** Code that hides from the compiler by its label. */
function misnamed({ path, line, language }: Example): readonly string[] {
  if (language === "ts" || !/^(ts|typescript|js|javascript|mjs|tsx)\b/.test(language)) return [];
  return [`${path}:${line}: write \`\`\`ts, alone, so that the example is compiled: ${language}`];
}

const config = {
  extends: "../../../tsconfig.base.json",
  compilerOptions: {
    types: ["node"],
    moduleDetection: "force",
    noEmit: true,
    composite: false,
    declaration: false,
    declarationMap: false,
    isolatedDeclarations: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
  },
  include: ["*.ts"],
};

async function compile(examples: readonly Example[]): Promise<readonly string[]> {
  // Inside the repository, so that packages resolve, and where builds go, so that git never sees it.
  const builds = join(root, "scripts/dist");
  mkdirSync(builds, { recursive: true });
  const folder = mkdtempSync(join(builds, "examples-"));
  try {
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    examples.forEach(({ line, code }, number) => {
      // Padded, so that a line of the example has the number that it has on its page.
      writeFileSync(join(folder, `${number}.ts`), "\n".repeat(line - 1) + code + "\n");
    });
    const { ok, how, output } = await runTool("tsc", ["--project", folder, "--pretty", "false"]);
    const found = complaints(output, `${relative(root, folder)}/`, examples);
    return ok || found.length > 0 || output.includes("error TS")
      ? found
      : [`tsc ${how}: ${output}`];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The compiler's complaints about examples, in terms of their pages. Those about other files are others'. */
function complaints(
  output: string,
  folder: string,
  examples: readonly Example[],
): readonly string[] {
  return output.split("\n").flatMap((text) => {
    if (!text.startsWith(folder)) return [];
    const [, number, line, message] =
      /^(\d+)\.ts\((\d+),\d+\): (.*)$/.exec(text.slice(folder.length)) ?? [];
    const page = examples[Number(number)]?.path;
    return page === undefined ? [text] : [`${page}:${line ?? 1}: ${message ?? ""}`];
  });
}
