import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as core from "@quorate/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  Counterexample,
  type CreateNode,
  exploreStandard,
  modelOptions,
  type StandardExploration,
  standardExplorations,
} from "../src/index.ts";

// The classic mistakes, made in a copy of the core, and found.

const [twoNodes, , elections, promptDisks] = standardExplorations;
/** Far from complete within seconds, but what it is here for is found early. */
const slowDisks: StandardExploration = {
  bound: { nodes: 3, terms: 2, entries: 1, crashes: 0, duplicates: Infinity, heartbeats: Infinity },
  options: { statesMax: 1_000_000 },
};

const source = fileURLToPath(new URL("../../core/src", import.meta.url));
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "quorate-explore-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The first exploration that finds it. */
  readonly by: StandardExploration | undefined;
  /** What the first line of the counterexample says. */
  readonly found: RegExp;
}

const mutants: readonly Mutant[] = [
  {
    name: "a double vote",
    by: twoNodes,
    file: "roles.ts",
    from: "    state.term = term;\n    state.vote = none;\n  }",
    to: "    state.term = term;\n  }\n  state.vote = none;",
    found: /one vote|I7|I1/,
  },
  {
    name: "a vote that is granted before it is durable",
    by: twoNodes,
    file: "election.ts",
    from: "state.outbox.messagesAfterPersist.push(response)",
    to: "state.outbox.messages.push(response)",
    found: /^I[67]: node \d starts/,
  },
  {
    name: "commit by count, of entries of older terms (Figure 8)",
    by: elections,
    file: "replication.ts",
    from: " || log.termAt(index) !== state.term",
    to: "",
    found: /^I4: .* by counting/,
  },
  {
    name: "commit by count, of what is not durable here",
    by: twoNodes,
    file: "replication.ts",
    from: "id === state.id ? log.persistedIndex",
    to: "id === state.id ? log.lastIndex",
    found: /^I10: /,
  },
  {
    name: "acknowledgements before the disk",
    by: twoNodes,
    file: "replication.ts",
    from: "state.outbox.messagesAfterPersist.push({ kind, from: id, to, term, matchIndex })",
    to: "state.outbox.messages.push({ kind, from: id, to, term, matchIndex })",
    found: /^I/,
  },
  {
    name: "votes for shorter logs",
    by: promptDisks,
    file: "entry.ts",
    from: "return candidate.index >= own.index;",
    to: "return true;",
    found: /^I4: entry 1\/2 was committed in term 1/,
  },
  {
    name: "votes for older logs",
    by: promptDisks,
    file: "entry.ts",
    from: "return candidate.term > own.term;",
    to: "return true;",
    found: /^I4: /,
  },
  {
    name: "a notice that counts for what was overwritten (ABA)",
    by: slowDisks,
    file: "log.ts",
    from: "write.lastIndex = Math.min(write.lastIndex, end);",
    to: "void write;",
    found: /I10/,
  },
];

test.each(mutants)("explore finds $name", async ({ name, by, file, from, to, found }) => {
  const copy = join(folder, name.replaceAll(/\W+/g, "-"));
  await cp(source, copy, { recursive: true, filter: (path) => !path.endsWith(".test.ts") });
  const text = await readFile(join(copy, file), "utf8");
  expect(text.split(from)).toHaveLength(2);
  await writeFile(join(copy, file), text.replace(from, to));
  const { RaftNode } = (await import(pathToFileURL(join(copy, "index.ts")).href)) as typeof core;
  const createNode: CreateNode = (id, voters, storage) =>
    new RaftNode(id, voters, { ...modelOptions, storage });
  if (by === undefined) throw new Error("there is such an exploration");
  const explorations = [{ bound: by.bound, options: { ...by.options, createNode } }];
  let message = "nothing was found";
  try {
    exploreStandard(explorations);
  } catch (error) {
    if (!(error instanceof Counterexample)) throw error;
    ({ message } = error);
  }
  expect(message).toMatch(found);
});
