import { RaftError } from "@quorate/core";

/** What a node lets a client do, or why not. */
export type Answer =
  | "done"
  | "not_leader"
  | "is_leader"
  | "lease_promised"
  | "leader_not_ready"
  | "busy"
  | "too_large"
  | "transferring"
  | "change_pending"
  | "invalid_change"
  | "invalid_argument";

/** Makes a call that may be refused. */
export function attempt(call: () => void): Answer {
  try {
    call();
    return "done";
  } catch (error) {
    const answer = answerOf(error);
    if (answer === undefined) throw error;
    return answer;
  }
}

/** The refusals that a caller must be ready for. */
export function answerOf(error: unknown): Answer | undefined {
  if (!(error instanceof RaftError)) return undefined;
  switch (error.code) {
    case "not_leader":
    case "is_leader":
    case "lease_promised":
    case "leader_not_ready":
    case "busy":
    case "too_large":
    case "transferring":
    case "change_pending":
    case "invalid_change":
    case "invalid_argument":
      return error.code;
    default:
      return undefined;
  }
}
