import { defineConfig } from "vitest/config";

// Tests run from source: no build stands between an edit and its test.
const conditions = ["@quorate/source"];

/** Packages whose tests touch neither sockets nor processes: they share threads and need no isolation. */
const pure = ["core", "wire", "wal", "runtime", "sim"];
/** What has tests that use real files, sockets and processes: they run after all others. */
const real = ["packages/quorate", "packages/server", "bench", "fuzz"];

/** How many test files run at a time. By itself Vitest would leave one of two processors idle. */
const workerCount = 2;

const include = ["src/**/*.test.ts", "test/**/*.test.ts"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    // Time limits are there to end what hangs, not to judge what is slow.
    teardownTimeout: 30_000,
    projects: [
      ...pure.map((name) => ({
        extends: true as const,
        test: {
          name,
          root: `packages/${name}`,
          include,
          isolate: false,
          pool: "threads" as const,
          maxWorkers: workerCount,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      })),
      {
        extends: true as const,
        test: {
          name: "scripts",
          root: "scripts",
          include: ["**/*.test.ts"],
          isolate: false,
          pool: "threads" as const,
          maxWorkers: workerCount,
          testTimeout: 120_000,
        },
      },
      ...real.map((root) => ({
        extends: true as const,
        test: {
          name: root.replace("packages/", ""),
          root,
          include,
          pool: "forks" as const,
          maxWorkers: workerCount,
          sequence: { groupOrder: 1 },
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      })),
    ],
  },
});
