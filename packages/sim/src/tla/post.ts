import type { EntryId } from "@quorate/core";
import { isRequest, type TlaSpoken } from "./numbering.ts";
import type { Place } from "./page.ts";
import type { TlaMessage } from "./tla-event.ts";

/** A Ready that a host took: in the specification, the moment at which all so far is durable and sent. */
export interface ReadyMark {
  readonly place: Place;
  /** What its node's disk holds once it is done. */
  readonly durable: Durable;
  /** Whether something that it sent took effect. */
  isNeeded: boolean;
}

/** What a node knows after a restart. */
export interface Durable {
  readonly term: number;
  readonly vote: number;
  readonly last: EntryId;
  readonly commitIndex: number;
}

/** A message that the specification has on its way. */
export interface Copy {
  readonly message: TlaMessage;
  readonly mark: ReadyMark;
  /** Where it was made, for one that asks for something. */
  readonly sending: Place | undefined;
}

/**
 * The messages on their way, as the specification counts them: each is received once. One that the network
 * repeats must have been sent twice, at the same place; an answer that it repeats is not in the trace.
 */
export class Post {
  readonly #waiting = new Map<string, Copy[]>();
  /** The last copy of each message that asks for something, received or not. */
  readonly #requests = new Map<string, Copy>();

  /** Puts a message on its way. */
  send(message: TlaSpoken, copy: Copy): void {
    const key = keyOf(message);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, [copy]);
    else waiting.push(copy);
    if (isRequest(message)) this.#requests.set(key, copy);
  }

  /** Takes a message that arrived off its way: of several that are alike, the oldest. */
  take(message: TlaSpoken): Copy | undefined {
    const key = keyOf(message);
    const copy = this.#waiting.get(key)?.shift() ?? this.#repeat(key);
    if (copy !== undefined) copy.mark.isNeeded = true;
    return copy;
  }

  #repeat(key: string): Copy | undefined {
    const copy = this.#requests.get(key);
    if (copy?.sending !== undefined) copy.sending.count += 1;
    return copy;
  }
}

/** Two messages with the same key are the same to the specification. */
function keyOf(message: TlaSpoken): string {
  const { kind, from, to, term } = message;
  const envelope = `${kind} ${from} ${to} ${term}`;
  switch (message.kind) {
    case "request-vote":
      return `${envelope} ${message.last.term}/${message.last.index}`;
    case "request-vote-response":
      return `${envelope} ${message.granted}`;
    case "append-entries": {
      const { prev, entries, commitIndex } = message;
      return `${envelope} ${prev.term}/${prev.index} ${entries.length} ${commitIndex}`;
    }
    case "append-entries-response":
      return `${envelope} ${message.matchIndex}`;
    case "append-entries-rejection":
      return `${envelope} ${message.prevIndex}`;
    case "heartbeat":
      return `${envelope} ${message.commitIndex}`;
    case "heartbeat-response":
      return envelope;
  }
}
