import {
  type LogIndex,
  type MessageKind,
  type NodeId,
  none,
  type RaftOptions,
} from "@quorate/core";
import { type Flaw, flaws } from "./flaw.ts";
import { messageKinds } from "./message-kind.ts";
import type { Door, MachineKind } from "./plan.ts";
import type { Host } from "./sim-node.ts";
import type { Cast } from "./stage.ts";
import { describeStep, type Step } from "./step.ts";

/**
 * One line of a script: a step, but a message is named by its text, and a healed cluster may be made to
 * converge.
 */
export type Line =
  | Exclude<Step, { readonly kind: "deliver" }>
  | Delivery
  /** Everything is healed, and the cluster must converge; `node` is the first of the members. */
  | {
      readonly kind: "converge";
      readonly node: NodeId;
      readonly members: readonly NodeId[];
      /** The member that the others still reach, or `none`. */
      readonly bridge: NodeId;
      readonly seed: number;
    };

/** A message that arrives: the one that reads the same, or else the last of its kind on its way. */
export interface Delivery {
  readonly kind: "deliver";
  readonly from: NodeId;
  readonly node: NodeId;
  readonly message: MessageKind;
  /** As `describeMessage` gives it. */
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

/** A text that is not a scenario. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";
  /** Where, counted from 1. */
  readonly line: number;

  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`);
    this.line = line;
  }
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
    ...cast.hosts.map(({ door, machine }, offset) => `node n${offset + 1} ${door} ${machine}`),
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
      ].join(" ");
    default:
      return describeStep(line);
  }
}

function isTickOf(line: Line | undefined, node: NodeId): boolean {
  return line?.kind === "tick" && line.node === node;
}

/** Reads what `printScenario` writes. Throws `ScenarioError`. */
export function parseScenario(text: string): Scenario {
  const comments: string[] = [];
  const hosts: Host[] = [];
  const lines: Line[] = [];
  let raft: RaftOptions = {};
  let flaw: Flaw = "none";
  let auto = false;
  let expect: string | undefined;
  for (const [offset, raw] of text.split("\n").entries()) {
    const words = new Words(raw, offset + 1);
    switch (words.verb) {
      case "":
        break;
      case "#":
        comments.push(raw.replace(/^# ?/, ""));
        break;
      case "level":
        words.oneOf(["core"]);
        break;
      case "raft":
        raft = words.options();
        break;
      case "node":
        if (words.node() !== hosts.length + 1) words.fail("nodes are numbered from n1 on");
        hosts.push({ door: words.oneOf(doors), machine: words.oneOf(machines) });
        break;
      case "flaw":
        flaw = words.oneOf(flaws);
        break;
      case "host":
        auto = words.oneOf(["auto"]) === "auto";
        break;
      case "expect":
        expect = words.rest();
        break;
      default:
        lines.push(...parseLine(words, hosts.length));
    }
  }
  const last = text.split("\n").length;
  if (hosts.length === 0) throw new ScenarioError(last, "a scenario names its nodes");
  if (expect === undefined) throw new ScenarioError(last, "a scenario says what it expects");
  return { comments, cast: { hosts, raft, flaw }, auto, expect, lines };
}

const doors: readonly Door[] = ["simple", "pipelined"];
const machines: readonly MachineKind[] = ["memory", "durable"];

function parseLine(words: Words, nodeCount: number): readonly Line[] {
  const known = (id: NodeId): NodeId => {
    if (id < 1 || id > nodeCount) words.fail(`there is no node n${id}`);
    return id;
  };
  const kind = words.verb;
  if (kind === "deliver") return [parseDelivery(words, known)];
  const node = known(words.node());
  switch (kind) {
    case "start":
      return [{ kind, node, seed: words.number("seed"), appliedIndex: words.number("applied", 0) }];
    case "crash":
      return [{ kind, node, kept: words.number("kept", 0) }];
    case "tick":
      return Array.from({ length: words.number("count", 1) }, () => ({ kind, node }));
    case "campaign":
    case "read":
    case "ready":
    case "discard":
      return [{ kind, node }];
    case "unreachable":
      return [{ kind, node, peer: known(words.node()) }];
    case "propose":
      return [{ kind, node, command: words.number("command"), bytes: words.number("bytes", 4) }];
    case "persist":
      return [{ kind, node, count: words.count(), each: words.rest() === "each" }];
    case "lie":
    case "apply":
      return [{ kind, node, count: words.count() }];
    case "converge": {
      const members = [node];
      while (words.hasNode) members.push(known(words.node()));
      const bridge = words.number("bridge", none);
      return [{ kind, node, members, bridge, seed: words.number("seed", 1) }];
    }
    default:
      return words.fail(`unknown: ${kind}`);
  }
}

function parseDelivery(words: Words, known: (id: NodeId) => NodeId): Delivery {
  const text = words.rest();
  const from = known(words.node());
  words.oneOf(["->"]);
  const node = known(words.node());
  return { kind: "deliver", from, node, message: words.oneOf(messageKinds), text };
}

/** One line of text, word by word. */
class Words {
  readonly verb: string;
  readonly #line: number;
  readonly #words: string[];

  constructor(raw: string, line: number) {
    const [verb = "", ...words] = raw.trim().split(/\s+/);
    this.verb = verb.startsWith("#") ? "#" : verb;
    this.#line = line;
    this.#words = words;
  }

  get hasNode(): boolean {
    return /^n\d+$/.test(this.#words[0] ?? "");
  }

  /** All words that were not taken. */
  rest(): string {
    return this.#words.join(" ");
  }

  node(): NodeId {
    const word = this.#words.shift() ?? "";
    if (!/^n\d{1,4}$/.test(word)) this.fail(`not a node: ${word}`);
    return Number(word.slice(1));
  }

  oneOf<T extends string>(choices: readonly T[]): T {
    const word = this.#words.shift() ?? "";
    const choice = choices.find((candidate) => candidate === word);
    return choice ?? this.fail(`${this.verb} is one of ${choices.join(", ")}: got ${word}`);
  }

  /** `name=value`, anywhere in the rest. */
  number(name: string, fallback?: number): LogIndex {
    const offset = this.#words.findIndex((word) => word.startsWith(`${name}=`));
    const [word] = offset < 0 ? [] : this.#words.splice(offset, 1);
    const value = word === undefined ? fallback : Number(word.slice(name.length + 1));
    if (value === undefined || !Number.isSafeInteger(value) || value < 0) {
      return this.fail(`${this.verb} needs ${name}=<integer>`);
    }
    return value;
  }

  /** `count=…`, at least 1. */
  count(): number {
    return Math.max(1, this.number("count", 1));
  }

  options(): RaftOptions {
    const options: Record<string, number | boolean> = {};
    for (const word of this.#words) {
      const [name = "", value = ""] = word.split("=");
      if (!/^(\d+|true|false)$/.test(value)) this.fail(`not an option: ${word}`);
      options[name] = value === "true" || (value !== "false" && Number(value));
    }
    return options;
  }

  fail(what: string): never {
    throw new ScenarioError(this.#line, what);
  }
}
