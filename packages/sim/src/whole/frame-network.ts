import { assert, type NodeId } from "@quorate/core";
import { type Introduction, type Network, PeerBook, type Receiver } from "@quorate/runtime";
import { decodeFrame, type Frame } from "@quorate/wire";
import type { Life, Microseconds, Timeline } from "./timeline.ts";

/** What becomes of one frame. */
export type FrameFate =
  | { readonly kind: "lost" }
  /** It arrives `late` after its usual time: as late as may be, and after newer ones. */
  | { readonly kind: "late"; readonly late: Microseconds }
  /** It arrives, and once more `late` after that. */
  | { readonly kind: "twice"; readonly late: Microseconds };

/** One direction of one link. */
export interface Link {
  readonly from: NodeId;
  readonly to: NodeId;
}

/** What a world decides about its network, and what it is told. */
export interface NetworkHost {
  readonly ids: readonly NodeId[];
  /** How long frame `number` of a link travels. */
  delay(link: Link, number: number): Microseconds;
  /** What befalls frame `number` of a link, or undefined if it travels as usual. */
  fate(link: Link, number: number): FrameFate | undefined;
  /** How long it takes to notice a peer that fell silent, and how long one that is let go lingers. */
  readonly deadConnectionUs: Microseconds;
  /** How long it takes to connect. */
  readonly connectUs: Microseconds;
  /** A process let go of a frame. */
  sent(link: Link, frame: Frame): void;
  happened(what: NetworkEvent, link: Link): void;
}

/** What is worth counting. */
export type NetworkEvent =
  | "frame-lost"
  | "frame-late"
  | "frame-duplicated"
  | "frame-reordered"
  | "frame-cut-off"
  | "frame-clogged"
  | "connected"
  | "disconnected"
  | "connection-refused";

/** The end of one process. */
interface Port {
  readonly life: Life;
  readonly receiver: Receiver;
  readonly incarnation: Uint8Array;
  /** Whom it knows: until it is told, everybody. */
  readonly book: PeerBook;
}

/** The way from one node to another. */
class Way implements Link {
  readonly from: NodeId;
  readonly to: NodeId;
  /** How many faults cut it now. */
  cuts = 0;
  /** How many faults clog it now. */
  clogs = 0;
  readonly clogged: (() => void)[] = [];
  /** The processes that it connects, if it does. */
  connection: { readonly from: Port; readonly to: Port } | undefined;
  sentCount = 0;
  arrivedMax = 0;

  constructor(from: NodeId, to: NodeId) {
    this.from = from;
    this.to = to;
  }
}

/**
 * Carries frames between processes, as badly as `Network` allows: it loses, repeats, delays and reorders
 * them, goes silent, and clogs up. Each direction of a link has a connection of its own, which both of
 * its processes must live to keep: no frame reaches a process that it was not meant for. Addresses mean
 * nothing: a node is found by its id.
 */
export class FrameNetwork {
  readonly #timeline: Timeline;
  readonly #host: NetworkHost;
  readonly #ports = new Map<NodeId, Port>();
  readonly #ways = new Map<number, Way>();

  constructor(timeline: Timeline, host: NetworkHost) {
    this.#timeline = timeline;
    this.#host = host;
    for (const from of host.ids) {
      for (const to of host.ids) {
        if (from !== to) this.#ways.set(keyOf(from, to), new Way(from, to));
      }
    }
  }

  /** The network as one process sees it. */
  network(life: Life): Network {
    let port: Port | undefined;
    const book = new PeerBook(life.node);
    const isOpen = (): boolean => port !== undefined && this.#ports.get(life.node) === port;
    return {
      open: async (receiver, incarnation = new Uint8Array(0)) => {
        // A process that was ended while it started may get here yet.
        if (!life.isAlive) return;
        port = { life, receiver, incarnation, book };
        this.#ports.set(life.node, port);
        for (const id of this.#host.ids) {
          this.#connectLater(life.node, id);
          this.#connectLater(id, life.node);
        }
      },
      send: (to, chunks) => isOpen() && life.isAlive && this.#send(life.node, to, chunks),
      setPeers: (peers) => {
        book.setPeers(peers);
        if (port !== undefined && isOpen()) this.#review(port);
      },
      setRemoved: (ids) => {
        book.setRemoved(ids);
        if (port !== undefined && isOpen()) this.#review(port);
      },
      close: async () => {
        if (isOpen()) this.end(life.node, this.#host.connectUs);
      },
    };
  }

  /** The process of `node` ended; its peers notice after `delay`. Frames on their way still arrive. */
  end(node: NodeId, delay: Microseconds): void {
    const port = this.#ports.get(node);
    if (port === undefined) return;
    this.#ports.delete(node);
    for (const way of this.#ways.values()) {
      if (way.connection?.from === port) {
        this.#forgetGuest(way, way.connection.to, delay);
        way.connection = undefined;
      }
      if (way.connection?.to !== port) continue;
      const { connection } = way;
      this.#timeline.add(delay, "link", () => {
        if (way.connection === connection) this.#disconnect(way, "the peer is gone");
      });
    }
  }

  /** Lets every frame of these ways be lost, until they are mended as often as they were cut. */
  cut(links: readonly Link[]): void {
    for (const { from, to } of links) {
      this.#way(from, to).cuts += 1;
      const notice = (way: Way): void => {
        if (!this.#isWhole(way)) this.#disconnect(way, "the peer fell silent");
      };
      // A connection needs both ways.
      this.#timeline.add(this.#host.deadConnectionUs, "link", () => {
        notice(this.#way(from, to));
        notice(this.#way(to, from));
      });
    }
  }

  mend(links: readonly Link[]): void {
    for (const { from, to } of links) {
      const way = this.#way(from, to);
      assert(way.cuts > 0, "what is mended was cut");
      way.cuts -= 1;
      this.#connectLater(from, to);
      this.#connectLater(to, from);
    }
  }

  /** Mends and unclogs all ways, however often they were cut and clogged. */
  heal(): void {
    for (const way of this.#ways.values()) {
      way.cuts = 0;
      way.clogs = 0;
      this.#connectLater(way.from, way.to);
      for (const arrive of way.clogged.splice(0)) arrive();
    }
  }

  /** Holds up all that arrives, until it is unclogged as often as it was clogged. */
  clog({ from, to }: Link): void {
    this.#way(from, to).clogs += 1;
  }

  unclog({ from, to }: Link): void {
    const way = this.#way(from, to);
    assert(way.clogs > 0, "what is unclogged was clogged");
    way.clogs -= 1;
    if (way.clogs > 0) return;
    for (const arrive of way.clogged.splice(0)) arrive();
  }

  /** Breaks a connection, which is soon made again. */
  reset({ from, to }: Link): void {
    const way = this.#way(from, to);
    this.#disconnect(way, "connection reset");
    this.#connectLater(from, to);
  }

  /** Whether frames from one node reach the other. */
  isConnected(from: NodeId, to: NodeId): boolean {
    const way = this.#way(from, to);
    return way.connection !== undefined && way.cuts === 0 && way.clogs === 0;
  }

  #send(from: NodeId, to: NodeId, chunks: readonly Uint8Array[]): boolean {
    const way = this.#ways.get(keyOf(from, to));
    const connection = way?.connection;
    if (way === undefined || connection === undefined) return false;
    const frame = decodeFrame(chunks);
    const number = ++way.sentCount;
    this.#host.sent(way, frame);
    const fate = this.#host.fate(way, number);
    if (fate?.kind === "lost") {
      this.#host.happened("frame-lost", way);
      return true;
    }
    const delay = this.#host.delay(way, number);
    const arrive = (copy: Frame) => () => this.#arrive(way, connection.to, copy, number);
    if (fate?.kind === "late") {
      this.#host.happened("frame-late", way);
      this.#timeline.add(delay + fate.late, "frame", arrive(frame));
      return true;
    }
    this.#timeline.add(delay, "frame", arrive(frame));
    if (fate?.kind !== "twice") return true;
    this.#host.happened("frame-duplicated", way);
    const copy = { type: frame.type, payload: frame.payload.slice() };
    this.#timeline.add(delay + fate.late, "frame", arrive(copy));
    return true;
  }

  #arrive(way: Way, port: Port, frame: Frame, number: number): void {
    if (way.cuts > 0) {
      this.#host.happened("frame-cut-off", way);
      return;
    }
    if (way.clogs > 0) {
      this.#host.happened("frame-clogged", way);
      way.clogged.push(() => this.#arrive(way, port, frame, number));
      return;
    }
    if (this.#ports.get(way.to) !== port) return;
    if (number < way.arrivedMax) this.#host.happened("frame-reordered", way);
    way.arrivedMax = Math.max(way.arrivedMax, number);
    this.#timeline.reach(port.life, "frame", () => port.receiver.onFrame(way.from, frame));
  }

  #connectLater(from: NodeId, to: NodeId): void {
    const way = this.#ways.get(keyOf(from, to));
    if (way === undefined) return;
    this.#timeline.add(this.#host.connectUs, "link", () => this.#connect(way));
  }

  #connect(way: Way): void {
    const from = this.#ports.get(way.from);
    const to = this.#ports.get(way.to);
    if (from === undefined || to === undefined || !this.#isWhole(way)) return;
    if (way.connection?.to === to) return;
    // One that is left from an earlier process of the peer.
    this.#disconnect(way, "the peer has started again");
    if (!from.book.knows(way.to)) return;
    const introduction = introductionOf(from);
    const refusal = to.book.refusal(introduction);
    if (refusal?.code === "removed") {
      this.#timeline.reach(from.life, "link", () => from.receiver.onRemoved(way.to));
      return;
    }
    if (refusal !== undefined) {
      this.#host.happened("connection-refused", way);
      return;
    }
    const { isNews, evicted } = to.book.admit(introduction);
    way.connection = { from, to };
    this.#host.happened("connected", way);
    this.#timeline.reach(from.life, "link", () => from.receiver.onConnected(way.to));
    if (isNews) this.#timeline.reach(to.life, "link", () => to.receiver.onPeerSeen(introduction));
    if (to.book.guests.includes(way.from)) this.#connectLater(way.to, way.from);
    if (evicted !== undefined) this.#part(evicted, way.to, "another node took its place");
  }

  /** Connects and lets go as what a process knows of its group demands from now on. */
  #review(port: Port): void {
    const { book } = port;
    const { node } = port.life;
    const leaving: NodeId[] = [];
    for (const id of this.#host.ids) {
      if (id === node) continue;
      this.#connectLater(node, id);
      this.#connectLater(id, node);
      const { connection } = this.#way(id, node);
      if (!book.knows(id)) leaving.push(id);
      else if (connection?.to === port && book.refusal(introductionOf(connection.from))) {
        this.#timeline.add(0, "link", () => {
          const way = this.#way(id, node);
          if (way.connection === connection) this.#disconnect(way, "it is not who it was");
        });
      }
    }
    this.#timeline.add(this.#host.deadConnectionUs, "link", () => {
      if (this.#ports.get(node) !== port) return;
      for (const id of leaving) {
        if (book.knows(id) || !this.#part(id, node, "it is no peer any more")) continue;
        this.#connectLater(id, node);
      }
    });
  }

  /** Ends what connects `a` and `b`; whether anything did. */
  #part(a: NodeId, b: NodeId, reason: string): boolean {
    const ways = [this.#way(a, b), this.#way(b, a)].filter((way) => way.connection !== undefined);
    for (const way of ways) this.#disconnect(way, reason);
    return ways.length > 0;
  }

  #disconnect(way: Way, reason: string): void {
    const { connection } = way;
    if (connection === undefined) return;
    way.connection = undefined;
    this.#host.happened("disconnected", way);
    const { life, receiver } = connection.from;
    this.#timeline.reach(life, "link", () => receiver.onDisconnected(way.to, reason));
    this.#forgetGuest(way, connection.to, 0);
  }

  /** What connects a guest ended: what was connected to it in turn ends, once that is noticed. */
  #forgetGuest(way: Way, to: Port, delay: Microseconds): void {
    if (!to.book.guests.includes(way.from)) return;
    this.#timeline.add(delay, "link", () => {
      if (way.connection !== undefined || !to.book.forget(way.from)) return;
      if (this.#ports.get(way.to) !== to) return;
      this.#disconnect(this.#way(way.to, way.from), "the peer closed its connection");
    });
  }

  #isWhole({ from, to }: Link): boolean {
    return this.#way(from, to).cuts === 0 && this.#way(to, from).cuts === 0;
  }

  #way(from: NodeId, to: NodeId): Way {
    const way = this.#ways.get(keyOf(from, to));
    assert(way !== undefined, `there is a way from node ${from} to node ${to}`);
    return way;
  }
}

function keyOf(from: NodeId, to: NodeId): number {
  return from * 1000 + to;
}

function introductionOf({ life, incarnation }: Port): Introduction {
  return { id: life.node, address: "", incarnation };
}
