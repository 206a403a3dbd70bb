import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";

const separator = "----";

/** Runs one command line of a scenario and returns what it prints. */
export type RunCommand = (command: string, args: readonly string[]) => string;

/**
 * Runs a scenario file: blocks of commands, one a line, then a line `----`, then what they print.
 * Blocks are parted by blank lines; a line that starts with `#` is a comment.
 *
 * With REWRITE=1 what they print is written back instead: read the diff before committing it.
 */
export function runScenario(path: URL, run: RunCommand): void {
  const expected = readFileSync(path, "utf8").trimEnd();
  const actual = expected
    .split(/\n{2,}/)
    .map((block) => runBlock(block, run))
    .join("\n\n");
  if (process.env["REWRITE"] !== undefined) writeFileSync(path, `${actual}\n`);
  else expect(actual).toBe(expected);
}

function runBlock(block: string, run: RunCommand): string {
  const lines = block.split("\n");
  const cut = lines.indexOf(separator);
  const head = cut < 0 ? lines : lines.slice(0, cut);
  const commands = head.filter((line) => !line.startsWith("#"));
  if (cut < 0) {
    if (commands.length > 0) throw new Error(`a block has no line ${separator}: ${block}`);
    return block;
  }
  const printed = commands.map((line) => {
    const [command = "", ...args] = line.match(/"[^"]*"|\S+/g) ?? [];
    return run(command, args);
  });
  const body = printed.filter((text) => text !== "").join("\n");
  return [...head, separator, ...(body === "" ? ["ok"] : [body])].join("\n");
}
