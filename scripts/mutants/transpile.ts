import ts from "typescript";

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};

/** The JavaScript of one TypeScript file. Throws `SyntaxError` if it is not well formed. */
export function transpile(path: string, text: string): string {
  const { outputText, diagnostics = [] } = ts.transpileModule(text, {
    compilerOptions: options,
    fileName: path,
    reportDiagnostics: true,
  });
  const [first] = diagnostics;
  if (first === undefined) return outputText;
  throw new SyntaxError(`${path}: ${ts.flattenDiagnosticMessageText(first.messageText, "\n")}`);
}
