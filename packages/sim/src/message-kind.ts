import type { MessageKind } from "@quorate/core";

/** Every kind of message. The order never changes: traces are hashed by it. */
export const messageKinds: readonly MessageKind[] = [
  "pre-vote",
  "pre-vote-response",
  "request-vote",
  "request-vote-response",
  "append-entries",
  "append-entries-response",
  "append-entries-rejection",
  "heartbeat",
  "heartbeat-response",
  "propose",
  "read-index",
  "read-index-response",
  "install-snapshot",
  "timeout-now",
];
