import ts from "typescript";
import { type Finding, isTypeScript, lineAt, parse, type SourceText, walk } from "./source.ts";

/** The longest file, in lines. */
export const fileLinesMax = 400;
/** The longest function, in lines, from its first to its last. */
export const functionLinesMax = 70;
/** The longest line, in columns. */
export const lineColumnsMax = 110;

/** A file is one noun: at most `fileLinesMax` lines. */
export function fileSize(file: SourceText): readonly Finding[] {
  if (!isTypeScript(file)) return [];
  const count = file.text.split("\n").length - (file.text.endsWith("\n") ? 1 : 0);
  if (count <= fileLinesMax) return [];
  const message = `${count} lines, at most ${fileLinesMax}`;
  return [{ path: file.path, line: 1, rule: "file-size", message }];
}

/** A line fits beside another: at most `lineColumnsMax` columns, unless it holds an address. */
export function lineSize(file: SourceText): readonly Finding[] {
  if (!isTypeScript(file)) return [];
  return file.text.split("\n").flatMap((text, index) => {
    const columns = text.length;
    if (columns <= lineColumnsMax || text.includes("://")) return [];
    const message = `${columns} columns, at most ${lineColumnsMax}`;
    return [{ path: file.path, line: index + 1, rule: "line-size", message }];
  });
}

/** A function fits on a screen: at most `functionLinesMax` lines. Groups of tests are no functions. */
export function functionSize(file: SourceText): readonly Finding[] {
  if (!isTypeScript(file)) return [];
  const tree = parse(file);
  const findings: Finding[] = [];
  walk(tree, (node) => {
    if (!ts.isFunctionLike(node) || isTestGroup(node)) return;
    const first = lineAt(tree, node.getStart(tree));
    const count = lineAt(tree, node.getEnd()) - first + 1;
    if (count <= functionLinesMax) return;
    const message = `${nameOf(node)} has ${count} lines, at most ${functionLinesMax}`;
    findings.push({ path: file.path, line: first, rule: "function-size", message });
  });
  return findings;
}

function isTestGroup(node: ts.Node): boolean {
  const call = node.parent;
  return ts.isCallExpression(call) && /^describe\b/.test(call.expression.getText());
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  if (ts.isConstructorDeclaration(node)) return "the constructor";
  const holder = node.parent;
  return ts.isVariableDeclaration(holder) ? holder.name.getText() : "a function";
}
