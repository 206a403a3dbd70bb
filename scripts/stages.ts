import { checkBoundaries } from "./boundaries.ts";
import { runTool } from "./child.ts";
import { checkExamples } from "./examples.ts";
import { type Stage, verdictOf, verdictOn } from "./stage.ts";
import { format, tidy } from "./tidy.ts";
import { readTree } from "./tree.ts";

/** Everything that `npm run check` checks, in order. None of it changes a file that git knows. */
export const checks: readonly Stage[] = [
  {
    name: "types",
    async run() {
      return verdictOf([await runTool("tsc", ["--build", "--pretty", "false"])]);
    },
  },
  {
    name: "lint",
    async run() {
      return verdictOf([await runTool("oxlint", ["--deny-warnings"])]);
    },
  },
  {
    name: "format",
    async run() {
      return verdictOf([await runTool("oxfmt", ["--check"])]);
    },
  },
  {
    name: "dead-code",
    async run() {
      return verdictOf([await runTool("knip", ["--no-progress"])]);
    },
  },
  {
    name: "boundaries",
    async run() {
      return verdictOn(await checkBoundaries());
    },
  },
  {
    name: "tidy",
    async run() {
      return verdictOn(tidy(readTree()).map(format));
    },
  },
  {
    name: "examples",
    async run() {
      return verdictOn(await checkExamples(readTree()));
    },
  },
];
