import { assert, type NodeId } from "@quorate/core";
import type { Frame } from "@quorate/wire";
import { newsCountMax } from "./member-recorder.ts";
import type { Introduction, Network, Peer, Receiver } from "./ports.ts";

/**
 * A network that is opened before there is a replica, for what must be asked before it can start. When the
 * replica opens it in turn, it takes over, and is told who is connected and who was seen.
 */
export class EarlyNetwork implements Network {
  readonly #network: Network;
  #receiver: Receiver;
  readonly #connected = new Set<NodeId>();
  /** Who said something new of itself, the oldest first: `newsCountMax` at most, since strangers may, too. */
  readonly #seen = new Map<NodeId, Introduction>();
  #removedBy: NodeId | undefined;
  #isTaken = false;

  /** `receiver` is told of everything until the replica takes over. */
  constructor(network: Network, receiver: Receiver) {
    this.#network = network;
    this.#receiver = receiver;
  }

  /** Opens the network below. */
  async begin(incarnation: Uint8Array): Promise<void> {
    await this.#network.open(
      {
        onFrame: (from: NodeId, frame: Frame) => this.#receiver.onFrame(from, frame),
        onConnected: (peer) => {
          this.#connected.add(peer);
          this.#receiver.onConnected(peer);
        },
        onDisconnected: (peer, reason) => {
          this.#connected.delete(peer);
          this.#receiver.onDisconnected(peer, reason);
        },
        onConnectFailed: (peer, reason) => this.#receiver.onConnectFailed?.(peer, reason),
        onRemoved: (by) => {
          this.#removedBy = by;
          this.#receiver.onRemoved(by);
        },
        onPeerSeen: (node) => {
          if (!this.#isTaken) this.#remember(node);
          this.#receiver.onPeerSeen(node);
        },
      },
      incarnation,
    );
  }

  async open(receiver: Receiver): Promise<void> {
    assert(!this.#isTaken, "a network is opened once");
    this.#isTaken = true;
    this.#receiver = receiver;
    for (const node of this.#seen.values()) receiver.onPeerSeen(node);
    this.#seen.clear();
    for (const peer of this.#connected) receiver.onConnected(peer);
    if (this.#removedBy !== undefined) receiver.onRemoved(this.#removedBy);
  }

  send(to: NodeId, chunks: readonly Uint8Array[]): boolean {
    return this.#network.send(to, chunks);
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

  #remember(node: Introduction): void {
    this.#seen.delete(node.id);
    this.#seen.set(node.id, node);
    const [oldest = node.id] = this.#seen.keys();
    if (this.#seen.size > newsCountMax) this.#seen.delete(oldest);
  }
}
