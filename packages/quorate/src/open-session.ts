import {
  openSession as openWith,
  type Proposer,
  type Session,
  type SessionOptions as OptionsWithClock,
} from "@quorate/runtime";
import { NodeClock } from "./node-clock.ts";

/** How a session behaves. */
export type SessionOptions = Omit<OptionsWithClock, "clock">;

/**
 * Opens a session at the group of `replica`, whose state machine must be one of `exactlyOnce`: its commands
 * are repeated where it cannot be known what became of them, and applied once all the same.
 *
 * Rejects as `propose` of a replica does. Repeat it whatever the error says: a session that nobody uses is
 * forgotten.
 */
export function openSession(replica: Proposer, options: SessionOptions = {}): Promise<Session> {
  return openWith(replica, { ...options, clock: new NodeClock() });
}
