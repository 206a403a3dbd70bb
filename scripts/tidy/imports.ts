import { posix } from "node:path";
import ts from "typescript";
import { coreRows, type Row } from "./core-rows.ts";
import {
  type Finding,
  isShipped,
  isTest,
  isTypeScript,
  lineAt,
  parse,
  type SourceText,
  walk,
} from "./source.ts";
import { packageNamed, packageNames, packageOf, type PackageRule } from "./workspace.ts";

/** One place where a file names another. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `worker`: `new URL("./x.ts", import.meta.url)`, which starts a file without importing it. */
  readonly kind: "import" | "worker";
}

/** Everything that `file` imports, re-exports, loads or starts. */
export function importsOf(file: SourceText): readonly Import[] {
  const tree = parse(file);
  const imports: Import[] = [];
  walk(tree, (node) => {
    const named = specifierOf(node);
    if (named === undefined) return;
    const line = lineAt(tree, named.literal.getStart(tree));
    imports.push({ specifier: named.literal.text, line, kind: named.kind });
  });
  return imports;
}

interface Named {
  readonly literal: ts.StringLiteralLike;
  readonly kind: Import["kind"];
}

function specifierOf(node: ts.Node): Named | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    return literalOf(node.moduleSpecifier, "import");
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return literalOf(node.arguments[0], "import");
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return literalOf(node.argument.literal, "import");
  }
  if (
    ts.isNewExpression(node) &&
    node.expression.getText() === "URL" &&
    node.arguments?.[1]?.getText() === "import.meta.url"
  ) {
    return literalOf(node.arguments[0], "worker");
  }
  return undefined;
}

function literalOf(node: ts.Node | undefined, kind: Import["kind"]): Named | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? { literal: node, kind } : undefined;
}

/** The path that a relative specifier means, from the root of the repository. */
export function resolveRelative(from: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(from), specifier));
}

/**
 * A package imports only packages above it, by name, and leaves its folder for nothing. Its tests may also
 * import what helps the tests of those packages, which has no name since nobody else gets it.
 */
export function packageOrder(file: SourceText): readonly Finding[] {
  const rule = packageOf(file.path);
  if (rule === undefined || !isTypeScript(file)) return [];
  const findings: Finding[] = [];
  const refuse = (line: number, message: string): void => {
    findings.push({ path: file.path, line, rule: "package-order", message });
  };
  for (const { specifier, line, kind } of importsOf(file)) {
    if (specifier.startsWith(".")) {
      if (kind === "worker" && isTest(file)) continue; // Tests may start what they do not import.
      const target = resolveRelative(file.path, specifier);
      if (isTest(file) && helpsTestsAbove(rule, target)) continue;
      if (!target.startsWith(`${rule.folder}/`)) {
        refuse(line, `"${specifier}" leaves the package: import other packages by name`);
      }
      continue;
    }
    const name = packageNamed(specifier);
    if (name === rule.name) continue;
    if (packageNames.includes(name)) {
      if (!rule.mayImport.includes(name)) refuse(line, `${rule.name} may not import ${name}`);
    } else if (isTest(file)) {
      continue; // Tests may use Node.js and test libraries.
    } else if (specifier.startsWith("node:")) {
      if (rule.pure) refuse(line, `${rule.name} is pure: ${specifier} needs a port`);
    } else if (rule.mayUse !== undefined && !rule.mayUse.includes(name)) {
      refuse(line, `${rule.name} has no foreign dependencies: ${name}`);
    }
  }
  return findings;
}

/** Whether the file at `path` is of the tests of a package that `rule` may import. */
function helpsTestsAbove(rule: PackageRule, path: string): boolean {
  const other = packageOf(path);
  if (other === undefined || !rule.mayImport.includes(other.name)) return false;
  return path.startsWith(`${other.folder}/test/`);
}

const coreSource = "packages/core/src/";
const rowsFile = "scripts/tidy/core-rows.ts";

/** In the core, a file imports only from rows above its own. */
export function importRows(file: SourceText, rows: readonly Row[] = coreRows): readonly Finding[] {
  if (!file.path.startsWith(coreSource) || !isShipped(file)) return [];
  const rowOf = (path: string): number =>
    rows.findIndex((row) => row.files.includes(path.slice(coreSource.length)));
  const own = rowOf(file.path);
  const finding = (line: number, message: string): Finding => ({
    path: file.path,
    line,
    rule: "import-rows",
    message,
  });
  if (own < 0) return [finding(1, `the file has no row in ${rowsFile}`)];
  return importsOf(file)
    .filter(({ specifier }) => specifier.startsWith("."))
    .flatMap(({ specifier, line }) => {
      const other = rowOf(resolveRelative(file.path, specifier));
      if (other >= 0 && other < own) return [];
      const name = (row: number): string => rows[row]?.name ?? "no row";
      return [
        finding(
          line,
          `row "${name(own)}" imports "${specifier}" of "${name(other)}", not above it`,
        ),
      ];
    });
}

/** Every file that a row of the core names is there. */
export function rowsNameFiles(
  files: readonly SourceText[],
  rows: readonly Row[] = coreRows,
): readonly Finding[] {
  const table = files.find(({ path }) => path === rowsFile);
  if (table === undefined) return [];
  const paths = new Set(files.map(({ path }) => path));
  return rows
    .flatMap((row) => row.files)
    .filter((name) => !paths.has(`${coreSource}${name}`))
    .map((name) => {
      const line = lineAt(parse(table), table.text.indexOf(`"${name}"`));
      const message = `there is no ${coreSource}${name}`;
      return { path: rowsFile, line, rule: "rows-name-files", message };
    });
}
