import {
  type ConfChange,
  decodeConfChange,
  describeConfState,
  describeMessage,
  type LogIndex,
  type Message,
  type NodeId,
  type Snapshot,
} from "@quorate/core";
import { decodeSnapshot } from "@quorate/wire";
import { codes } from "./input-code.ts";
import { readMessage } from "./message-code.ts";
import type { OlderEntries } from "./older-entries.ts";
import { malformed, type TapeReader } from "./tape-reader.ts";
import { paddedMax } from "./tape-writer.ts";

/** One thing that a core was told. */
export type FlightInput =
  | { readonly kind: "tick" | "read-index" | "step-down" | "forget-leader" | "campaign" | "ready" }
  | { readonly kind: "step"; readonly message: Message }
  /** `times` commands as long as `command`, which holds nothing, were proposed one after the other. */
  | { readonly kind: "propose"; readonly command: Uint8Array; readonly times: number }
  | { readonly kind: "propose-change"; readonly change: ConfChange }
  | { readonly kind: "transfer-leadership" | "report-unreachable"; readonly node: NodeId }
  | { readonly kind: "report-snapshot"; readonly node: NodeId; readonly ok: boolean }
  | { readonly kind: "compact"; readonly snapshot: Snapshot; readonly index: LogIndex }
  /** `digest` says what the Ready was that was accepted. */
  | { readonly kind: "accept"; readonly digest: number }
  | { readonly kind: "persisted"; readonly number: number }
  | { readonly kind: "applied"; readonly index: LogIndex };

/**
 * The next input, or undefined for what only tells lengths to `older`. Entries of messages are passed over
 * if `isBuilt` is false. Throws `malformed`.
 */
export function readInput(
  tape: TapeReader,
  isBuilt: boolean,
  older: OlderEntries,
): FlightInput | undefined {
  const code = tape.number();
  switch (code) {
    case codes.tick:
      return { kind: "tick" };
    case codes.step:
      return { kind: "step", message: readMessage(tape, isBuilt) };
    case codes.propose:
      return readPropose(tape);
    case codes.proposeChange:
      return { kind: "propose-change", change: decodeConfChange(tape.bytes()).change };
    case codes.readIndex:
      return { kind: "read-index" };
    case codes.transferLeadership:
      return { kind: "transfer-leadership", node: tape.number() };
    case codes.stepDown:
      return { kind: "step-down" };
    case codes.forgetLeader:
      return { kind: "forget-leader" };
    case codes.campaign:
      return { kind: "campaign" };
    case codes.reportUnreachable:
      return { kind: "report-unreachable", node: tape.number() };
    case codes.reportSnapshot:
      return { kind: "report-snapshot", node: tape.number(), ok: tape.flag() };
    case codes.compact:
      return { kind: "compact", snapshot: decodeSnapshot(tape.bytes()), index: tape.number() };
    case codes.ready:
      return { kind: "ready" };
    case codes.accept:
      return { kind: "accept", digest: tape.number() };
    case codes.persisted:
      return { kind: "persisted", number: tape.number() };
    case codes.applied:
      return { kind: "applied", index: tape.number() };
    case codes.lengths:
      older.learn(tape);
      return undefined;
    default:
      throw malformed(`an input of kind ${code}`);
  }
}

function readPropose(tape: TapeReader): FlightInput {
  const command = tape.blank(tape.length());
  const times = tape.number();
  if (times < 1 || times > paddedMax) throw malformed(`${times} commands at once`);
  return { kind: "propose", command, times };
}

/** An input as one line. */
export function describeInput(input: FlightInput): string {
  switch (input.kind) {
    case "step":
      return describeMessage(input.message);
    case "propose": {
      const { command, times } = input;
      return times === 1
        ? `propose ${command.length} bytes`
        : `propose ${times} times ${command.length} bytes`;
    }
    case "propose-change":
      return `propose-change ${describeChange(input.change)}`;
    case "transfer-leadership":
    case "report-unreachable":
      return `${input.kind} ${input.node === 0 ? "-" : `n${input.node}`}`;
    case "report-snapshot":
      return `report-snapshot n${input.node} ${input.ok ? "arrived" : "given up"}`;
    case "compact": {
      const { snapshot, index } = input;
      const at = `${snapshot.term}/${snapshot.index}`;
      return `compact to=${index} snapshot=${at} ${describeConfState(snapshot.confState)}`;
    }
    case "persisted":
      return `persisted ${input.number}`;
    case "applied":
      return `applied ${input.index}`;
    default:
      return input.kind;
  }
}

function describeChange({ transition, changes }: ConfChange): string {
  const steps = changes.map(({ kind, id }) => `${kind} n${id}`).join(", ");
  return `${transition} [${steps}]`;
}
