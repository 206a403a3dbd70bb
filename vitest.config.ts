import { defineConfig } from "vitest/config";

// Tests run from source: no build stands between an edit and its test.
const conditions = ["@quorate/source"];

/** Packages whose tests touch neither files nor sockets: they share a thread and need no isolation. */
const pure = ["core", "wire", "wal", "runtime", "sim"];
/** Packages whose tests use real files, sockets and processes. */
const real = ["quorate", "server"];

const include = ["src/**/*.test.ts", "test/**/*.test.ts"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    projects: [
      ...pure.map((name) => ({
        extends: true as const,
        test: { name, root: `packages/${name}`, include, isolate: false, pool: "threads" as const },
      })),
      ...real.map((name) => ({
        extends: true as const,
        test: {
          name,
          root: `packages/${name}`,
          include,
          pool: "forks" as const,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      })),
      {
        extends: true as const,
        test: { name: "scripts", root: "scripts", include: ["*.test.ts"] },
      },
    ],
  },
});
