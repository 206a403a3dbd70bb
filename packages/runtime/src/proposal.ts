import { type LogIndex, type NodeId, RaftError, type RaftNode, type Term } from "@quorate/core";
import type { DeadlineKey, Expiring } from "./deadlines.ts";
import type { RequestId } from "./forwarding.ts";
import type { Applied } from "./replica.ts";

/** Who waits for a command's fate. Called once. */
export type Reply = (result: Applied | RaftError) => void;

/**
 * Where a command is.
 *
 *     waiting ──propose──► proposed ──applied──► settled
 *        ▲ └────send────► forwarded ──result──►
 *        └────refused─────────┘
 *
 * From `waiting` it may be given up and nothing happened. Once proposed or forwarded, giving up
 * leaves its fate unknown, and it is never handed over again unless it is known to be refused.
 */
export type Place =
  | { readonly kind: "waiting" }
  | { readonly kind: "proposed"; readonly index: LogIndex; readonly term: Term }
  | { readonly kind: "forwarded"; readonly leader: NodeId; readonly requestId: RequestId }
  | { readonly kind: "settled" };

/** Not handed over yet. */
export const waiting: Place = { kind: "waiting" };
/** Its fate was told. */
export const settled: Place = { kind: "settled" };

/** One accepted command whose fate is not known yet. */
export class Proposal implements Expiring {
  readonly command: Uint8Array;
  readonly reply: Reply;
  /** Whether another node handed it here. Then it is proposed or refused at once, and never waits. */
  readonly remote: boolean;
  /** When the caller stops waiting, on the replica's clock. */
  readonly deadlineAt: number;
  deadlineKey: DeadlineKey = 0;
  place: Place = waiting;
  /** Why it was last refused, to be told if time runs out. */
  lastRefusal: RaftError | undefined = undefined;
  /** Stops listening to the caller's signal. */
  unlisten: (() => void) | undefined = undefined;
  readonly #onExpired: (proposal: Proposal) => void;

  constructor(
    onExpired: (proposal: Proposal) => void,
    command: Uint8Array,
    reply: Reply,
    remote: boolean,
    deadlineAt: number,
  ) {
    this.#onExpired = onExpired;
    this.command = command;
    this.reply = reply;
    this.remote = remote;
    this.deadlineAt = deadlineAt;
  }

  /** Its time is up. */
  onDeadline(): void {
    this.#onExpired(this);
  }
}

/** What to tell whoever waits for `proposal` when its deadline has passed. */
export function expiryOf(proposal: Proposal, node: RaftNode): RaftError {
  const { place, lastRefusal } = proposal;
  const { leader } = node;
  switch (place.kind) {
    case "waiting":
      return new RaftError("unavailable", "no leader took the command in time", {
        leader,
        ...(lastRefusal === undefined ? {} : { cause: lastRefusal }),
      });
    case "proposed": {
      if (node.role === "leader" && node.term === place.term) break;
      const lost = `the leader of term ${place.term} was deposed before it knew the command's fate`;
      return new RaftError("leadership_lost", lost, { leader });
    }
    case "forwarded": {
      if (leader === place.leader) break;
      const lost = `node ${place.leader}, which was given the command, leads no more`;
      return new RaftError("leadership_lost", lost, { leader });
    }
    case "settled":
      break;
  }
  return new RaftError("deadline_exceeded", "the command was not applied in time", { leader });
}

/** What to tell whoever waits for `proposal` and no longer wants to. */
export function abortOf(proposal: Proposal, reason: unknown): RaftError {
  return proposal.place.kind === "waiting"
    ? new RaftError("unavailable", "aborted before a leader was given the command", {
        cause: reason,
      })
    : new RaftError("aborted", "aborted while the command was pending", { cause: reason });
}
