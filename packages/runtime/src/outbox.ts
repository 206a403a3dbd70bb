import { entryBytes, type Message, type NodeId } from "@quorate/core";
import { encodeBatch, encodeFrame } from "@quorate/wire";
import type { Network } from "./ports.ts";

/**
 * How many bytes of entries one frame carries at most, beyond its first message. Small enough that a
 * heartbeat behind it is not late, and that a follower writes one while the next is on its way.
 */
const frameBytesMax = 256 * 1024;

/** Gathers the messages of one turn and sends them as one frame for each peer. */
export class Outbox {
  readonly #network: Network;
  readonly #onUnreachable: (peer: NodeId) => void;
  readonly #onSent: (messages: readonly Message[]) => void;
  readonly #messages = new Map<NodeId, Message[]>();
  #messageCount = 0;

  /**
   * `onUnreachable` learns of every peer that a frame could not be sent to, and `onSent` of all that is
   * to be sent.
   */
  constructor(
    network: Network,
    onUnreachable: (peer: NodeId) => void,
    onSent: (messages: readonly Message[]) => void = () => {},
  ) {
    this.#network = network;
    this.#onUnreachable = onUnreachable;
    this.#onSent = onSent;
  }

  /** How many messages the network has taken. */
  get messageCount(): number {
    return this.#messageCount;
  }

  /** Adds messages, in order, to what is sent next. */
  add(messages: readonly Message[]): void {
    this.#onSent(messages);
    for (const message of messages) {
      const waiting = this.#messages.get(message.to);
      if (waiting === undefined) this.#messages.set(message.to, [message]);
      else waiting.push(message);
    }
  }

  /** Sends everything. */
  flush(): void {
    if (this.#messages.size === 0) return;
    const all = [...this.#messages];
    this.#messages.clear();
    for (const [to, messages] of all) {
      if (!this.#send(to, messages)) this.#onUnreachable(to);
    }
  }

  #send(to: NodeId, messages: readonly Message[]): boolean {
    let start = 0;
    let bytes = 0;
    for (const [offset, message] of messages.entries()) {
      const size = messageBytes(message);
      if (offset > start && bytes + size > frameBytesMax) {
        if (!this.#sendFrame(to, messages.slice(start, offset))) return false;
        start = offset;
        bytes = 0;
      }
      bytes += size;
    }
    return this.#sendFrame(to, start === 0 ? messages : messages.slice(start));
  }

  #sendFrame(to: NodeId, messages: readonly Message[]): boolean {
    const isTaken = this.#network.send(to, encodeFrame("raft", encodeBatch(messages)));
    if (isTaken) this.#messageCount += messages.length;
    return isTaken;
  }
}

/** What an envelope counts for, in bytes: more than any without entries takes. */
const envelopeBytes = 64;

function messageBytes(message: Message): number {
  if (message.kind !== "append-entries") return envelopeBytes;
  return message.entries.reduce((sum, entry) => sum + entryBytes(entry), envelopeBytes);
}
