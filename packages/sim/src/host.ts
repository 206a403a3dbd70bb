import type { Message, RaftOptions } from "@quorate/core";
import type { Coverage } from "./coverage.ts";
import type { Flaw } from "./flaw.ts";
import type { Jury } from "./jury.ts";
import type { Door, MachineKind } from "./plan.ts";
import type { Trace } from "./trace.ts";

/** What a node's host needs of the world around it. */
export interface Surroundings {
  /** The options of all nodes. */
  readonly raft: RaftOptions;
  readonly jury: Jury;
  readonly coverage: Coverage;
  readonly trace: Trace;
  readonly flaw: Flaw;
  send(message: Message): void;
  /** A number for a read that no other read of the run has. */
  nextRead(): number;
}

/** What runs a node. */
export interface Host {
  readonly door: Door;
  readonly machine: MachineKind;
  /** Whether the node is no member at first, and waits to be added. */
  readonly joins: boolean;
}
