import { type NodeId, none, RaftError, RaftNode, type RaftOptions } from "@quorate/core";
import { parseChange } from "./change-text.ts";
import { type Flaw, flaws } from "./flaw.ts";
import { messageKinds } from "./message-kind.ts";
import type { Door, MachineKind } from "./plan.ts";
import {
  type Convergence,
  type Delivery,
  type Line,
  type Scenario,
  usualDelayMax,
} from "./scenario.ts";
import type { Host } from "./host.ts";
import type { Step } from "./step.ts";
import { ScenarioError, Words } from "./words.ts";

/** How many lines a scenario has at most, each tick counted, and how many nodes. */
const lineCountMax = 1_000_000;
const nodeCountMax = 99;

/** How large a command is at most, in bytes, and its number. */
const commandBytesMax = 2 ** 24;
const commandNumberMax = 2 ** 32 - 1;

/** How long a message travels at most, in units: with more, nothing ever converges. */
const delayUnitsMax = 10_000;

const doors: readonly Door[] = ["simple", "pipelined"];
const machines: readonly MachineKind[] = ["memory", "durable"];

/** Reads what `printScenario` writes. Throws `ScenarioError`. */
export function parseScenario(text: string): Scenario {
  const head = new Head();
  const comments: string[] = [];
  const lines: Line[] = [];
  const rows = text.split("\n");
  for (const [offset, row] of rows.entries()) {
    const words = new Words(row, offset + 1);
    if (words.verb === "#") comments.push(words.text);
    else if (words.verb !== "" && !head.take(words, lines.length > 0)) {
      for (const line of parseLine(words, head.hosts.length)) lines.push(line);
      if (lines.length > lineCountMax) words.fail(`more than ${lineCountMax} steps`);
    }
  }
  return { comments, ...head.end(rows.length), lines };
}

/** What stands before the first step: who takes part, and how. */
class Head {
  readonly hosts: Host[] = [];
  #raft: RaftOptions = {};
  #flaw: Flaw = "none";
  #auto = false;
  #expect: string | undefined;
  readonly #said = new Set<string>();

  /** Takes a line if it belongs to the head, which is over once the play `hasBegun`. */
  take(words: Words, hasBegun: boolean): boolean {
    const { verb } = words;
    switch (verb) {
      case "level":
        words.oneOf(["core"]);
        break;
      case "raft":
        this.#raft = parseOptions(words);
        break;
      case "node":
        this.#addHost(words);
        break;
      case "flaw":
        this.#flaw = words.oneOf(flaws);
        break;
      case "host":
        this.#auto = words.oneOf(["auto"]) === "auto";
        break;
      case "expect":
        this.#expect = words.text;
        break;
      default:
        return false;
    }
    if (verb !== "expect") words.end();
    if (hasBegun) words.fail(`${verb} stands before the first step`);
    if (verb !== "node" && this.#said.has(verb)) words.fail(`${verb} is said twice`);
    this.#said.add(verb);
    return true;
  }

  #addHost(words: Words): void {
    const count = this.hosts.length + 1;
    if (words.node() !== count) words.fail("nodes are numbered from n1 on");
    if (count > nodeCountMax) words.fail(`more than ${nodeCountMax} nodes`);
    const [door, machine] = [words.oneOf(doors), words.oneOf(machines)];
    this.hosts.push({ door, machine, joins: words.maybe("joins") });
  }

  /** All that was said, of which some must be. `line` is the last of the text. */
  end(line: number): Pick<Scenario, "cast" | "auto" | "expect"> {
    const expect = this.#expect ?? "";
    if (this.hosts.length === 0) throw new ScenarioError(line, "a scenario names its nodes");
    if (expect === "") throw new ScenarioError(line, "a scenario says what it expects");
    const cast = { hosts: this.hosts, raft: this.#raft, flaw: this.#flaw };
    return { cast, auto: this.#auto, expect };
  }
}

/** The options that a scenario may name: all but those that every start gives anew. */
const optionNames: Readonly<
  Record<Exclude<keyof RaftOptions, "seed" | "storage" | "appliedIndex">, true>
> = {
  electionTimeoutTicks: true,
  heartbeatTicks: true,
  preVote: true,
  checkQuorum: true,
  leaseReads: true,
  campaignDelayTicks: true,
  forwardProposals: true,
  commandBytesMax: true,
  messageBytesMax: true,
  applyBytesMax: true,
  uncommittedBytesMax: true,
  inflightCountMax: true,
  inflightBytesMax: true,
  pendingReadCountMax: true,
};

function parseOptions(words: Words): RaftOptions {
  const options: Record<string, number | boolean> = {};
  for (const [name, value] of words.pairs()) {
    if (!Object.hasOwn(optionNames, name)) words.fail(`there is no option ${name}`);
    if (Object.hasOwn(options, name)) words.fail(`${name} is said twice`);
    if (!/^(\d+|true|false)$/.test(value)) words.fail(`not an option: ${name}=${value}`);
    options[name] = value === "true" || (value !== "false" && Number(value));
  }
  try {
    // Whether the values are right, and go together, is the node's to say.
    const node = new RaftNode(1, [], options);
    node.check();
  } catch (error) {
    words.fail(error instanceof RaftError ? error.message : String(error));
  }
  return options;
}

/** Checks that a node takes part. */
type Known = (id: NodeId) => NodeId;

function parseLine(words: Words, nodeCount: number): readonly Line[] {
  const known = (id: NodeId): NodeId => {
    if (id < 1 || id > nodeCount) words.fail(`there is no node n${id}`);
    return id;
  };
  if (words.verb === "deliver") return [parseDelivery(words, known)];
  if (words.verb === "converge") return [parseConvergence(words, known)];
  const step = parseStep(words, known);
  const count =
    step.kind === "tick" ? words.number("count", { fallback: 1, most: lineCountMax }) : 1;
  words.end();
  return Array.from({ length: count }, () => step);
}

function parseStep(words: Words, known: Known): Exclude<Step, { readonly kind: "deliver" }> {
  const kind = words.verb;
  switch (kind) {
    case "tick":
    case "campaign":
    case "read":
    case "ready":
    case "discard":
    case "step-down":
    case "forget-leader":
      return { kind, node: known(words.node()) };
    case "start": {
      const node = known(words.node());
      const appliedIndex = words.number("applied", { fallback: 0 });
      return { kind, node, seed: words.number("seed"), appliedIndex };
    }
    case "crash":
      return { kind, node: known(words.node()), kept: words.number("kept", { fallback: 0 }) };
    case "unreachable":
      return { kind, node: known(words.node()), peer: known(words.node()) };
    case "propose": {
      const node = known(words.node());
      const command = words.number("command", { most: commandNumberMax });
      const bytes = words.number("bytes", { fallback: 4, most: commandBytesMax });
      return { kind, node, command, bytes };
    }
    case "persist":
      return { kind, node: known(words.node()), count: countOf(words), each: words.maybe("each") };
    case "lie":
    case "apply":
      return { kind, node: known(words.node()), count: countOf(words) };
    case "compact":
      return { kind, node: known(words.node()), kept: words.number("kept", { fallback: 0 }) };
    case "report": {
      const [node, peer] = [known(words.node()), known(words.node())];
      return { kind, node, peer, ok: words.oneOf(["ok", "failed"]) === "ok" };
    }
    case "change":
      return { kind, node: known(words.node()), change: parseChange(words, known) };
    case "transfer": {
      const node = known(words.node());
      return { kind, node, to: words.hasNode ? known(words.node()) : none };
    }
    default:
      return words.fail(`unknown: ${kind}`);
  }
}

function countOf(words: Words): number {
  return Math.max(1, words.number("count", { fallback: 1 }));
}

function parseDelivery(words: Words, known: Known): Delivery {
  const { text } = words;
  const from = known(words.node());
  words.oneOf(["->"]);
  const node = known(words.node());
  return { kind: "deliver", from, node, message: words.oneOf(messageKinds), text };
}

function parseConvergence(words: Words, known: Known): Convergence {
  const node = known(words.node());
  const members = [node];
  while (words.hasNode) members.push(known(words.node()));
  if (new Set(members).size < members.length) words.fail("a member is named twice");
  const bridge = words.number("bridge", { fallback: none });
  const isMember = bridge === none || members.includes(bridge);
  if (!isMember) words.fail(`the bridge n${bridge} is no member`);
  const seed = words.number("seed", { fallback: 1 });
  const delayMax = words.number("delay", { fallback: usualDelayMax, most: delayUnitsMax });
  words.end();
  return { kind: "converge", node, members, bridge, seed, delayMax };
}
