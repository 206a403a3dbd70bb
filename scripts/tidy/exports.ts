import ts from "typescript";
import {
  type Finding,
  isShipped,
  isTypeScript,
  lineAt,
  parse,
  type SourceText,
  walk,
} from "./source.ts";

/** Every exported declaration says what it is: the reader of an API never has to guess. */
export function documented(file: SourceText): readonly Finding[] {
  if (!isShipped(file)) return [];
  const tree = parse(file);
  const seen = new Set<string>();
  return tree.statements.flatMap((statement) => {
    const name = exportedName(statement);
    if (name === undefined) return [];
    // Of overloads, the first carries the comment.
    const overloaded = ts.isFunctionDeclaration(statement) && seen.has(name);
    seen.add(name);
    if (overloaded || hasDocComment(tree, statement)) return [];
    const line = lineAt(tree, statement.getStart(tree));
    return [{ path: file.path, line, rule: "documented", message: `${name} has no doc comment` }];
  });
}

function exportedName(statement: ts.Statement): string | undefined {
  if (!ts.canHaveModifiers(statement) || !isExported(statement)) return undefined;
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map((d) => d.name.getText()).join(", ");
  }
  if (
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement)
  ) {
    return statement.name?.text ?? "the export";
  }
  return undefined;
}

function isExported(node: ts.HasModifiers): boolean {
  return (ts.getModifiers(node) ?? []).some((m) => m.kind === ts.SyntaxKind.ExportKeyword);
}

function hasDocComment(tree: ts.SourceFile, node: ts.Node): boolean {
  const ranges = ts.getLeadingCommentRanges(tree.text, node.getFullStart()) ?? [];
  return ranges.some(({ pos, end }) => {
    const text = tree.text.slice(pos, end);
    return text.startsWith("/**") && /[\p{L}\p{N}]/u.test(text);
  });
}

/** Forms that the language has and this house does not use, by the syntax that gives them away. */
export function plainForms(file: SourceText): readonly Finding[] {
  if (!isTypeScript(file)) return [];
  const tree = parse(file);
  const findings: Finding[] = [];
  walk(tree, (node) => {
    const message = refusedForm(node, file.path);
    if (message === undefined) return;
    const line = lineAt(tree, node.getStart(tree));
    findings.push({ path: file.path, line, rule: "plain-forms", message });
  });
  return findings;
}

function refusedForm(node: ts.Node, path: string): string | undefined {
  if (ts.isExportDeclaration(node)) {
    if (node.exportClause === undefined || ts.isNamespaceExport(node.exportClause)) {
      return "export names, not *: the list of exports is the reader's table of contents";
    }
    if (node.moduleSpecifier !== undefined && !node.isTypeOnly && isBarrel(path)) {
      return "only index.ts and testing.ts re-export";
    }
  }
  if (ts.isExportAssignment(node) && !path.endsWith(".config.ts")) {
    return "no default export: a name is the same wherever it is used";
  }
  if (ts.isEnumDeclaration(node)) return "a union of strings, not an enum";
  if (ts.isModuleDeclaration(node)) return "a module, not a namespace";
  if (ts.canHaveModifiers(node)) {
    for (const { kind } of ts.getModifiers(node) ?? []) {
      if (kind === ts.SyntaxKind.DefaultKeyword) return "no default export";
      // A constructor has no # form: a class that is made by its own factory may hide it.
      if (kind === ts.SyntaxKind.PrivateKeyword && !ts.isConstructorDeclaration(node)) {
        return "#name, which is private at run time too";
      }
      if (kind === ts.SyntaxKind.ProtectedKeyword) return "no inheritance that needs protected";
    }
  }
  return undefined;
}

/** Whether `path` is a shipped file that has no business re-exporting. */
function isBarrel(path: string): boolean {
  return /^packages\/[^/]+\/src\//.test(path) && !/\/(index|testing)\.ts$/.test(path);
}
