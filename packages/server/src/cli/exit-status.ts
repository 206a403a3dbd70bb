import type { ApiError } from "../api-error.ts";

/** What the process tells the shell. Stable: scripts rely on it. */
export const exitStatus = {
  ok: 0,
  /** Answered: the key has no value. */
  notFound: 1,
  /** A server stopped by itself. */
  failed: 1,
  /** A history contradicts its model. */
  illegal: 1,
  /** A replay does not do what was recorded. */
  differs: 1,
  /** Answered: the group refuses, as it is now. Nothing was done. */
  refused: 1,
  /** The command line cannot be carried out as it stands. */
  usage: 2,
  /** Nothing answered in time, and nothing was done. */
  unavailable: 3,
  /** A write was sent, and may or may not take effect. */
  unknown: 4,
  /** A history may or may not be right: the budget ran out. */
  undecided: 4,
  /** A server stopped because its node was removed from the group, for good. */
  removed: 5,
} as const;

/** The exit status for a call of the client that failed. */
export function exitStatusOf(error: ApiError): number {
  if (error.outcome === "unknown") return exitStatus.unknown;
  switch (error.status) {
    case 400:
    case 401:
    case 403:
    case 413:
    case 422:
      return exitStatus.usage;
    case 404:
    case 409:
    case 412:
      return exitStatus.refused;
    default:
      return exitStatus.unavailable;
  }
}

/** Ends the command with a message for the user. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly status: number;

  constructor(message: string, status: number = exitStatus.usage) {
    super(message);
    this.status = status;
  }
}
