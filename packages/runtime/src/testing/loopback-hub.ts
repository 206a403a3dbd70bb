import type { NodeId } from "@quorate/core";
import { decodeFrame, type Frame } from "@quorate/wire";
import type { Clock, Network, Receiver } from "../ports.ts";

/** A frame on its way through a hub. */
export interface LoopbackFrame {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly frame: Frame;
}

/**
 * Connects the replicas of one process. Frames arrive in order, one turn of the clock after they were
 * sent. Links can be cut and joined, and frames dropped or repeated, to test what a network may do.
 */
export class LoopbackHub {
  readonly #clock: Clock;
  readonly #receivers = new Map<NodeId, Receiver>();
  readonly #cut = new Set<string>();
  #copies: (frame: LoopbackFrame) => number = () => 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The network of node `id`: one at a time; another may follow when it is closed. */
  network(id: NodeId): Network {
    let receiver: Receiver | undefined;
    return {
      open: async (opened) => {
        receiver = opened;
        this.#receivers.set(id, opened);
        for (const peer of this.#receivers.keys()) this.#connect(id, peer);
      },
      send: (to, chunks) => receiver !== undefined && this.#send(id, to, chunks),
      close: async () => {
        if (receiver === undefined || this.#receivers.get(id) !== receiver) return;
        receiver = undefined;
        this.#detach(id, "closed");
      },
    };
  }

  /** Ends node `id` without its doing, as a crash would. Its frames on the way still arrive. */
  kill(id: NodeId): void {
    this.#detach(id, "killed");
  }

  /** Cuts the link between two nodes; frames on the way over it are lost. */
  cut(a: NodeId, b: NodeId): void {
    const wasConnected = this.#isConnected(a, b);
    this.#cut.add(linkOf(a, b));
    if (!wasConnected) return;
    this.#receivers.get(a)?.onDisconnected(b, "cut");
    this.#receivers.get(b)?.onDisconnected(a, "cut");
  }

  /** Joins the link between two nodes again. */
  join(a: NodeId, b: NodeId): void {
    if (this.#cut.delete(linkOf(a, b))) this.#connect(a, b);
  }

  /** Cuts every link of `id`. */
  isolate(id: NodeId): void {
    for (const peer of this.#receivers.keys()) if (peer !== id) this.cut(id, peer);
  }

  /** Joins every link of `id`. */
  rejoin(id: NodeId): void {
    for (const peer of this.#receivers.keys()) if (peer !== id) this.join(id, peer);
  }

  /** From now on each frame is delivered as often as `copies` says: 0 loses it, 2 repeats it. */
  meddle(copies: (frame: LoopbackFrame) => number): void {
    this.#copies = copies;
  }

  #connect(a: NodeId, b: NodeId): void {
    if (!this.#isConnected(a, b)) return;
    this.#clock.defer(() => {
      if (!this.#isConnected(a, b)) return;
      this.#receivers.get(a)?.onConnected(b);
      this.#receivers.get(b)?.onConnected(a);
    });
  }

  #send(from: NodeId, to: NodeId, chunks: readonly Uint8Array[]): boolean {
    if (!this.#isConnected(from, to)) return false;
    const receiver = this.#receivers.get(to);
    const frame = decodeFrame(chunks);
    const copies = this.#copies({ from, to, frame });
    for (let copy = 0; copy < copies; copy++) {
      const payload = frame.payload.slice();
      this.#clock.defer(() => {
        if (this.#receivers.get(to) !== receiver || this.#cut.has(linkOf(from, to))) return;
        receiver?.onFrame(from, { type: frame.type, payload });
      });
    }
    return true;
  }

  #detach(id: NodeId, reason: string): void {
    this.#receivers.delete(id);
    for (const [peer, receiver] of this.#receivers) {
      if (!this.#cut.has(linkOf(id, peer))) receiver.onDisconnected(id, reason);
    }
  }

  #isConnected(a: NodeId, b: NodeId): boolean {
    return (
      a !== b && this.#receivers.has(a) && this.#receivers.has(b) && !this.#cut.has(linkOf(a, b))
    );
  }
}

function linkOf(a: NodeId, b: NodeId): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}
