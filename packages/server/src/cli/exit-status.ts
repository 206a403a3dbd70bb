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
  /** The command line cannot be carried out as it stands. */
  usage: 2,
  /** Nothing answered in time, and nothing was done. */
  unavailable: 3,
  /** A write was sent, and may or may not take effect. */
  unknown: 4,
  /** A history may or may not be right: the budget ran out. */
  undecided: 4,
} as const;

/** The exit status for a call of the client that failed. */
export function exitStatusOf(error: ApiError): number {
  if (error.outcome === "unknown") return exitStatus.unknown;
  return error.status === 400 || error.status === 413 ? exitStatus.usage : exitStatus.unavailable;
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
