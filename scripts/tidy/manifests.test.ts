import { expect, test } from "vitest";
import { manifestsAgree } from "./manifests.ts";

const common = {
  version: "0.1.0",
  type: "module",
  license: "Apache-2.0",
  engines: { node: ">=20.19" },
};
const core = { name: "@quorate/core", ...common };
const wire = { name: "@quorate/wire", ...common, dependencies: { "@quorate/core": "0.1.0" } };
const references = (...paths: string[]): object => ({
  references: paths.map((path) => ({ path })),
});

/** The messages about a repository of two packages, one of them as given. */
function found(changed: object, config: object = references("../core")): readonly string[] {
  const files = Object.entries({
    "package.json": { name: "root", private: true, ...common },
    "packages/core/package.json": core,
    "packages/core/tsconfig.json": references(),
    "packages/wire/package.json": { ...wire, ...changed },
    "packages/wire/tsconfig.json": config,
  }).map(([path, json]) => ({ path, text: JSON.stringify(json) }));
  const findings = manifestsAgree(files);
  expect(findings.every(({ path }) => path === "packages/wire/package.json")).toBe(true);
  return findings.map(({ message }) => message);
}

test("manifestsAgree accepts manifests that agree", () => {
  expect(found({})).toEqual([]);
});

test.each([
  [{ type: "commonjs" }, '"type" must be "module"'],
  [{ license: "MIT" }, '"license" must be "Apache-2.0"'],
  [{ engines: { node: ">=18" } }, '"engines.node" must be >=20.19, as in the root'],
  [{ name: "wire" }, "the package is called @quorate/wire"],
  [{ dependencies: { "@quorate/core": "0.0.9" } }, "@quorate/core is 0.1.0 here, not 0.0.9"],
  [{ devDependencies: { vitest: "^4.1.0" } }, "vitest: pin one version, not ^4.1.0"],
  [
    { dependencies: { ...wire.dependencies, pbf: "1.2.3" } },
    "@quorate/wire has no foreign dependencies: pbf",
  ],
  [{ dependencies: {} }, "tsconfig.json refers to packages/core, which is no dependency"],
])("manifestsAgree refuses %j", (changed, message) => {
  expect(found(changed)).toEqual([message]);
});

test("manifestsAgree refuses a dependency on a package below", () => {
  const dependencies = { ...wire.dependencies, "@quorate/wal": "0.1.0" };
  expect(found({ dependencies }, references("../core", "../wal"))).toEqual([
    "@quorate/wire may not depend on @quorate/wal",
  ]);
});

test("manifestsAgree refuses a dependency that the compiler does not build first", () => {
  expect(found({}, references())).toEqual(["tsconfig.json lacks a reference to packages/core"]);
});
