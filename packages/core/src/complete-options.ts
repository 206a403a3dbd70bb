import { RaftError } from "./errors.ts";
import { isSafe, type NodeId } from "./ids.ts";
import type { InflightLimits } from "./inflights.ts";
import type { RaftOptions } from "./options.ts";

/** The options of a node, every one decided; what a node starts from stands apart. */
export interface CompleteOptions {
  readonly electionTimeoutTicks: number;
  readonly heartbeatTicks: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly leaseReads: boolean;
  readonly campaignDelayTicks: number;
  readonly forwardProposals: boolean;
  readonly commandBytesMax: number;
  readonly messageBytesMax: number;
  readonly applyBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly inflight: InflightLimits;
  readonly pendingReadCountMax: number;
  readonly seed: number;
}

const kibi = 1024;
const mebi = 1024 * kibi;

/** Fills in the defaults. Throws `invalid_options` for a value of the wrong type or range. */
export function completeOptions(id: NodeId, options: RaftOptions): CompleteOptions {
  const complete: CompleteOptions = {
    electionTimeoutTicks: atLeast(1, "electionTimeoutTicks", options.electionTimeoutTicks ?? 10),
    heartbeatTicks: atLeast(1, "heartbeatTicks", options.heartbeatTicks ?? 1),
    preVote: flag("preVote", options.preVote ?? true),
    checkQuorum: flag("checkQuorum", options.checkQuorum ?? true),
    leaseReads: flag("leaseReads", options.leaseReads ?? false),
    campaignDelayTicks: atLeast(0, "campaignDelayTicks", options.campaignDelayTicks ?? 0),
    forwardProposals: flag("forwardProposals", options.forwardProposals ?? false),
    commandBytesMax: atLeast(1, "commandBytesMax", options.commandBytesMax ?? 4 * mebi),
    messageBytesMax: atLeast(1, "messageBytesMax", options.messageBytesMax ?? 256 * kibi),
    applyBytesMax: atLeast(1, "applyBytesMax", options.applyBytesMax ?? 4 * mebi),
    uncommittedBytesMax: atLeast(
      1,
      "uncommittedBytesMax",
      options.uncommittedBytesMax ?? 64 * mebi,
    ),
    inflight: {
      countMax: atLeast(1, "inflightCountMax", options.inflightCountMax ?? 256),
      bytesMax: atLeast(1, "inflightBytesMax", options.inflightBytesMax ?? 16 * mebi),
    },
    pendingReadCountMax: atLeast(
      1,
      "pendingReadCountMax",
      options.pendingReadCountMax ?? 64 * kibi,
    ),
    seed: atLeast(0, "seed", options.seed ?? id),
  };
  const { electionTimeoutTicks, heartbeatTicks } = complete;
  if (electionTimeoutTicks <= heartbeatTicks) {
    throw new RaftError(
      "invalid_options",
      `electionTimeoutTicks must exceed heartbeatTicks: got ${electionTimeoutTicks} and ${heartbeatTicks}`,
    );
  }
  if (complete.leaseReads && !complete.checkQuorum) {
    throw new RaftError("invalid_options", "leaseReads needs checkQuorum");
  }
  return complete;
}

function atLeast(least: number, name: string, value: number): number {
  if (isSafe(value) && value >= least) return value;
  throw new RaftError(
    "invalid_options",
    `${name} must be an integer of at least ${least}: got ${value}`,
  );
}

function flag(name: string, value: boolean): boolean {
  if (typeof value === "boolean") return value;
  throw new RaftError("invalid_options", `${name} must be true or false: got ${String(value)}`);
}
