import { isSafe } from "@quorate/core";
import { ScenarioError } from "../words.ts";
import { type App, callOf } from "./app.ts";
import { type Decision, formatDecision, parseDecision } from "./decision.ts";
import { calmWholePlan, type WholePlan } from "./whole-plan.ts";

/** A whole-level run written down: its plan, every decision that made it other than calm, and its end. */
export interface WholeScenario {
  /** What it is about, for people; without the `#`. */
  readonly comments: readonly string[];
  readonly plan: WholePlan;
  /** The name of the failure that it ends with, or "holds". */
  readonly expect: string;
  readonly decisions: readonly Decision[];
}

/**
 * A scenario as text. Only what differs from the calm plan is told; `labelOf` says to people what a
 * decision means.
 */
export function printWholeScenario(
  scenario: WholeScenario,
  labelOf: (decision: Decision) => string | undefined = () => undefined,
): string {
  const { comments, plan, expect, decisions } = scenario;
  const calm = new Map<string, number>(Object.entries(calmWholePlan));
  const told = Object.entries(plan).filter(([name, value]) => calm.get(name) !== value);
  return [
    ...comments.map((comment) => `# ${comment}`.trimEnd()),
    "level whole",
    ...told.map(([name, value]) => `plan ${name}=${value}`),
    `expect ${expect}`,
    "",
    ...decisions.map((decision) => {
      const label = labelOf(decision);
      return formatDecision(decision) + (label === undefined ? "" : `  # ${label}`);
    }),
    "",
  ].join("\n");
}

/** Reads what `printWholeScenario` writes. Throws `ScenarioError`. */
export function parseWholeScenario(text: string): WholeScenario {
  const comments: string[] = [];
  const numbers = new Map<string, number>();
  const decisions: Decision[] = [];
  let expect: string | undefined;
  let isWhole = false;
  for (const [offset, raw] of text.split("\n").entries()) {
    const line = raw.replace(/\s+#.*$/, "").trim();
    const place = offset + 1;
    if (line === "") continue;
    if (line.startsWith("#")) comments.push(line.replace(/^# ?/, ""));
    else if (line.startsWith("plan ")) addNumber(numbers, line.slice("plan ".length), place);
    else if (line.startsWith("expect ")) expect = line.slice("expect ".length);
    else if (line === "level whole") isWhole = true;
    else decisions.push(decisionIn(line, place));
  }
  const last = text.split("\n").length;
  if (!isWhole) throw new ScenarioError(last, "this is no scenario of the whole level");
  if (expect === undefined) throw new ScenarioError(last, "a scenario says what it expects");
  return { comments, plan: planOf(numbers), expect, decisions };
}

function decisionIn(line: string, place: number): Decision {
  try {
    return parseDecision(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ScenarioError(place, error.message);
  }
}

function addNumber(numbers: Map<string, number>, word: string, place: number): void {
  const [name = "", text = ""] = word.split("=");
  const value = Number(text);
  const isKnown = Object.hasOwn(calmWholePlan, name);
  if (!isKnown || text === "" || !isSafe(value)) {
    throw new ScenarioError(place, `no part of a plan: ${word}`);
  }
  numbers.set(name, value);
}

function planOf(numbers: ReadonlyMap<string, number>): WholePlan {
  return { ...calmWholePlan, ...Object.fromEntries(numbers) };
}

/** Says what each decision to make a call means to people: what the clients of `app` ask by it. */
export function labelsOf<Query, Answer>(
  app: App<Query, Answer>,
  seed: number,
): (decision: Decision) => string | undefined {
  return (decision) => {
    if (decision.kind !== "at" || decision.what.kind !== "call") return undefined;
    return callOf(app, seed, decision.what.number).label;
  };
}
