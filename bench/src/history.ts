import { formatTable, short } from "./figure.ts";
import type { Landing } from "./landing.ts";

/** How much more a count may be than in the landing before, as a share, until it is marked. */
const growthMax = 0.1;

/** One count in some landings, the oldest first; undefined where it was not counted. */
interface CountRow {
  readonly name: string;
  readonly unit: string;
  readonly counts: readonly (number | undefined)[];
}

/**
 * The counts of the newest of `landings`, beside those of the `columns - 1` before, as a table for people.
 * The last column tells what the newest changed against the one before it that has the count: less is
 * better, and more than a tenth more is marked.
 */
export function formatHistory(landings: readonly Landing[], columns: number): string {
  const shown = landings.slice(-columns);
  const titles = shown.map(({ commit, date }) => `${commit} ${date.slice(0, 10)}`);
  const rows = countRows(shown).map((row) => [
    row.name,
    row.unit,
    ...row.counts.map((count) => (count === undefined ? "" : short(count))),
    changeOf(row),
  ]);
  return formatTable(["count", "unit", ...titles, "change"], rows);
}

/** How many counts of the newest of `landings` are marked. */
export function countWorse(landings: readonly Landing[]): number {
  return countRows(landings).filter((row) => growthOf(row) > growthMax).length;
}

function countRows(landings: readonly Landing[]): readonly CountRow[] {
  const newest = landings.at(-1)?.figures ?? [];
  return newest.flatMap(({ name, unit, count }) => {
    if (count === undefined) return [];
    const counts = landings.map(
      ({ figures }) => figures.find((figure) => figure.name === name)?.count,
    );
    return { name, unit, counts };
  });
}

/** By which share of what it was before the count grew; 0 if there is nothing before. */
function growthOf({ counts }: CountRow): number {
  const known = counts.filter((count) => count !== undefined);
  const [before, now] = known.slice(-2);
  if (before === undefined || now === undefined || now === before) return 0;
  return before === 0 ? Number.POSITIVE_INFINITY : (now - before) / before;
}

function changeOf(row: CountRow): string {
  const growth = growthOf(row);
  if (growth === 0) return "";
  if (!Number.isFinite(growth)) return "from 0 WORSE";
  const percent = `${growth > 0 ? "+" : "−"}${short(Math.abs(100 * growth))} %`;
  return growth > growthMax ? `${percent} WORSE` : percent;
}
