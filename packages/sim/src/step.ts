import {
  type ConfChange,
  describeMessage,
  type LogIndex,
  type Message,
  type NodeId,
  none,
} from "@quorate/core";
import { changeText } from "./change-text.ts";
import { commandNumber } from "./command.ts";

/**
 * One thing that happens to one node, with every choice in it made: a run is a list of steps. The same
 * steps from the same start give the same run.
 */
export type Step =
  /**
   * The node starts from its disk. `seed` draws its timeouts; its state machine has what was applied
   * up to `appliedIndex`.
   */
  | {
      readonly kind: "start";
      readonly node: NodeId;
      readonly seed: number;
      readonly appliedIndex: LogIndex;
    }
  /** The power fails. Of the writes that are not certain to last, the first `kept` are on the disk. */
  | { readonly kind: "crash"; readonly node: NodeId; readonly kept: number }
  | { readonly kind: "tick"; readonly node: NodeId }
  | { readonly kind: "campaign"; readonly node: NodeId }
  /** The node's host reports that it lost the connection to `peer`. */
  | { readonly kind: "unreachable"; readonly node: NodeId; readonly peer: NodeId }
  /** A message that was sent arrives, perhaps not for the first time. Messages that never do are lost. */
  | { readonly kind: "deliver"; readonly node: NodeId; readonly message: Message }
  /** A client proposes command `command`, padded to `bytes` bytes. */
  | {
      readonly kind: "propose";
      readonly node: NodeId;
      readonly command: number;
      readonly bytes: number;
    }
  /** A client asks for a linearizable read. */
  | { readonly kind: "read"; readonly node: NodeId }
  /** The host takes a Ready: it sends what may be sent, and hands over what is to be written and applied. */
  | { readonly kind: "ready"; readonly node: NodeId }
  /** The host asks for a Ready and throws it away. */
  | { readonly kind: "discard"; readonly node: NodeId }
  /**
   * The disk reports the `count` oldest writes durable, in one notice or in one for `each`; what they
   * promised is sent.
   */
  | {
      readonly kind: "persist";
      readonly node: NodeId;
      readonly count: number;
      readonly each: boolean;
    }
  /** The disk reports the `count` oldest writes durable, and they are not: a defect of the disk. */
  | { readonly kind: "lie"; readonly node: NodeId; readonly count: number }
  /** The state machine applies the `count` oldest of the entries and snapshots that it was handed. */
  | { readonly kind: "apply"; readonly node: NodeId; readonly count: number }
  /**
   * The host takes a snapshot of all that is applied, and lets go of the entries that it stands for, but
   * for the last `kept`.
   */
  | { readonly kind: "compact"; readonly node: NodeId; readonly kept: number }
  /** The host is told whether the state of a snapshot that was sent to `peer` arrived. */
  | {
      readonly kind: "report";
      readonly node: NodeId;
      readonly peer: NodeId;
      readonly ok: boolean;
    }
  /** An operator proposes a change of the configuration. */
  | { readonly kind: "change"; readonly node: NodeId; readonly change: ConfChange }
  /** An operator has leadership handed over to a node, or for `none` to whoever is furthest. */
  | { readonly kind: "transfer"; readonly node: NodeId; readonly to: NodeId }
  /** The host makes its node stop leading. */
  | { readonly kind: "step-down"; readonly node: NodeId }
  /** The host makes its node forget whom it follows. */
  | { readonly kind: "forget-leader"; readonly node: NodeId };

/** Every kind of step. The order never changes: traces are hashed by it. */
export const stepKinds: readonly Step["kind"][] = [
  "start",
  "crash",
  "tick",
  "campaign",
  "unreachable",
  "deliver",
  "propose",
  "read",
  "ready",
  "discard",
  "persist",
  "lie",
  "apply",
  "compact",
  "report",
  "change",
  "transfer",
  "step-down",
  "forget-leader",
];

/** One step as one line. */
export function describeStep(step: Step): string {
  const who = `${step.kind} n${step.node}`;
  switch (step.kind) {
    case "start":
      return `${who} seed=${step.seed} applied=${step.appliedIndex}`;
    case "crash":
      return `${who} kept=${step.kept}`;
    case "unreachable":
      return `${who} n${step.peer}`;
    case "deliver":
      return `deliver ${nameMessage(step.message)}`;
    case "propose":
      return `${who} command=${step.command} bytes=${step.bytes}`;
    case "persist":
      return `${who} count=${step.count}${step.each ? " each" : ""}`;
    case "lie":
    case "apply":
      return `${who} count=${step.count}`;
    case "compact":
      return `${who} kept=${step.kept}`;
    case "report":
      return `${who} n${step.peer} ${step.ok ? "ok" : "failed"}`;
    case "change":
      return `${who} ${changeText(step.change)}`;
    case "transfer":
      return step.to === none ? who : `${who} n${step.to}`;
    default:
      return who;
  }
}

/** A message by its content: two of the same name, of the same run, say the same. */
export function nameMessage(message: Message): string {
  const text = describeMessage(message);
  if (message.kind !== "propose") return text;
  // Commands are not printable, and differ by their numbers alone.
  return text.replace(/\[.*\]$/, `[${message.commands.map(commandNumber).join(" ")}]`);
}
