import { noDeadFiles } from "./tidy/dead-files.ts";
import { documented, plainForms } from "./tidy/exports.ts";
import { importRows, packageOrder, rowsNameFiles } from "./tidy/imports.ts";
import { invariantNumbers } from "./tidy/invariants.ts";
import { manifestsAgree } from "./tidy/manifests.ts";
import { coreNeverWaits, mathByMembers } from "./tidy/purity.ts";
import { fileSize, functionSize, lineSize } from "./tidy/size.ts";
import type { FileRule, Finding, SourceText, TreeRule } from "./tidy/source.ts";
import { houseWords, noMachinePaths, nothingUndone, suppressionsExplained } from "./tidy/words.ts";

const fileRules: readonly FileRule[] = [
  fileSize,
  functionSize,
  lineSize,
  documented,
  plainForms,
  coreNeverWaits,
  mathByMembers,
  (file) => importRows(file),
  packageOrder,
  (file) => houseWords(file),
  nothingUndone,
  suppressionsExplained,
  noMachinePaths,
];

const treeRules: readonly TreeRule[] = [
  manifestsAgree,
  noDeadFiles,
  invariantNumbers,
  (files) => rowsNameFiles(files),
];

/** Every breach of a house rule that no linter knows, in the order of the files. */
export function tidy(files: readonly SourceText[]): readonly Finding[] {
  const findings = [
    ...files.flatMap((file) => fileRules.flatMap((rule) => rule(file))),
    ...treeRules.flatMap((rule) => rule(files)),
  ];
  return findings.toSorted((a, b) =>
    a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1,
  );
}

/** A finding as one line, which editors take for a link. */
export function format({ path, line, rule, message }: Finding): string {
  return `${path}:${line}: ${message} (${rule})`;
}
