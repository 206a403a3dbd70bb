import colors from "picocolors";
import { explainGroup, type Finding, type NodeId, type Severity } from "quorate";
import type { NodeReport } from "./status-command.ts";

const paint: Record<Severity, (text: string) => string> = {
  error: colors.red,
  warning: colors.yellow,
  info: colors.cyan,
};

/**
 * What is to be known of the group, and of the entry that was asked about: for each finding a line that
 * says what is the case, and one that says what to do.
 */
export function findingLines(reports: readonly NodeReport[]): string[] {
  const about = indexFindings(reports).flatMap((finding) => linesOf(finding, []));
  return [
    ...about,
    ...explainGroup(reports).flatMap((finding) => linesOf(finding, finding.saidBy)),
  ];
}

/** What the leader knows of the entry, or, if none answers, what each does. */
function indexFindings(reports: readonly NodeReport[]): readonly Finding[] {
  const statuses = reports.flatMap((report) => (report.kind === "reached" ? [report.status] : []));
  const [leader] = statuses
    .filter(({ role }) => role === "leader")
    .toSorted((a, b) => b.term - a.term);
  const asked = leader === undefined ? statuses : [leader];
  // What follows the first says why there is no leader, as the findings of the group do.
  return asked.flatMap(({ indexFindings: known = [] }) => known.slice(0, 1));
}

function linesOf(
  { severity, code, message, remedy }: Finding,
  saidBy: readonly NodeId[],
): string[] {
  const source = saidBy.length < 2 ? "" : ` (so say nodes ${saidBy.join(", ")})`;
  const lines = [`${paint[severity](severity)} ${code}: ${message}${source}`];
  if (remedy !== "") lines.push(`  to do: ${remedy}`);
  return lines;
}
