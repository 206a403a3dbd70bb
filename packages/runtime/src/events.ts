import { type NodeId, none } from "@quorate/core";
import type { Clock } from "./ports.ts";
import type { ReplicaEvent } from "./replica-event.ts";

/** How long after one `message-refused` event of a peer the next is held back, in milliseconds. */
const refusalMs = 1000;

/** Tells the subscribers of a replica what happens to it. */
export class Events {
  readonly #clock: Clock;
  readonly #isMember: (id: NodeId) => boolean;
  readonly #listeners = new Set<(event: ReplicaEvent) => void>();
  /** When refusals of the last moment were told, the oldest first: by member, `none` for all others. */
  readonly #refusedAt = new Map<NodeId, number>();
  readonly #counts = new Map<ReplicaEvent["kind"], number>();

  /** `isMember` tells members from others, who may come under any name. */
  constructor(clock: Clock, isMember: (id: NodeId) => boolean) {
    this.#clock = clock;
    this.#isMember = isMember;
  }

  /** Calls `listener` on every event until the returned function is called. */
  subscribe(listener: (event: ReplicaEvent) => void): () => void {
    // A function of its own, so that a listener subscribed twice is called twice.
    const subscriber = (event: ReplicaEvent): void => listener(event);
    this.#listeners.add(subscriber);
    return () => {
      this.#listeners.delete(subscriber);
    };
  }

  /** How many events of `kind` there were. */
  countOf(kind: ReplicaEvent["kind"]): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** Tells everyone. What a listener throws surfaces on its own, outside the replica. */
  emit(event: ReplicaEvent): void {
    this.#counts.set(event.kind, this.countOf(event.kind) + 1);
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.#clock.defer(() => {
          throw error;
        });
      }
    }
  }

  /**
   * Tells that something from `peer` was dropped, unless the last such event is too recent: of this member,
   * or of anybody who is none.
   */
  refuse(peer: NodeId, error: Error): void {
    const now = this.#clock.now();
    const name = this.#isMember(peer) ? peer : none;
    const last = this.#refusedAt.get(name);
    if (last !== undefined && now - last < refusalMs) return;
    for (const [told, at] of this.#refusedAt) {
      if (now - at < refusalMs) break;
      this.#refusedAt.delete(told);
    }
    this.#refusedAt.set(name, now);
    this.emit({ kind: "message-refused", peer, error });
  }
}
