import { type MessageKind, type NodeId, none } from "@quorate/core";
import type { Cast } from "./cast.ts";
import { describeStep, type Step } from "./step.ts";

/**
 * One line of a script: a step, but a message is named by its text, and a healed cluster may be made to
 * converge.
 */
export type Line = Exclude<Step, { readonly kind: "deliver" }> | Delivery | Convergence;

/** Everything is healed, and the cluster must converge. */
export interface Convergence {
  readonly kind: "converge";
  /** The first of the members. */
  readonly node: NodeId;
  readonly members: readonly NodeId[];
  /** The member that the others still reach, or `none`. */
  readonly bridge: NodeId;
  readonly seed: number;
  /** How long a message then travels at most, in units. */
  readonly delayMax: number;
}

/** How long a message travels at most where a scenario does not say, in units. */
export const usualDelayMax = 5;

/** A message that arrives: the one that reads the same, or else the last of its kind on its way. */
export interface Delivery {
  readonly kind: "deliver";
  readonly from: NodeId;
  readonly node: NodeId;
  readonly message: MessageKind;
  /** As `nameMessage` gives it. */
  readonly text: string;
}

/** A run written down: who takes part, what happens, one line after the other, and what it shows. */
export interface Scenario {
  /** What it is about, for people; without the `#`. */
  readonly comments: readonly string[];
  readonly cast: Cast;
  /** Whether hosts do all their work after each line, without being told. */
  readonly auto: boolean;
  /** The failure that it ends with, or "holds". */
  readonly expect: string;
  readonly lines: readonly Line[];
}

/** A line for a step that was taken. */
export function lineOf(step: Step): Line {
  if (step.kind !== "deliver") return step;
  const { from, kind } = step.message;
  const text = describeStep(step).slice("deliver ".length);
  return { kind: "deliver", from, node: step.node, message: kind, text };
}

/** A scenario as text. Ticks of one node in a row share a line. */
export function printScenario({ comments, cast, auto, expect, lines }: Scenario): string {
  const options = Object.entries(cast.raft).map(([name, value]) => ` ${name}=${String(value)}`);
  const script: string[] = [];
  for (let offset = 0; offset < lines.length; offset++) {
    const line = lines[offset];
    if (line === undefined) break;
    let count = 1;
    while (line.kind === "tick" && isTickOf(lines[offset + 1], line.node)) {
      count += 1;
      offset += 1;
    }
    script.push(count > 1 ? `tick n${line.node} count=${count}` : describeLine(line));
  }
  return [
    ...comments.map((comment) => `# ${comment}`.trimEnd()),
    "level core",
    ...(options.length > 0 ? [`raft${options.join("")}`] : []),
    ...cast.hosts.map(({ door, machine, joins }, offset) => {
      return `node n${offset + 1} ${door} ${machine}${joins ? " joins" : ""}`;
    }),
    ...(cast.flaw === "none" ? [] : [`flaw ${cast.flaw}`]),
    ...(auto ? ["host auto"] : []),
    `expect ${expect}`,
    "",
    ...script,
    "",
  ].join("\n");
}

/** One line as text. */
export function describeLine(line: Line): string {
  switch (line.kind) {
    case "deliver":
      return `deliver ${line.text}`;
    case "converge":
      return [
        `converge ${line.members.map((id) => `n${id}`).join(" ")} seed=${line.seed}`,
        ...(line.bridge === none ? [] : [`bridge=${line.bridge}`]),
        ...(line.delayMax === usualDelayMax ? [] : [`delay=${line.delayMax}`]),
      ].join(" ");
    default:
      return describeStep(line);
  }
}

function isTickOf(line: Line | undefined, node: NodeId): boolean {
  return line?.kind === "tick" && line.node === node;
}
