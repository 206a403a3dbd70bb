import { expect, test } from "vitest";
import { checkExamples, examplesIn } from "./examples.ts";

const fence = "```";
const page = (language: string, code: string): { path: string; text: string } => ({
  path: "docs/x.md",
  text: `# Title\n\n${fence}${language}\n${code}\n${fence}\n`,
});

test("examplesIn finds blocks of a page, with their line", () => {
  const { path, text } = page("ts", "const a = 1;\nconst b = 2;");
  expect(examplesIn({ path, text: `${text}\n${fence}sh\nls\n${fence}\n` })).toEqual([
    { path, line: 4, language: "ts", code: "const a = 1;\nconst b = 2;" },
    { path, line: 9, language: "sh", code: "ls" },
  ]);
});

test("examplesIn leaves a block inside a longer fence alone", () => {
  const text = `${fence}\`md\n${fence}ts\nno code\n${fence}\n${fence}\`\n`;
  const examples = examplesIn({ path: "docs/x.md", text });
  expect(examples.map(({ language }) => language)).toEqual(["md"]);
});

test("examplesIn finds blocks of a doc comment, without its stars", () => {
  const block = ` * ${fence}ts\n * if (a) {\n *   b();\n * }\n * ${fence}\n`;
  const text = `const a = 1;\n\n/**\n * Adds.\n *\n${block} */\n`;
  expect(examplesIn({ path: "packages/core/src/x.ts", text })).toEqual([
    { path: "packages/core/src/x.ts", line: 7, language: "ts", code: "if (a) {\n  b();\n}" },
  ]);
});

test("checkExamples compiles against the packages, and reports the line of the page", async () => {
  const good = page("ts", 'import { quorum } from "@quorate/core";\nconst n: number = quorum(3);');
  const bad = page("ts", 'import { quorum } from "@quorate/core";\nconst n: string = quorum(3);');
  const found = await checkExamples([good, { ...bad, path: "README.md" }]);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(/^README\.md:5: error TS2322/);
});

test.each(["ts ignore", "typescript", "js", "ts no-check"])(
  "checkExamples refuses the label %j, which hides code from the compiler",
  async (language) => {
    expect(await checkExamples([page(language, "oops(")])).toHaveLength(1);
  },
);

test("checkExamples leaves what is not TypeScript alone", async () => {
  expect(
    await checkExamples([page("text", "oops("), page("sh", "ls"), page("json", "{}")]),
  ).toEqual([]);
});
