import type { NodeId } from "@quorate/core";
import type { Network, Peer, Receiver } from "./ports.ts";

/** A network that counts what passes through it. */
export class CountedNetwork implements Network {
  /** Since the beginning. A frame that was dropped is not among those sent. */
  readonly sent: { frames: number; bytes: number; droppedFrames: number } = {
    frames: 0,
    bytes: 0,
    droppedFrames: 0,
  };
  /** Since the beginning. Bytes are those of payloads. */
  readonly received: { frames: number; bytes: number } = { frames: 0, bytes: 0 };
  readonly #network: Network;

  constructor(network: Network) {
    this.#network = network;
  }

  open(receiver: Receiver, incarnation?: Uint8Array): Promise<void> {
    const { received } = this;
    const counting: Receiver = {
      onFrame: (from, frame) => {
        received.frames++;
        received.bytes += frame.payload.length;
        receiver.onFrame(from, frame);
      },
      onConnected: (peer) => receiver.onConnected(peer),
      onDisconnected: (peer, reason) => receiver.onDisconnected(peer, reason),
      onConnectFailed: (peer, reason) => receiver.onConnectFailed?.(peer, reason),
      onRemoved: (by) => receiver.onRemoved(by),
      onPeerSeen: (node) => receiver.onPeerSeen(node),
    };
    return this.#network.open(counting, incarnation);
  }

  send(to: NodeId, chunks: readonly Uint8Array[]): boolean {
    const { sent } = this;
    if (!this.#network.send(to, chunks)) {
      sent.droppedFrames++;
      return false;
    }
    sent.frames++;
    for (const { length } of chunks) sent.bytes += length;
    return true;
  }

  queuedBytes(peer: NodeId): number {
    return this.#network.queuedBytes?.(peer) ?? 0;
  }

  setPeers(peers: readonly Peer[]): void {
    this.#network.setPeers(peers);
  }

  setRemoved(ids: readonly NodeId[]): void {
    this.#network.setRemoved(ids);
  }

  close(): Promise<void> {
    return this.#network.close();
  }
}
