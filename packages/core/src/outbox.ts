import type { Message } from "./message.ts";
import type { Ready, ReadState } from "./ready.ts";

/**
 * What a node has to say and has not handed out yet. Only ever added to, until a Ready that holds it
 * is accepted. Appends are not here: they follow from the progress of each follower.
 */
export class Outbox {
  messages: Message[] = [];
  /** Messages that promise something about this node's disk. */
  messagesAfterPersist: Message[] = [];
  reads: ReadState[] = [];

  get isEmpty(): boolean {
    return (
      this.messages.length === 0 &&
      this.messagesAfterPersist.length === 0 &&
      this.reads.length === 0
    );
  }

  /** An equal outbox that goes its own way from here. */
  copy(): Outbox {
    return Outbox.fromImage(this);
  }

  /** An outbox of what `image` holds. */
  static fromImage(image: OutboxImage): Outbox {
    const outbox = new Outbox();
    outbox.messages = image.messages.slice();
    outbox.messagesAfterPersist = image.messagesAfterPersist.slice();
    outbox.reads = image.reads.slice();
    return outbox;
  }

  /** Forgets what was handed out: the first of each kind. */
  drop(counts: { messages: number; messagesAfterPersist: number; reads: number }): void {
    this.messages = without(this.messages, counts.messages);
    this.messagesAfterPersist = without(this.messagesAfterPersist, counts.messagesAfterPersist);
    this.reads = without(this.reads, counts.reads);
  }
}

/** An outbox as a plain value. */
export interface OutboxImage {
  readonly messages: readonly Message[];
  readonly messagesAfterPersist: readonly Message[];
  readonly reads: readonly ReadState[];
}

/** A list without its first `count`. */
function without<T>(list: T[], count: number): T[] {
  if (count === 0) return list;
  return count === list.length ? [] : list.slice(count);
}

/** An accepted Ready that is not reported durable yet, and those after it that have nothing to write. */
export interface Pending {
  readonly number: number;
  /** The last of those that have nothing to write, or `number`. */
  readonly lastNumber: number;
  readonly hardState: Ready["hardState"];
}

/** A Ready that was handed out and not accepted yet, with where it came from. */
export interface Offer {
  readonly ready: Ready;
  /** How many of `ready.messages` came from the outbox; the others are appends. */
  readonly outboxCount: number;
}
