import type { Mutant } from "./mutant.ts";
import { catchersOf, fateOf, type MutantResult, seedsOf, summaryOf } from "./result.ts";
import type { Row } from "./rows.ts";
import type { Range } from "./trial.ts";

/** Where the page is kept. */
export const pagePath = "docs/internals/mutants.md";

/** The page of the documentation that shows which deliberate bugs are caught, by whom, and how soon. */
export function pageOf(
  results: readonly MutantResult[],
  rows: readonly Row[],
  { starts, seedCountMax }: Range,
): string {
  const mutants = results.map(({ mutant }) => mutant);
  return [
    "# Mutants",
    "",
    ...introduction({ starts, seedCountMax }),
    "",
    `${summaryOf(results)}.`,
    "",
    ...tableOf(results),
    "",
    ...legend,
    "",
    "## The catalogue",
    "",
    "Each row is a way in which some implementation went wrong.",
    "",
    "| row | bug | mutants |",
    "|---|---|---|",
    ...rows.map((row) => `| ${row.id} | ${row.bug} | ${mutantsOf(row, mutants)} |`),
    "",
  ].join("\n");
}

function introduction({ starts, seedCountMax }: Range): readonly string[] {
  return [
    "<!-- Written by `npm run mutants -- --write`. -->",
    "",
    "A test that cannot fail shows nothing. So the bugs that other implementations of Raft had are put",
    "back, one at a time, into a copy of the code, and the simulator must notice. Nothing of this ships.",
    "`npm run mutants` does it for all of them, `-- --only R1` for one. It fails if a bug that can harm a",
    "user survives, or if anything is found in the code as it is.",
    "",
    `Seeds are run from ${starts.length} starts (${starts.join(", ")}), at most ${seedCountMax} from each.`,
    "*Caught* means from every start. *Seeds* is how many it took: the median over the starts, and the",
    "most. *Caught by* names the [invariant](invariants.md) of a judge of the simulator; *contract* is",
    "what a node owes to its host and its peers, *assertion* one of the core's own, *liveness* a cluster",
    "that was healed and made no progress, *clients* an answer that the model does not give, *refusal* an",
    "error; or it is a test, by name. *Search* is the exhaustive search of small worlds.",
  ];
}

const legend: readonly string[] = [
  "What they break: ES election safety, LC leader completeness, LM log matching, SMS state machine safety,",
  "LIN linearizability, DUR durability of acknowledged writes, CRASH a node that stops or cannot start;",
  "LIVE and AVAIL progress, for good and for a while. These last two may survive: the simulator demands",
  "progress only of a cluster without faults, within a generous time.",
];

function tableOf(results: readonly MutantResult[]): readonly string[] {
  return [
    "| mutant | breaks | what it does | fate | caught by | seeds |",
    "|---|---|---|---|---|---|",
    ...results.map((result) => {
      const { id, property, why } = result.mutant;
      const cells = [
        `\`${id}\``,
        property,
        why,
        fateOf(result),
        catchersOf(result),
        seedsOf(result),
      ];
      return `| ${cells.map(cellOf).join(" | ")} |`;
    }),
  ];
}

function cellOf(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function mutantsOf({ id, absence }: Row, mutants: readonly Mutant[]): string {
  const ids = mutants
    .filter((mutant) => mutant.rows.includes(id))
    .map((mutant) => `\`${mutant.id}\``);
  return ids.length === 0 ? `Later. ${absence ?? ""}` : ids.join(", ");
}
