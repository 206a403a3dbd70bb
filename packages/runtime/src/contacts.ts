import { type ConfState, isMember, membersOf, type NodeId } from "@quorate/core";
import type { PeerContact } from "./observations.ts";
import type { Clock } from "./ports.ts";

/** One node that this one has, had, or tries to have a connection to. */
interface Contact {
  connected: boolean;
  sinceMs: number;
  lostReason: string | undefined;
  heardAtMs: number | undefined;
}

/** Who is connected, who was and why not any more, and when each was last heard. */
export class Contacts {
  readonly #clock: Clock;
  readonly #startedMs: number;
  /** Members, and others as long as they are connected. */
  readonly #contacts = new Map<NodeId, Contact>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.now();
  }

  /** Whom this node is connected to, by id. */
  get connected(): readonly NodeId[] {
    const connected = [...this.#contacts].filter(([, contact]) => contact.connected);
    return connected.map(([id]) => id).sort((a, b) => a - b);
  }

  /** For how long this node has been running, in milliseconds. */
  get runningMs(): number {
    return this.#clock.now() - this.#startedMs;
  }

  isConnected(peer: NodeId): boolean {
    return this.#contacts.get(peer)?.connected === true;
  }

  onConnected(peer: NodeId): void {
    const contact = this.#of(peer);
    contact.connected = true;
    contact.sinceMs = this.#clock.now();
    contact.lostReason = undefined;
  }

  /** The connection to `peer` was lost. It is remembered if it is one of `members`. */
  onDisconnected(peer: NodeId, reason: string, members: ConfState): void {
    const contact = this.#of(peer);
    contact.connected = false;
    contact.sinceMs = this.#clock.now();
    contact.lostReason = reason;
    this.#forgetOthers(members);
  }

  /** No connection to `peer` could be made. */
  onConnectFailed(peer: NodeId, reason: string, members: ConfState): void {
    if (!isMember(members, peer) || this.isConnected(peer)) return;
    this.#of(peer).lostReason = reason;
  }

  /** Something arrived from `peer`, now. */
  onHeard(peer: NodeId, members: ConfState): void {
    const known = this.#contacts.get(peer);
    if (known !== undefined) known.heardAtMs = this.#clock.now();
    else if (isMember(members, peer)) this.#of(peer).heardAtMs = this.#clock.now();
  }

  /** Nobody is connected any more. */
  clear(): void {
    this.#contacts.clear();
  }

  /** What is known of each of `members` but `self`. */
  report(
    members: ConfState,
    self: NodeId,
    stalledMs: (peer: NodeId) => number,
  ): readonly PeerContact[] {
    const now = this.#clock.now();
    return membersOf(members)
      .filter((id) => id !== self)
      .map((id) => {
        const contact = this.#contacts.get(id) ?? this.#newContact();
        const { connected, sinceMs, lostReason, heardAtMs } = contact;
        const heardAgoMs = heardAtMs === undefined ? undefined : now - heardAtMs;
        const forMs = now - sinceMs;
        return { id, connected, forMs, lostReason, heardAgoMs, stalledMs: stalledMs(id) };
      });
  }

  #forgetOthers(members: ConfState): void {
    for (const [id, { connected }] of this.#contacts) {
      if (!connected && !isMember(members, id)) this.#contacts.delete(id);
    }
  }

  #of(peer: NodeId): Contact {
    const known = this.#contacts.get(peer);
    if (known !== undefined) return known;
    const contact = this.#newContact();
    this.#contacts.set(peer, contact);
    return contact;
  }

  #newContact(): Contact {
    const sinceMs = this.#startedMs;
    return { connected: false, sinceMs, lostReason: undefined, heardAtMs: undefined };
  }
}
