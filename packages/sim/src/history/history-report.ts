import type { HistoryVerdict } from "./check-history.ts";
import type { ParsedHistory } from "./history-event.ts";
import type { Operation } from "./history.ts";
import type { Model } from "./model.ts";
import type { Exhausted } from "./search.ts";
import type { OffendingWindow } from "./window.ts";

/** An operation of a history in text form, for people. */
export interface ReportedOperation {
  readonly client: number;
  /** Where it was called, from line 1 on. */
  readonly line: number;
  /** Where it ended, or null: it did not. */
  readonly endLine: number | null;
  /** What it did and what came of it. */
  readonly text: string;
}

/** Where a history in text form contradicts its model; see `OffendingWindow`. */
export interface ReportedWindow {
  readonly key: string;
  readonly operations: readonly ReportedOperation[];
  readonly isSmallest: boolean;
  readonly freeCount: number;
  readonly last: ReportedOperation;
  readonly longest: readonly ReportedOperation[];
  readonly reachable: readonly string[];
  readonly suspects: readonly ReportedOperation[];
}

/** What a check of a history in text form found. Plain data: it can be written as JSON. */
export interface HistoryReport {
  readonly verdict: "ok" | "illegal" | "unknown";
  readonly model: string;
  readonly operationCount: number;
  readonly keyCount: number;
  readonly stepCount: number;
  /** Where it is illegal, or null. */
  readonly window: ReportedWindow | null;
  /** The keys for which the budget ran out, and which part of it. */
  readonly undecided: readonly { readonly key: string; readonly resource: Exhausted }[];
}

/** How many operations of the longest order are shown: the last ones. */
const shownMax = 8;

/** The verdict on a history that was read, as a report. */
export function newReport<State, Input, Output>(
  name: string,
  model: Model<State, Input, Output>,
  { history, lines }: ParsedHistory<Input, Output>,
  verdict: HistoryVerdict<State, Input, Output>,
): HistoryReport {
  return {
    verdict: verdict.kind,
    model: name,
    operationCount: history.length,
    keyCount: new Set(history.map(({ key }) => key)).size,
    stepCount: verdict.stepCount,
    window: verdict.kind === "illegal" ? reportWindow(model, lines, verdict.window) : null,
    undecided: verdict.kind === "unknown" ? verdict.undecided : [],
  };
}

function reportWindow<State, Input, Output>(
  model: Model<State, Input, Output>,
  lines: readonly number[],
  window: OffendingWindow<State, Input, Output>,
): ReportedWindow {
  const report = (operation: Operation<Input, Output>): ReportedOperation =>
    reportOperation(model, lines, operation);
  const describeState = (state: State): string =>
    model.describeState?.(state) ?? String(model.nameOf(state));
  return {
    key: window.key,
    operations: window.operations.map(report),
    isSmallest: window.isSmallest,
    freeCount: window.freeCount,
    last: report(window.last),
    longest: window.longest.map(report),
    reachable: window.reachable.map(describeState),
    suspects: window.suspects.map(report),
  };
}

function reportOperation<State, Input, Output>(
  model: Model<State, Input, Output>,
  lines: readonly number[],
  { client, input, order, end }: Operation<Input, Output>,
): ReportedOperation {
  const output = end.kind === "ok" ? end.output : undefined;
  return {
    client,
    line: lines[order] ?? 0,
    endLine: end.kind === "unknown" ? null : (lines[end.order] ?? 0),
    text: model.describe?.(input, output) ?? describe(input, output),
  };
}

function describe(input: unknown, output: unknown): string {
  return `${JSON.stringify(input)} → ${output === undefined ? "?" : JSON.stringify(output)}`;
}

/** A report as lines of text. The first one says it all. */
export function describeReport(report: HistoryReport): string {
  const { verdict, model, operationCount, keyCount, stepCount, window, undecided } = report;
  const size = `${counted(operationCount, "operation")} on ${counted(keyCount, "key")}`;
  const lines = [`${verdict}: ${size}, model ${model}, ${counted(stepCount, "step")}`];
  for (const { key, resource } of undecided) {
    lines.push(`key ${JSON.stringify(key)}: the budget of ${resource} ran out`);
  }
  if (window !== null) lines.push(...describeWindow(window));
  return lines.map((line) => `${line}\n`).join("");
}

function describeWindow(window: ReportedWindow): readonly string[] {
  const { key, operations, isSmallest, freeCount, last, longest, reachable, suspects } = window;
  const where = last.endLine === null ? "" : `, up to line ${last.endLine}`;
  const lines = [`key ${JSON.stringify(key)}${where}: no order of these explains their results`];
  lines.push(...table(operations));
  if (freeCount > 0) {
    lines.push(`wherever ${counted(freeCount, "other change")} of the key may come`);
  }
  if (!isSmallest) lines.push("the budget ran out before the smallest such set was found");
  if (longest.length > 0) {
    lines.push(`before that, ${counted(longest.length, "operation")} can be in order, at the end:`);
    lines.push(...table(longest.slice(-shownMax)));
  }
  if (reachable.length > 0) lines.push(`and the state is one of: ${reachable.join("  ")}`);
  if (suspects.length > 0) {
    lines.push("it would be explained if what was reported as failed had taken effect:");
    lines.push(...table(suspects));
  }
  return lines;
}

function table(operations: readonly ReportedOperation[]): readonly string[] {
  const cells = operations.map(({ client, line, endLine, text }) => [
    `lines ${line}–${endLine ?? ""}`,
    `client ${client}`,
    text,
  ]);
  const width = (column: number): number =>
    Math.max(0, ...cells.map((row) => row[column]?.length ?? 0));
  const [first, second] = [width(0), width(1)];
  return cells.map(
    ([where = "", who = "", what = ""]) =>
      `  ${where.padEnd(first)}  ${who.padEnd(second)}  ${what}`,
  );
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
