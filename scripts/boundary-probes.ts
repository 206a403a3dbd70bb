import { existsSync } from "node:fs";
import { join } from "node:path";
import { packageRules, type PackageRule } from "./tidy/workspace.ts";
import { root } from "./tree.ts";

/** Who may refuse a file: the compiler, the linter, or the house rules. */
export type Judge = "compiler" | "lint" | "tidy";

/** A file that steps over a boundary, or that just does not. */
export interface Probe {
  readonly package: string;
  /** What it does, in a few words. */
  readonly what: string;
  readonly path: string;
  readonly code: string;
  /** Who must refuse it; nobody else may, so that no refusal is an accident. */
  readonly refusedBy: readonly Judge[];
}

interface Violation {
  readonly what: string;
  readonly code: string;
  readonly refusedBy: readonly Judge[];
}

/** The packages that exist. */
export const packages: readonly PackageRule[] = packageRules.filter(({ folder }) =>
  existsSync(join(root, folder)),
);

const everyone: readonly Judge[] = ["compiler", "lint", "tidy"];
const compilerAndLint: readonly Judge[] = ["compiler", "lint"];
const lintAndTidy: readonly Judge[] = ["lint", "tidy"];
const tidyAlone: readonly Judge[] = ["tidy"];
const lintAlone: readonly Judge[] = ["lint"];

const value = (expression: string): string => `export const probe: unknown = ${expression};\n`;
const importing = (specifier: string): string =>
  `import * as it from ${JSON.stringify(specifier)};\nexport const probe: unknown = it;\n`;

/** What no pure package may do. The compiler knows only what is in its libraries; lint knows the rest. */
const impurities: readonly Violation[] = [
  ...["node:fs", "fs", "node:worker_threads"].map((name) => ({
    what: `imports ${name}`,
    code: importing(name),
    refusedBy: everyone,
  })),
  ...[
    ["process", "process.pid"],
    ["Buffer", "Buffer.alloc(1)"],
    ["console", "console.log"],
    ["setTimeout", "setTimeout(() => undefined, 1)"],
    ["setInterval", "setInterval(() => undefined, 1)"],
    ["setImmediate", "setImmediate(() => undefined)"],
    ["queueMicrotask", "queueMicrotask(() => undefined)"],
    ["performance", "performance.now()"],
    ["crypto", "crypto.randomUUID()"],
    ["fetch", 'fetch("http://localhost")'],
    ["TextEncoder", "new TextEncoder()"],
  ].map(([name = "", code = ""]) => ({
    what: `uses ${name}`,
    code: value(code),
    refusedBy: compilerAndLint,
  })),
  // The language itself has a clock, a die and a view of the garbage collector.
  ...[
    ["Date.now", "Date.now()"],
    ["new Date", "new Date()"],
    ["the clock of Intl", "new Intl.DateTimeFormat().format()"],
    ["Date by way of globalThis", "globalThis.Date.now()"],
    ["Math.random", "Math.random()"],
    ["WeakRef", "new WeakRef({})"],
  ].map(([name = "", code = ""]) => ({
    what: `uses ${name}`,
    code: value(code),
    refusedBy: lintAlone,
  })),
  {
    what: "takes random out of Math",
    code: value("(({ random }) => random())(Math)"),
    refusedBy: tidyAlone,
  },
  { what: "gets random by its name", code: value('Math["random"]()'), refusedBy: lintAndTidy },
  { what: "loads node:fs", code: value('import("node:fs")'), refusedBy: everyone },
];

/** What every package may do: without these a tool that refuses everything would pass for a boundary. */
const harmless: readonly Violation[] = [
  { what: "uses the language", code: value("Math.max(1, 2)"), refusedBy: [] },
];

/** The probes of one pure package. */
function probesOf(rule: PackageRule): readonly Probe[] {
  const others = packages.filter(({ name }) => name !== rule.name);
  const above = others.filter(({ name }) => rule.mayImport.includes(name));
  const below = others.filter(({ name }) => !rule.mayImport.includes(name));
  const folderOf = (other: PackageRule): string => other.folder.replace("packages/", "");
  const violations: readonly Violation[] = [
    ...harmless,
    ...above.map(({ name }) => ({ what: `imports ${name}`, code: importing(name), refusedBy: [] })),
    ...impurities,
    // The compiler follows names wherever they lead.
    ...below.map(({ name }) => ({
      what: `imports ${name}`,
      code: importing(name),
      refusedBy: lintAndTidy,
    })),
    ...below.map((other) => ({
      what: `imports ${other.name} by its path`,
      code: importing(`../../${folderOf(other)}/src/inside.ts`),
      refusedBy: everyone,
    })),
  ];
  const inSource = violations.map(({ what, code, refusedBy }, number) => ({
    package: rule.name,
    what,
    path: `${rule.folder}/src/probe-${number}.ts`,
    code,
    refusedBy,
  }));
  // The boundary is the product's, not the tests'.
  const test: Probe = {
    package: rule.name,
    what: "imports node:fs and reads the clock in a test",
    path: `${rule.folder}/src/probe.test.ts`,
    code: `import * as it from "node:fs";\nexport const probe: unknown = [it, Date.now()];\n`,
    refusedBy: [],
  };
  return [...inSource, test];
}

/** Every probe: each pure package with each way over its boundary, and one package that may do all that. */
export const probes: readonly Probe[] = [
  ...packages.filter((rule) => rule.pure).flatMap(probesOf),
  {
    package: "quorate",
    what: "imports node:fs and reads the clock",
    path: "packages/quorate/src/probe.ts",
    code: `import * as it from "node:fs";\nexport const probe: unknown = [it, Date.now(), process.pid];\n`,
    refusedBy: [],
  },
];
