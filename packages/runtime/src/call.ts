import { type NodeId, RaftError } from "@quorate/core";
import type { DeadlineKey, Expiring } from "./deadlines.ts";
import type { RequestId } from "./forwarding.ts";

/** Who waits for what a call brings. Called once. */
export type CallReply = (result: Uint8Array | RaftError) => void;

/** Why what a method does for a call is to end. */
export type CallEnd = "deadline" | "aborted" | "stopped";

/** What a method does for one call, until it replies. */
export interface Performance {
  /**
   * Nobody waits any longer: begin nothing more, and do not reply. Returns what to tell the caller;
   * undefined for the plain truth, that what was begun may yet take effect. `cause` is the caller's
   * reason, if it has one.
   */
  end(why: CallEnd, cause?: unknown): RaftError | undefined;
}

/**
 * What the leader does for a call with `payload`, within `timeoutMs` milliseconds. It may `reply` at
 * once or later, or throw a `RaftError`; after `not_leader`, `leader_not_ready`, `transferring` or
 * `disk_full`, which mean that nothing happened, the call is made again. Called while this node leads.
 */
export type Method = (payload: Uint8Array, timeoutMs: number, reply: CallReply) => Performance;

/**
 * Where a call is.
 *
 *     waiting ──this node leads──► performed ──reply──► settled
 *        ▲ └──────send──────────► forwarded ──result──►
 *        └──────── refused ───────────┘
 *
 * From `waiting` it may be given up and nothing happened.
 */
export type CallPlace =
  | { readonly kind: "waiting" }
  /** `performance` is undefined until the method has returned. */
  | { readonly kind: "performed"; performance: Performance | undefined }
  | { readonly kind: "forwarded"; readonly leader: NodeId; readonly requestId: RequestId }
  | { readonly kind: "settled" };

/** One accepted call that is not settled. */
export class Call implements Expiring {
  readonly method: number;
  readonly payload: Uint8Array;
  readonly reply: CallReply;
  /** Whether another node made it. Then it is performed or refused at once, and never waits. */
  readonly remote: boolean;
  /** When the caller stops waiting, on the replica's clock. */
  readonly deadlineAt: number;
  deadlineKey: DeadlineKey = 0;
  place: CallPlace = { kind: "waiting" };
  /** Why it was last refused, to be told if time runs out. */
  lastRefusal: RaftError | undefined = undefined;
  /** Stops listening to the caller's signal. */
  unlisten: (() => void) | undefined = undefined;
  readonly #onExpired: (call: Call) => void;

  constructor(
    onExpired: (call: Call) => void,
    { method, payload }: { readonly method: number; readonly payload: Uint8Array },
    reply: CallReply,
    remote: boolean,
    deadlineAt: number,
  ) {
    this.#onExpired = onExpired;
    this.method = method;
    this.payload = payload;
    this.reply = reply;
    this.remote = remote;
    this.deadlineAt = deadlineAt;
  }

  /** Its time is up. */
  onDeadline(): void {
    this.#onExpired(this);
  }
}

/** What to tell whoever made `call` when its deadline has passed; `leader` leads now. */
export function expiryOf(call: Call, leader: NodeId): RaftError {
  const { place, lastRefusal } = call;
  switch (place.kind) {
    case "waiting":
      return new RaftError("unavailable", "no leader took the call in time", {
        leader,
        ...(lastRefusal === undefined ? {} : { cause: lastRefusal }),
      });
    case "performed": {
      const told = place.performance?.end("deadline");
      if (told !== undefined) return told;
      break;
    }
    case "forwarded": {
      if (leader === place.leader) break;
      const lost = `node ${place.leader}, which was given the call, leads no more`;
      return new RaftError("leadership_lost", lost, { leader });
    }
    case "settled":
      break;
  }
  return new RaftError("deadline_exceeded", "the call was not done in time", { leader });
}

/** What to tell whoever made `call` and no longer wants it. */
export function abortOf({ place }: Call, cause: unknown): RaftError {
  switch (place.kind) {
    case "waiting":
      return new RaftError("unavailable", "aborted before a leader was given the call", { cause });
    case "performed": {
      const told = place.performance?.end("aborted", cause);
      if (told !== undefined) return told;
      break;
    }
    case "forwarded":
    case "settled":
      break;
  }
  return new RaftError("aborted", "aborted while the call was pending", { cause });
}
