import type { NodeId } from "@quorate/core";
import { decodeFrame, type Frame, incarnationBytes } from "@quorate/wire";
import { PeerBook } from "../peer-book.ts";
import type { Clock, Introduction, Network, Receiver } from "../ports.ts";

/** A frame on its way through a hub. */
export interface LoopbackFrame {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly frame: Frame;
}

/** How long the connections of a peer that is let go live on, in milliseconds. */
const lingerMs = 100;

/** One network that is open. */
interface Station {
  readonly id: NodeId;
  readonly receiver: Receiver;
  readonly book: PeerBook;
  readonly incarnation: Uint8Array;
  /** Whom it reaches. */
  readonly reached: Map<NodeId, Station>;
}

/**
 * Connects the replicas of one process. Frames arrive in order, one turn of the clock after they were
 * sent. Links can be cut and joined, and frames dropped or repeated, to test what a network may do.
 * Addresses mean nothing: a node is found by its id. Until a node is told its peers, all are.
 */
export class LoopbackHub {
  readonly #clock: Clock;
  readonly #stations = new Map<NodeId, Station>();
  readonly #cut = new Set<string>();
  #copies: (frame: LoopbackFrame) => number = () => 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The network of node `id`: one at a time; another may follow when it is closed. */
  network(id: NodeId): Network {
    const book = new PeerBook(id);
    let station: Station | undefined;
    const isOpen = (): boolean => station !== undefined && this.#stations.get(id) === station;
    return {
      open: async (receiver, incarnation = new Uint8Array(incarnationBytes)) => {
        station = { id, receiver, book, incarnation, reached: new Map() };
        this.#stations.set(id, station);
        for (const peer of this.#stations.keys()) this.#connect(id, peer);
      },
      send: (to, chunks) => isOpen() && this.#send(id, to, chunks),
      setPeers: (peers) => {
        book.setPeers(peers);
        if (station !== undefined && isOpen()) this.#review(station);
      },
      setRemoved: (ids) => {
        book.setRemoved(ids);
        if (station !== undefined && isOpen()) this.#review(station);
      },
      close: async () => {
        if (isOpen()) this.#detach(id, "closed");
      },
    };
  }

  /** Ends node `id` without its doing, as a crash would. Its frames on the way still arrive. */
  kill(id: NodeId): void {
    this.#detach(id, "killed");
  }

  /** Cuts the link between two nodes; frames on the way over it are lost. */
  cut(a: NodeId, b: NodeId): void {
    this.#cut.add(linkOf(a, b));
    this.#disconnect(a, b, "cut");
    this.#disconnect(b, a, "cut");
  }

  /** Joins the link between two nodes again. */
  join(a: NodeId, b: NodeId): void {
    if (this.#cut.delete(linkOf(a, b))) this.#connect(a, b);
  }

  /** Cuts every link of `id`. */
  isolate(id: NodeId): void {
    for (const peer of this.#stations.keys()) if (peer !== id) this.cut(id, peer);
  }

  /** Joins every link of `id`. */
  rejoin(id: NodeId): void {
    for (const peer of this.#stations.keys()) if (peer !== id) this.join(id, peer);
  }

  /** From now on each frame is delivered as often as `copies` says: 0 loses it, 2 repeats it. */
  meddle(copies: (frame: LoopbackFrame) => number): void {
    this.#copies = copies;
  }

  /** Lets each of two nodes try to reach the other, in a turn of its own. */
  #connect(a: NodeId, b: NodeId): void {
    this.#clock.defer(() => {
      this.#reach(a, b);
      this.#reach(b, a);
    });
  }

  /** Connects node `from` to node `to`, if it wants that and is let in. */
  #reach(from: NodeId, to: NodeId): void {
    const [caller, called] = [this.#stations.get(from), this.#stations.get(to)];
    if (caller === undefined || called === undefined) return;
    if (this.#cut.has(linkOf(from, to)) || caller.reached.get(to) === called) return;
    if (!caller.book.knows(to)) return;
    const introduction = introductionOf(caller);
    const refusal = called.book.refusal(introduction);
    if (refusal !== undefined) {
      if (refusal.code === "removed") caller.receiver.onRemoved(to);
      return;
    }
    const { isNews, evicted } = called.book.admit(introduction);
    if (evicted !== undefined) this.#separate(evicted, to, "another node took its place");
    caller.reached.set(to, called);
    caller.receiver.onConnected(to);
    if (isNews) called.receiver.onPeerSeen(introduction);
    this.#connect(to, from);
  }

  /** Connects as the book of `station` now demands, and lets those go who are in it no more. */
  #review(station: Station): void {
    const { id, book } = station;
    const leaving: NodeId[] = [];
    for (const other of this.#stations.values()) {
      if (other.reached.has(id) || station.reached.has(other.id)) {
        if (!book.knows(other.id)) leaving.push(other.id);
        else if (book.refusal(introductionOf(other)) !== undefined) {
          this.#clock.defer(() => this.#disconnect(other.id, id, "it is not who it was"));
        }
      }
      this.#connect(id, other.id);
    }
    if (leaving.length === 0) return;
    this.#clock.setTimer(lingerMs, () => {
      if (this.#stations.get(id) !== station) return;
      for (const other of leaving.filter((left) => !book.knows(left))) {
        if (this.#separate(other, id, "it is no peer any more")) this.#connect(other, id);
      }
    });
  }

  /** Ends what connects `a` and `b`; whether anything did. */
  #separate(a: NodeId, b: NodeId, reason: string): boolean {
    const wasThere = this.#disconnect(a, b, reason);
    return this.#disconnect(b, a, reason) || wasThere;
  }

  /** Ends what connects `from` to `to`, if it does; to a guest that is gone nothing connects either. */
  #disconnect(from: NodeId, to: NodeId, reason: string): boolean {
    const caller = this.#stations.get(from);
    if (caller === undefined || !caller.reached.delete(to)) return false;
    caller.receiver.onDisconnected(to, reason);
    if (this.#stations.get(to)?.book.forget(from) === true) this.#disconnect(to, from, reason);
    return true;
  }

  #send(from: NodeId, to: NodeId, chunks: readonly Uint8Array[]): boolean {
    const called = this.#stations.get(from)?.reached.get(to);
    if (called === undefined) return false;
    const frame = decodeFrame(chunks);
    const copies = this.#copies({ from, to, frame });
    for (let copy = 0; copy < copies; copy++) {
      const payload = frame.payload.slice();
      this.#clock.defer(() => {
        if (this.#stations.get(to) !== called || this.#cut.has(linkOf(from, to))) return;
        called.receiver.onFrame(from, { type: frame.type, payload });
      });
    }
    return true;
  }

  #detach(id: NodeId, reason: string): void {
    const station = this.#stations.get(id);
    this.#stations.delete(id);
    for (const other of this.#stations.values()) {
      if (other.reached.get(id) === station && other.reached.delete(id)) {
        other.receiver.onDisconnected(id, reason);
      }
      other.book.forget(id);
    }
  }
}

function introductionOf({ id, incarnation }: Station): Introduction {
  return { id, address: "", incarnation };
}

function linkOf(a: NodeId, b: NodeId): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}
