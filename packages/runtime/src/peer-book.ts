import { type NodeId, RaftError } from "@quorate/core";
import type { Introduction, Peer } from "./ports.ts";

/** What follows from letting a node in. */
export interface Admission {
  /** Whether it said of itself what the table of peers does not. */
  readonly isNews: boolean;
  /** The guest that had to go for it. */
  readonly evicted: NodeId | undefined;
}

/** How many guests a node has at most, unless it is told otherwise. */
export const guestCountDefault = 16;

/**
 * Whom one node knows, and whom it lets in: the rules of `Network`, for networks to follow. Bounded by
 * the table of peers and by the number of guests, of whom a new one replaces the oldest.
 */
export class PeerBook {
  readonly #self: NodeId;
  readonly #guestCountMax: number;
  /** Undefined until it is told: then everybody is a peer. */
  #peers: ReadonlyMap<NodeId, Peer> | undefined;
  #removed: ReadonlySet<NodeId> = new Set();
  /** What each peer that ever came in, and each guest, said of itself. */
  readonly #introductions = new Map<NodeId, Introduction>();
  /** The guests, the oldest first. */
  readonly #guests = new Set<NodeId>();

  constructor(self: NodeId, guestCountMax: number = guestCountDefault) {
    this.#self = self;
    this.#guestCountMax = guestCountMax;
  }

  /** The ids of all peers, as far as they were told. */
  get peers(): NodeId[] {
    return [...(this.#peers?.keys() ?? [])].filter((id) => !this.#removed.has(id));
  }

  /** The ids of all guests, the oldest first. */
  get guests(): NodeId[] {
    return [...this.#guests];
  }

  /** See `Network.setPeers`. Guests that are among the peers are guests no more. */
  setPeers(peers: readonly Peer[]): void {
    const before = this.#peers;
    this.#peers = new Map(
      peers.filter(({ id }) => id !== this.#self).map((peer) => [peer.id, peer]),
    );
    for (const [id, said] of this.#introductions) {
      const peer = this.#peers.get(id);
      if (peer === undefined) {
        if (!this.#guests.has(id)) this.#introductions.delete(id);
        continue;
      }
      this.#guests.delete(id);
      if (peer.incarnation !== undefined && !sameBytes(peer.incarnation, said.incarnation)) {
        this.#introductions.delete(id);
      } else if (before?.has(id) === true && before.get(id)?.address !== peer.address) {
        // The group has heard of another address since.
        this.#introductions.set(id, { ...said, address: "" });
      }
    }
  }

  /** See `Network.setRemoved`. */
  setRemoved(ids: readonly NodeId[]): void {
    this.#removed = new Set(ids.filter((id) => id !== this.#self));
    for (const id of this.#removed) {
      this.#introductions.delete(id);
      this.#guests.delete(id);
    }
  }

  /** Whether this node connects with `id`: it is a peer, or a guest, an unknown node that was let in. */
  knows(id: NodeId): boolean {
    if (id === this.#self || this.#removed.has(id)) return false;
    return this.#isPeer(id) || this.#guests.has(id);
  }

  /** Where `id` is reached, the best guess first: what it said itself, then what the group knows. */
  addressesOf(id: NodeId): string[] {
    const said = this.#introductions.get(id)?.address ?? "";
    const known = this.#peers?.get(id)?.address ?? "";
    return [said, known].filter((address) => address !== "");
  }

  /** Why a node that says this of itself may not come in: `removed`, `stranger` or `wrong_identity`. */
  refusal(node: Introduction): RaftError | undefined {
    const { id } = node;
    if (this.#removed.has(id)) {
      return new RaftError("removed", `node ${id} was removed from the group`);
    }
    if (id === this.#self || (!this.#isPeer(id) && this.#guestCountMax === 0)) {
      return new RaftError("stranger", `node ${this.#self} knows no other node ${id}`);
    }
    const known = this.#peers?.get(id)?.incarnation ?? this.#introductions.get(id)?.incarnation;
    if (known === undefined || sameBytes(known, node.incarnation)) return undefined;
    // It voted for, and acknowledged, what it no longer knows: it could help elect a second leader.
    return new RaftError(
      "wrong_identity",
      `node ${id} came with another log than the one it is known by: a node that lost its disk must ` +
        `not come back under the same id; give it a new one: quorate member replace ${id} NEW`,
    );
  }

  /** Lets a node in, which nothing refuses. */
  admit(node: Introduction): Admission {
    const { id } = node;
    this.#introductions.set(id, node);
    if (this.#isPeer(id)) {
      const peer = this.#peers?.get(id);
      const hasMoved = node.address !== "" && node.address !== peer?.address;
      return { isNews: hasMoved || peer?.incarnation === undefined, evicted: undefined };
    }
    // One that comes again is the newest again.
    this.#guests.delete(id);
    this.#guests.add(id);
    const [oldest] = this.#guests;
    const evicted = this.#guests.size > this.#guestCountMax ? oldest : undefined;
    if (evicted !== undefined) this.forget(evicted);
    return { isNews: true, evicted };
  }

  /** The connection of `id` has ended. Tells whether it was a guest, which it is no more. */
  forget(id: NodeId): boolean {
    if (!this.#guests.delete(id)) return false;
    this.#introductions.delete(id);
    return true;
  }

  #isPeer(id: NodeId): boolean {
    return this.#peers === undefined || this.#peers.has(id);
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, offset) => byte === b[offset]);
}
