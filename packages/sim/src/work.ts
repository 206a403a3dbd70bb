import type { Entry, LogIndex, Ready, Snapshot } from "@quorate/core";

/** What a state machine is handed: an entry, or a snapshot to begin anew from. */
export type Work = Entry | Restoration;

/** A snapshot that takes the place of all that a state machine had. */
export interface Restoration {
  readonly kind: "restoration";
  readonly index: LogIndex;
  readonly snapshot: Snapshot;
}

/** What a Ready hands to the state machine, in order. */
export function workOf({ snapshot, committed }: Ready): readonly Work[] {
  if (snapshot === undefined) return committed;
  return [{ kind: "restoration", index: snapshot.index, snapshot }, ...committed];
}

/** Whether a Ready has nothing to do. */
export function isEmpty(ready: Ready): boolean {
  const { messages, messagesAfterPersist, entries, hardState, snapshot, committed, reads } = ready;
  if (hardState !== undefined || snapshot !== undefined) return false;
  if (entries.length > 0 || committed.length > 0 || reads.length > 0) return false;
  return messages.length === 0 && messagesAfterPersist.length === 0;
}
