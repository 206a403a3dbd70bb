import type { Message, NodeId } from "@quorate/core";

/**
 * What can happen next. An `incarnation` names the run of a node that the event belongs to: it is
 * void once that run has ended.
 */
export type Event =
  | { readonly kind: "tick"; readonly node: NodeId }
  | { readonly kind: "deliver"; readonly message: Message; readonly order: number }
  /** The host of a node asks it what to do. */
  | { readonly kind: "ready"; readonly node: NodeId; readonly incarnation: number }
  /** Some writes of a node have reached its disk. */
  | { readonly kind: "disk"; readonly node: NodeId; readonly incarnation: number }
  /** A state machine is ready to take in entries. */
  | { readonly kind: "apply"; readonly node: NodeId; readonly incarnation: number }
  /** A host notices that it lost its connection. */
  | { readonly kind: "unreachable"; readonly node: NodeId; readonly peer: NodeId }
  /** A host is told what became of the state of a snapshot that it sent. */
  | {
      readonly kind: "report";
      readonly node: NodeId;
      readonly peer: NodeId;
      readonly ok: boolean;
      readonly incarnation: number;
    }
  | { readonly kind: "client" }
  /** An operator changes who takes part, or who leads. */
  | { readonly kind: "operator" }
  | { readonly kind: "fault" }
  | { readonly kind: "heal" }
  /** What was stuck on a link comes all at once. */
  | { readonly kind: "unclog"; readonly from: NodeId; readonly to: NodeId }
  | { readonly kind: "restart"; readonly node: NodeId }
  | { readonly kind: "resume"; readonly node: NodeId }
  | { readonly kind: "clock-mended"; readonly node: NodeId }
  | { readonly kind: "disk-mended"; readonly node: NodeId };

/** Which node an event happens to; undefined for what happens to the world. */
export function receiverOf(event: Event): NodeId | undefined {
  switch (event.kind) {
    case "deliver":
      return event.message.to;
    case "tick":
    case "ready":
    case "disk":
    case "apply":
    case "unreachable":
    case "report":
      return event.node;
    default:
      return undefined;
  }
}
