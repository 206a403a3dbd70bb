import { RaftError, type RaftNode, type Ready } from "@quorate/core";
import type { FlightInput } from "./flight-input.ts";
import { digestOf } from "./ready-digest.ts";

/** What came of an input. */
export interface Played {
  /** The Ready that was handed out and is not accepted. */
  readonly ready: Ready | undefined;
  /** Why the core refused it; of commands, the first that it refused. */
  readonly refusal: RaftError | undefined;
  /** How the core did something else than was recorded, if it did. */
  readonly difference: string | undefined;
}

/** Tells `node`, which has handed out `ready`, what it was told. Throws what the core throws by a defect. */
export function playInput(node: RaftNode, ready: Ready | undefined, input: FlightInput): Played {
  switch (input.kind) {
    case "ready":
      return { ready: node.ready(), refusal: undefined, difference: undefined };
    case "accept":
      return accept(node, ready, input.digest);
    case "propose": {
      let refusal: RaftError | undefined;
      for (let each = 0; each < input.times; each++) {
        refusal ??= refusalOf(() => node.propose(input.command));
      }
      return { ready, refusal, difference: undefined };
    }
    default:
      return { ready, refusal: refusalOf(() => tell(node, input)), difference: undefined };
  }
}

function accept(node: RaftNode, ready: Ready | undefined, digest: number): Played {
  if (ready === undefined) {
    const difference = "a Ready was accepted that was not handed out";
    return { ready, refusal: undefined, difference };
  }
  const refusal = refusalOf(() => node.accept(ready));
  const difference =
    digestOf(ready) === digest
      ? undefined
      : `Ready ${ready.number} is not the one that was accepted`;
  return { ready: undefined, refusal, difference };
}

type Told = Exclude<FlightInput, { readonly kind: "accept" | "propose" }>;

function tell(node: RaftNode, input: Told): unknown {
  switch (input.kind) {
    case "ready":
      return node.ready();
    case "tick":
      return node.tick();
    case "step":
      return node.step(input.message);
    case "propose-change":
      return node.proposeChange(input.change);
    case "read-index":
      return node.readIndex();
    case "transfer-leadership":
      return node.transferLeadership(input.node);
    case "step-down":
      return node.stepDown();
    case "forget-leader":
      return node.forgetLeader();
    case "campaign":
      return node.campaign();
    case "report-unreachable":
      return node.reportUnreachable(input.node);
    case "report-snapshot":
      return node.reportSnapshot(input.node, input.ok);
    case "compact":
      return node.compact(input.snapshot, input.index);
    case "persisted":
      return node.persisted(input.number);
    case "applied":
      return node.applied(input.index);
  }
}

function refusalOf(work: () => unknown): RaftError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof RaftError) return error;
    throw error;
  }
}
