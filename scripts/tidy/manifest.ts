import { at, listOf, parseJson, textAt, textsOf } from "../json.ts";
import type { SourceText } from "./source.ts";

/** What the rules read of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string | undefined;
  readonly type: string | undefined;
  readonly license: string | undefined;
  readonly node: string | undefined;
  readonly isPrivate: boolean;
  readonly dependencies: ReadonlyMap<string, string>;
  readonly devDependencies: ReadonlyMap<string, string>;
  /** Names of commands or scripts and what they run. */
  readonly scripts: ReadonlyMap<string, string>;
  readonly bin: ReadonlyMap<string, string>;
  /** The source files that `exports` names, from the manifest's folder. */
  readonly sources: readonly string[];
}

/** Reads a package.json. Throws `SyntaxError` if it is not JSON. */
export function readManifest(file: SourceText): Manifest {
  const json = parseJson(file.text);
  return {
    name: textAt(json, "name") ?? "",
    version: textAt(json, "version"),
    type: textAt(json, "type"),
    license: textAt(json, "license"),
    node: textAt(at(json, "engines"), "node"),
    isPrivate: at(json, "private") === true,
    dependencies: textsOf(at(json, "dependencies")),
    devDependencies: textsOf(at(json, "devDependencies")),
    scripts: textsOf(at(json, "scripts")),
    bin: textsOf(at(json, "bin")),
    sources: sourcesOf(at(json, "exports")),
  };
}

/** The folders that a tsconfig.json refers to, as written. */
export function readReferences(file: SourceText): readonly string[] {
  return listOf(at(parseJson(file.text), "references")).flatMap(
    (reference) => textAt(reference, "path") ?? [],
  );
}

function sourcesOf(json: unknown): readonly string[] {
  if (typeof json !== "object" || json === null) return [];
  return Object.values(json).flatMap((door) => textAt(door, "@quorate/source") ?? []);
}
