/** What the house knows of one package (the table in docs/ARCHITECTURE.md). */
export interface PackageRule {
  /** Where it lives, from the root of the repository. */
  readonly folder: string;
  readonly name: string;
  /** Whether it compiles without Node.js and without the DOM. */
  readonly pure: boolean;
  /** The packages of this repository that it may import. */
  readonly mayImport: readonly string[];
  /** The packages of others that it may import; undefined: whatever its manifest names. */
  readonly mayUse: readonly string[] | undefined;
}

/** The packages, each below those that it may import. */
export const packageRules: readonly PackageRule[] = [
  {
    folder: "packages/core",
    name: "@quorate/core",
    pure: true,
    mayImport: [],
    mayUse: [],
  },
  {
    folder: "packages/wire",
    name: "@quorate/wire",
    pure: true,
    mayImport: ["@quorate/core"],
    mayUse: [],
  },
  {
    folder: "packages/wal",
    name: "@quorate/wal",
    pure: true,
    mayImport: ["@quorate/core", "@quorate/wire"],
    mayUse: [],
  },
  {
    folder: "packages/runtime",
    name: "@quorate/runtime",
    pure: true,
    mayImport: ["@quorate/core", "@quorate/wire", "@quorate/wal"],
    mayUse: [],
  },
  {
    folder: "packages/sim",
    name: "@quorate/sim",
    pure: true,
    mayImport: ["@quorate/core", "@quorate/wire", "@quorate/wal", "@quorate/runtime"],
    mayUse: [],
  },
  {
    folder: "packages/quorate",
    name: "quorate",
    pure: false,
    mayImport: ["@quorate/core", "@quorate/wire", "@quorate/wal", "@quorate/runtime"],
    mayUse: ["@opentelemetry/api"],
  },
  {
    folder: "packages/server",
    name: "@quorate/server",
    pure: false,
    mayImport: ["quorate", "@quorate/sim"],
    mayUse: undefined,
  },
  {
    folder: "packages/dashboard",
    name: "@quorate/dashboard",
    pure: false,
    mayImport: ["@quorate/core", "@quorate/sim"],
    mayUse: undefined,
  },
];

/** Every name by which code of this repository imports other code of it. */
export const packageNames: readonly string[] = packageRules.map((rule) => rule.name);

/** The rule for the package that holds `path`, or undefined: bench, scripts and examples are free. */
export function packageOf(path: string): PackageRule | undefined {
  return packageRules.find((rule) => path.startsWith(`${rule.folder}/`));
}

/** The package in `specifier`, without the path inside it: `@quorate/wal/testing` → `@quorate/wal`. */
export function packageNamed(specifier: string): string {
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}
