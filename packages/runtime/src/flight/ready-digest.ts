import type { Message, Ready } from "@quorate/core";

/**
 * A number in `[0, 2^32)` that says whether two Readys of one node are alike: who is sent which messages,
 * what is written, applied and read, and how far all that goes. It costs little enough for every one.
 */
export function digestOf(ready: Ready): number {
  const { number, hardState, entries, committed, snapshot, reads } = ready;
  let sum = mixed(0, number);
  for (const message of ready.messages) sum = messageDigest(sum, message);
  for (const message of ready.messagesAfterPersist) sum = messageDigest(sum, message);
  sum = mixed(sum, snapshot?.index ?? 0);
  if (hardState !== undefined) {
    sum = mixed(mixed(mixed(sum, hardState.term), hardState.vote), hardState.commitIndex);
  }
  const last = entries.at(-1);
  sum = mixed(mixed(sum, entries.length), last?.index ?? 0);
  sum = mixed(mixed(sum, last?.term ?? 0), ready.mustSync ? 1 : 0);
  sum = mixed(mixed(sum, committed.length), committed.at(-1)?.index ?? 0);
  return mixed(mixed(sum, reads.length), reads.at(-1)?.index ?? 0) >>> 0;
}

function messageDigest(sum: number, message: Message): number {
  const { kind, to, term } = message;
  const head = mixed(mixed(mixed(sum, kind.length), to), term);
  switch (kind) {
    case "append-entries":
      return mixed(mixed(head, message.prev.index + message.entries.length), message.commitIndex);
    case "append-entries-response":
      return mixed(head, message.matchIndex);
    case "heartbeat":
      return mixed(mixed(head, message.commitIndex), message.readRound);
    default:
      return head;
  }
}

/** FNV-1a over the low 32 bits of numbers: of terms and indexes that grow, these are what differs. */
function mixed(sum: number, value: number): number {
  return Math.imul(sum ^ value, 0x01000193);
}
