import ts from "typescript";
import { type Finding, isShipped, lineAt, parse, type SourceText, walk } from "./source.ts";
import { packageOf } from "./workspace.ts";

/** The core computes and never waits: no promise, no `await`, no generator (design: ticks in, Ready out). */
export function coreNeverWaits(file: SourceText): readonly Finding[] {
  if (!file.path.startsWith("packages/core/src/") || !isShipped(file)) return [];
  const tree = parse(file);
  const findings: Finding[] = [];
  walk(tree, (node) => {
    const waits =
      node.kind === ts.SyntaxKind.AsyncKeyword ||
      ts.isAwaitExpression(node) ||
      ts.isYieldExpression(node) ||
      (ts.isIdentifier(node) && node.text === "Promise");
    if (!waits) return;
    const line = lineAt(tree, node.getStart(tree));
    findings.push({ path: file.path, line, rule: "core-never-waits", message: node.getText(tree) });
  });
  return findings;
}

/**
 * Pure packages use `Math` by its members only. The linter knows `Math.random`; taken apart, passed on
 * or given another name, it would not.
 */
export function mathByMembers(file: SourceText): readonly Finding[] {
  if (!isShipped(file) || packageOf(file.path)?.pure !== true) return [];
  const tree = parse(file);
  const findings: Finding[] = [];
  walk(tree, (node) => {
    if (!ts.isIdentifier(node) || node.text !== "Math") return;
    const { parent } = node;
    if (ts.isPropertyAccessExpression(parent) && parent.expression === node) return;
    const line = lineAt(tree, node.getStart(tree));
    const message = "name the function: Math.max, not Math";
    findings.push({ path: file.path, line, rule: "math-by-members", message });
  });
  return findings;
}
