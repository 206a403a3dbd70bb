import ts from "typescript";

/** One file of the repository, as the rules see it. */
export interface SourceText {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** One breach of a house rule. */
export interface Finding {
  readonly path: string;
  /** Counts from 1. */
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** A rule that looks at one file alone. */
export type FileRule = (file: SourceText) => readonly Finding[];

/** A rule that needs the whole repository. */
export type TreeRule = (files: readonly SourceText[]) => readonly Finding[];

const parsed = new WeakMap<SourceText, ts.SourceFile>();

/** The syntax tree of `file`. Parsed once for all rules. */
export function parse(file: SourceText): ts.SourceFile {
  let tree = parsed.get(file);
  if (tree === undefined) {
    tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2023, true);
    parsed.set(file, tree);
  }
  return tree;
}

/** The line of `position`, an offset into the text of `tree`. Counts from 1. */
export function lineAt(tree: ts.SourceFile, position: number): number {
  return tree.getLineAndCharacterOfPosition(position).line + 1;
}

/** Calls `visit` on `node` and on everything below it, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** Every comment of `tree`, with its offset. */
export function commentsOf(tree: ts.SourceFile): readonly { text: string; position: number }[] {
  const comments = new Map<number, string>();
  const collect = (node: ts.Node): void => {
    const around = [
      ...(ts.getLeadingCommentRanges(tree.text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(tree.text, node.getEnd()) ?? []),
    ];
    for (const { pos, end } of around) comments.set(pos, tree.text.slice(pos, end));
    // A template's text may look like a comment: only its substitutions are code.
    for (const child of node.getChildren(tree)) if (!isText(child)) collect(child);
  };
  collect(tree);
  return [...comments].map(([position, text]) => ({ text, position }));
}

function isText(node: ts.Node): boolean {
  return (
    node.kind === ts.SyntaxKind.TemplateHead ||
    node.kind === ts.SyntaxKind.TemplateMiddle ||
    node.kind === ts.SyntaxKind.TemplateTail
  );
}

/** Whether a file is TypeScript that a person wrote. */
export function isTypeScript({ path }: SourceText): boolean {
  return path.endsWith(".ts") && !path.endsWith(".d.ts");
}

/** Whether a file is a test, or exists for tests alone. */
export function isTest({ path }: SourceText): boolean {
  return path.endsWith(".test.ts") || /(^|\/)test\//.test(path);
}

/** Whether a file is code that a package ships. */
export function isShipped(file: SourceText): boolean {
  return /^packages\/[^/]+\/src\//.test(file.path) && isTypeScript(file) && !isTest(file);
}
