import { nameFailure } from "../shrink.ts";
import { AppDefect } from "./one-log.ts";
import { WholeLivenessFailure } from "./whole-liveness.ts";

/** Names a failure, so that another run can be said to fail in the same way. */
export function nameWholeFailure(error: Error): string {
  if (error instanceof WholeLivenessFailure) return `liveness ${error.stall}`;
  if (error instanceof AppDefect) return "app";
  return nameFailure(error);
}
