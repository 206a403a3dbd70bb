import type { Message, MessageKind, NodeId } from "@quorate/core";
import { Violation } from "./judge.ts";
import { demandLiveness } from "./liveness.ts";
import { calmPlan, type Plan } from "./plan.ts";
import { type Convergence, type Delivery, type Line, lineOf, type Scenario } from "./scenario.ts";
import type { SimNode } from "./sim-node.ts";
import { type Audience, Stage } from "./stage.ts";
import { nameMessage, type Step } from "./step.ts";
import { World } from "./world.ts";

/** How much a host does after one line, at most: a log is applied entry by entry after a start. */
const workCountMax = 100_000;

/** A message that was sent. */
interface Packet {
  readonly message: Message;
  readonly text: string;
  isDelivered: boolean;
}

/** What came of a scenario. */
export interface Played {
  /** What went wrong, or undefined. */
  readonly error: unknown;
  /** What happened: the lines that were possible, as they then read. */
  readonly lines: readonly Line[];
  readonly stage: Stage;
}

/** Plays a scenario to its end, or until something goes wrong. Lines that are not possible do nothing. */
export function play(scenario: Scenario, audience: Audience = {}): Played {
  const script = new Script(scenario, audience);
  let error: unknown;
  try {
    for (const line of scenario.lines) script.take(line);
  } catch (caught) {
    error = caught;
  }
  return { error, lines: script.lines, stage: script.stage };
}

/** Takes a scenario's lines on a stage, where nothing else happens. */
class Script {
  readonly stage: Stage;
  readonly lines: Line[] = [];
  readonly #auto: boolean;
  readonly #options: Scenario["cast"]["raft"];
  /** Every message that was sent, by link and kind. */
  readonly #packets = new Map<string, Packet[]>();

  constructor({ cast, auto }: Scenario, audience: Audience) {
    this.#auto = auto;
    this.#options = cast.raft;
    this.stage = new Stage(cast, audience);
    this.stage.onSent = (message) => this.#keep(message);
  }

  take(line: Line): void {
    if (line.kind === "converge") {
      this.lines.push(line);
      this.#converge(line);
      return;
    }
    const step = line.kind === "deliver" ? this.#delivery(line) : this.#possible(line);
    if (step === undefined) return;
    this.lines.push(lineOf(step));
    this.stage.take(step);
    if (this.#auto) this.#work(this.stage.node(step.node));
  }

  /** The step as far as it is possible now, or undefined. */
  #possible(step: Exclude<Step, { readonly kind: "deliver" }>): Step | undefined {
    const node = this.stage.node(step.node);
    if (step.kind === "start") {
      if (node.isUp) return undefined;
      const least = node.disk.snapshotIndex;
      const appliedIndex = Math.min(step.appliedIndex, node.durableAppliedIndex);
      return { ...step, appliedIndex: Math.max(least, appliedIndex) };
    }
    if (!node.isUp) return undefined;
    switch (step.kind) {
      case "crash":
        return { ...step, kept: Math.min(step.kept, node.disk.uncertain.length) };
      case "ready":
        return node.mayTakeReady ? step : undefined;
      case "persist":
      case "lie":
        if (node.writingCount === 0) return undefined;
        return { ...step, count: Math.min(step.count, node.writingCount) };
      case "compact":
        return node.maySnapshot ? step : undefined;
      case "apply":
        if (node.applyingCount === 0) return undefined;
        return { ...step, count: Math.min(step.count, node.applyingCount) };
      default:
        return step;
    }
  }

  /** The message that reads the same, new if possible; else the last of its kind that is on its way. */
  #delivery({ from, node, message: kind, text }: Delivery): Step | undefined {
    if (!this.stage.node(node).isUp) return undefined;
    const packets = this.#packets.get(key(from, node, kind)) ?? [];
    const packet =
      packets.findLast((other) => !other.isDelivered && other.text === text) ??
      packets.findLast((other) => other.text === text) ??
      packets.findLast((other) => !other.isDelivered);
    if (packet === undefined) return undefined;
    packet.isDelivered = true;
    return { kind: "deliver", node, message: packet.message };
  }

  /** Does all that a node's host has to do. */
  #work(node: SimNode): void {
    const { id } = node;
    let count = 0;
    while (node.isUp && (node.writingCount > 0 || node.applyingCount > 0 || node.hasReady)) {
      count += 1;
      if (count > workCountMax) throw new Violation("contract", `node ${id} never comes to rest`);
      if (node.writingCount > 0) {
        this.stage.take({ kind: "persist", node: id, count: node.writingCount, each: false });
      } else if (node.applyingCount > 0) {
        this.stage.take({ kind: "apply", node: id, count: node.applyingCount });
      } else {
        this.stage.take({ kind: "ready", node: id });
      }
    }
  }

  #converge(convergence: Convergence): void {
    const { stage } = this;
    const { seed, delayMax } = convergence;
    const calm = calmPlan(seed, stage.ids.length, this.#options);
    const plan: Plan = { ...calm, healing: { ...calm.healing, delayMax } };
    const { onSent } = stage;
    try {
      demandLiveness(new World(plan, { stage }), convergence);
    } finally {
      // The world took the messages over. What is sent from now on is the script's again.
      stage.onSent = onSent;
    }
  }

  #keep(message: Message): void {
    const name = key(message.from, message.to, message.kind);
    const packets = this.#packets.get(name) ?? [];
    this.#packets.set(name, packets);
    packets.push({ message, text: nameMessage(message), isDelivered: false });
  }
}

function key(from: NodeId, to: NodeId, kind: MessageKind): string {
  return `${from}>${to}>${kind}`;
}
