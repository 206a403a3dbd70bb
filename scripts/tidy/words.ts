import ts from "typescript";
import { type Finding, isTypeScript, lineAt, parse, type SourceText, walk } from "./source.ts";
import { emptyFileName, type Synonym, synonyms } from "./synonyms.ts";

/** Identifiers use the house's word for a thing. Looks at declarations only: foreign names are foreign. */
export function houseWords(
  file: SourceText,
  words: readonly Synonym[] = synonyms,
): readonly Finding[] {
  if (!isTypeScript(file)) return [];
  const tree = parse(file);
  const findings: Finding[] = [];
  if (emptyFileName.test(file.path)) {
    const message = "the file's name does not say what is inside";
    findings.push({ path: file.path, line: 1, rule: "house-words", message });
  }
  walk(tree, (node) => {
    const declared = declaredName(node);
    if (declared === undefined) return;
    const name = declared.name.text.replace(/^#/, "");
    const word = words.find(
      (w) =>
        w.name.test(name) &&
        (w.folder === undefined || file.path.startsWith(w.folder)) &&
        (w.of === undefined || declared.isValue),
    );
    if (word === undefined) return;
    const line = lineAt(tree, declared.name.getStart(tree));
    const message = `${name}: say ${word.instead}`;
    findings.push({ path: file.path, line, rule: "house-words", message });
  });
  return findings;
}

interface Declared {
  readonly name: ts.Identifier | ts.PrivateIdentifier;
  readonly isValue: boolean;
}

function declaredName(node: ts.Node): Declared | undefined {
  if (
    ts.isVariableDeclaration(node) ||
    ts.isParameter(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isPropertySignature(node)
  ) {
    return nameOf(node.name, !isFunction(node));
  }
  // `const { maxRetries: retriesMax }` names what is foreign first, and ours second.
  if (ts.isBindingElement(node)) {
    return node.propertyName === undefined ? undefined : nameOf(node.name, true);
  }
  if (
    ts.isFunctionDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isMethodSignature(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node)
  ) {
    return nameOf(node.name, false);
  }
  if (ts.isGetAccessorDeclaration(node)) return nameOf(node.name, true);
  return undefined;
}

function nameOf(name: ts.Node | undefined, isValue: boolean): Declared | undefined {
  return name !== undefined && (ts.isIdentifier(name) || ts.isPrivateIdentifier(name))
    ? { name, isValue }
    : undefined;
}

function isFunction(node: ts.HasType | ts.HasInitializer): boolean {
  const initializer = "initializer" in node ? node.initializer : undefined;
  const type = "type" in node ? node.type : undefined;
  return (
    (initializer !== undefined && ts.isFunctionLike(initializer)) ||
    (type !== undefined && ts.isFunctionTypeNode(type))
  );
}

/** Marks of work left undone. The brackets keep the pattern from matching its own text. */
const undone = /\b(T[O]DO|FIX[M]E|XX[X]|HA[C]K)\b/;

/** Work left undone is an issue, not a comment. */
export function nothingUndone(file: SourceText): readonly Finding[] {
  return matches(file, undone, "nothing-undone", (found) => `${found}: write an issue instead`);
}

const suppression = /@ts-(ignore|nocheck|expect-error)|(ox|es)lint-disable[^\n]*/;

/** A check is switched off only for one line and with a reason: `… -- why this is right here`. */
export function suppressionsExplained(file: SourceText): readonly Finding[] {
  if (!isTypeScript(file)) return [];
  return matches(file, suppression, "suppressions-explained", (found) => {
    if (found.startsWith("@ts-")) return `${found}: make the types say it`;
    const explained = /-next-line\s+\S+.* -- \S+ \S+/.test(found);
    return explained ? undefined : "only -next-line, with the rule's name and ` -- ` why";
  });
}

const machinePath = /(?<![\w.~/-])\/(home|root|Users|work)\/\w[^\s"'`)]*/;

/** What is public speaks of no one's machine. */
export function noMachinePaths(file: SourceText): readonly Finding[] {
  return matches(file, machinePath, "no-machine-paths", (found) => `${found} is one machine's`);
}

/** A finding for each line of `file` that `pattern` matches, unless `judge` lets it pass. */
function matches(
  file: SourceText,
  pattern: RegExp,
  rule: string,
  judge: (found: string) => string | undefined,
): readonly Finding[] {
  return file.text.split("\n").flatMap((text, index) => {
    const found = pattern.exec(text);
    const message = found === null ? undefined : judge(found[0]);
    return message === undefined ? [] : [{ path: file.path, line: index + 1, rule, message }];
  });
}
