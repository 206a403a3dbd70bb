import { readdirSync } from "node:fs";
import { test } from "vitest";
import { Cluster } from "./cluster.ts";
import { runScenario } from "./scenario.ts";

const folder = new URL("scenarios/", import.meta.url);

for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
  if (!name.endsWith(".txt")) continue;
  test(`scenario ${name}`, () => {
    const cluster = new Cluster();
    runScenario(new URL(name, folder), (command, args) => cluster.run(command, args));
  });
}
