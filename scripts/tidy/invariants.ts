import ts from "typescript";
import {
  commentsOf,
  type Finding,
  isTypeScript,
  lineAt,
  parse,
  type SourceText,
  walk,
} from "./source.ts";

/** The page that states every invariant, by number. */
export const invariantsPage = "docs/internals/invariants.md";

/**
 * The invariants that the code cites (`I7`, in a comment or in an assertion's claim) are those that
 * the page states, and the reverse: a statement nobody enforces is as wrong as an unknown number.
 */
export function invariantNumbers(files: readonly SourceText[]): readonly Finding[] {
  const page = files.find((file) => file.path === invariantsPage);
  const stated = page === undefined ? new Map<string, number>() : statedIn(page);
  const cited = files.filter(isCode).flatMap(citedIn);
  const known = new Set(cited.map(({ number }) => number));
  const rule = "invariant-numbers";
  return [
    ...cited
      .filter(({ number }) => !stated.has(number))
      .map(({ number, path, line }) => {
        return { path, line, rule, message: `${number} is not stated in ${invariantsPage}` };
      }),
    ...[...stated]
      .filter(([number]) => !known.has(number))
      .map(([number, line]) => {
        return { path: invariantsPage, line, rule, message: `${number} is cited nowhere` };
      }),
  ];
}

function isCode(file: SourceText): boolean {
  return file.path.startsWith("packages/") && isTypeScript(file);
}

/** Numbers that `page` states, in a heading (`## I7 …`) or first in a row of a table (`| I7 |`). */
function statedIn(page: SourceText): ReadonlyMap<string, number> {
  const stated = new Map<string, number>();
  page.text.split("\n").forEach((text, index) => {
    const number = /^(?:#+\s+|\|\s*)\**(I[1-9]\d*)\b/.exec(text)?.[1];
    if (number !== undefined && !stated.has(number)) stated.set(number, index + 1);
  });
  return stated;
}

interface Citation {
  readonly number: string;
  readonly path: string;
  readonly line: number;
}

function citedIn(file: SourceText): readonly Citation[] {
  if (!/\bI[1-9]/.test(file.text)) return [];
  const tree = parse(file);
  const texts = [...commentsOf(tree)];
  walk(tree, (node) => {
    if (ts.isStringLiteralLike(node)) {
      texts.push({ text: node.text, position: node.getStart(tree) });
    }
  });
  return texts.flatMap(({ text, position }) =>
    [...text.matchAll(/\bI[1-9]\d*\b/g)].map(([number]) => {
      return { number, path: file.path, line: lineAt(tree, position) };
    }),
  );
}
