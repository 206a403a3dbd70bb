import { posix } from "node:path";
import { type Manifest, readManifest, readReferences } from "./manifest.ts";
import type { Finding, SourceText } from "./source.ts";
import { packageNames, packageOf, packageRules } from "./workspace.ts";

/** Manifests agree with one another, with the order of packages, and with the compiler's references. */
export function manifestsAgree(files: readonly SourceText[]): readonly Finding[] {
  const manifests = files.filter(({ path }) => posix.basename(path) === "package.json");
  const versions = new Map<string, string | undefined>();
  for (const file of manifests) {
    const { name, version } = readManifest(file);
    versions.set(name, version);
  }
  const root = manifests.find(({ path }) => path === "package.json");
  const node = root === undefined ? undefined : readManifest(root).node;
  return manifests.flatMap((file) => {
    const manifest = readManifest(file);
    return [
      ...inManifest(manifest, versions, node),
      ...inOrder(file.path, manifest),
      ...inReferences(file.path, manifest, files),
    ].map((message) => ({ path: file.path, line: 1, rule: "manifests-agree", message }));
  });
}

function inManifest(
  manifest: Manifest,
  versions: ReadonlyMap<string, string | undefined>,
  node: string | undefined,
): readonly string[] {
  const messages: string[] = [];
  if (manifest.type !== "module") messages.push('"type" must be "module"');
  if (manifest.license !== "Apache-2.0") messages.push('"license" must be "Apache-2.0"');
  if (!manifest.isPrivate && manifest.node !== node) {
    messages.push(`"engines.node" must be ${node ?? "absent"}, as in the root`);
  }
  for (const [name, range] of [...manifest.dependencies, ...manifest.devDependencies]) {
    const own = versions.get(name);
    if (own !== undefined && range !== own) messages.push(`${name} is ${own} here, not ${range}`);
    if (!/^(npm:\S+@)?\d+\.\d+\.\d+/.test(range)) {
      messages.push(`${name}: pin one version, not ${range}`);
    }
  }
  return messages;
}

function inOrder(path: string, manifest: Manifest): readonly string[] {
  const rule = packageOf(path);
  if (rule === undefined) return [];
  const dependencies = [...manifest.dependencies.keys()];
  const ours = dependencies.filter((name) => packageNames.includes(name));
  const foreign = dependencies.filter((name) => !packageNames.includes(name));
  const messages = ours
    .filter((name) => !rule.mayImport.includes(name))
    .map((name) => `${rule.name} may not depend on ${name}`);
  if (rule.mayUse !== undefined) {
    const refused = foreign.filter((name) => !rule.mayUse?.includes(name));
    messages.push(...refused.map((name) => `${rule.name} has no foreign dependencies: ${name}`));
  }
  if (manifest.name !== rule.name) messages.push(`the package is called ${rule.name}`);
  return messages;
}

/** The compiler builds what a package depends on before it: the references are its dependencies. */
function inReferences(
  path: string,
  manifest: Manifest,
  files: readonly SourceText[],
): readonly string[] {
  const folder = posix.dirname(path);
  const config = files.find((file) => file.path === posix.join(folder, "tsconfig.json"));
  if (config === undefined || folder === ".") return [];
  const referred = readReferences(config).map((to) => posix.normalize(posix.join(folder, to)));
  const needed = packageRules
    .filter(({ name }) => manifest.dependencies.has(name))
    .map((rule) => rule.folder);
  return [
    ...needed
      .filter((to) => !referred.includes(to))
      .map((to) => `tsconfig.json lacks a reference to ${to}`),
    ...referred
      .filter((to) => !needed.includes(to))
      .map((to) => `tsconfig.json refers to ${to}, which is no dependency`),
  ];
}
