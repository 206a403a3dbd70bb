import { assert, type NodeId, RaftError } from "@quorate/core";
import type { Network, Receiver } from "@quorate/runtime";
import { incarnationBytes } from "@quorate/wire";
import { Acceptor } from "./acceptor.ts";
import { type Address, formatAddress } from "./address.ts";
import { type Identity, RefusalReporter } from "./handshake.ts";
import { OutgoingLink } from "./outgoing-link.ts";
import {
  type CompleteTcpOptions,
  parsePeerAddress,
  type TcpNetworkOptions,
  validateTcpOptions,
} from "./tcp-options.ts";

/** What exists from `open` on. */
interface Opened {
  readonly receiver: Receiver;
  readonly identity: Identity;
  readonly acceptor: Acceptor;
}

/**
 * Connects the nodes of a group over TCP. Between two nodes there are two connections, each made by the
 * side whose frames it carries, so neither waits for the other's frames and none needs a tie-break.
 * A peer that is slow or away costs at most `sendQueueBytesMax`.
 */
export class TcpNetwork implements Network {
  readonly #options: CompleteTcpOptions;
  readonly #links = new Map<NodeId, OutgoingLink>();
  readonly #refusals: RefusalReporter;
  #opened: Opened | undefined;
  #address: Address | undefined;
  #closing: Promise<void> | undefined;

  /** Throws `invalid_options`. Nothing happens before `open`. */
  constructor(options: TcpNetworkOptions) {
    this.#options = validateTcpOptions(options);
    this.#refusals = new RefusalReporter(this.#options.onRefused);
  }

  /** Where this node listens, with the port that the system picked; undefined before it does. */
  get address(): string | undefined {
    return this.#address === undefined ? undefined : formatAddress(this.#address);
  }

  /** Bytes that wait for `peer`. At most `sendQueueBytesMax`. */
  queuedBytes(peer: NodeId): number {
    return this.#links.get(peer)?.queuedBytes ?? 0;
  }

  /**
   * Listens, and begins to connect to the peers whose address is known. `incarnation` must stay the
   * same for the life of this node's disk: peers that run refuse a node that comes with another.
   *
   * Rejects with `invalid_options` if the address cannot be listened on, and with `closed` if the
   * network was closed meanwhile.
   */
  async open(
    receiver: Receiver,
    incarnation: Uint8Array = new Uint8Array(incarnationBytes),
  ): Promise<void> {
    assert(this.#opened === undefined && this.#closing === undefined, "a network is opened once");
    const { id, clusterId, limits, peers } = this.#options;
    const identity = { id, clusterId, incarnation };
    const acceptor = new Acceptor({
      identity,
      limits,
      receiver,
      isPeer: (peer) => peers.has(peer),
      onRefused: (refusal) => this.#refusals.refused(refusal),
      onAccepted: (peer) => {
        this.#refusals.succeeded("incoming", peer);
        this.#links.get(peer)?.hurry();
      },
    });
    this.#opened = { receiver, identity, acceptor };
    const port = await acceptor.listen(this.#options.listen);
    if (this.#closing !== undefined) throw new RaftError("closed", "the network is closed");
    this.#address = { host: this.#options.listen.host, port };
    for (const peer of peers.keys()) this.#connect(peer, this.#opened);
  }

  /**
   * Tells where `peer` is, which may be new or may have moved. Before `open` it is only remembered.
   * Throws `invalid_options` for this node itself, and for what is no address.
   */
  setPeer(peer: NodeId, address: string): void {
    const { id, peers } = this.#options;
    if (peer === id) throw new RaftError("invalid_options", `node ${id} is no peer of itself`);
    peers.set(peer, parsePeerAddress(address));
    if (this.#opened === undefined || this.#address === undefined) return;
    this.#connect(peer, this.#opened);
  }

  send(to: NodeId, chunks: readonly Uint8Array[]): boolean {
    return this.#links.get(to)?.send(chunks) ?? false;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const link of this.#links.values()) link.close();
    await this.#opened?.acceptor.close();
  }

  #connect(peer: NodeId, opened: Opened): void {
    const address = this.#options.peers.get(peer);
    if (address === undefined || this.#closing !== undefined) return;
    let link = this.#links.get(peer);
    if (link === undefined) {
      link = new OutgoingLink(peer, opened.identity, this.#options.limits, {
        onConnected: () => {
          this.#refusals.succeeded("outgoing", peer);
          opened.receiver.onConnected(peer);
        },
        onDisconnected: (reason) => opened.receiver.onDisconnected(peer, reason),
        onRefused: (refusal) => this.#refusals.refused(refusal),
      });
      this.#links.set(peer, link);
    }
    link.setAddress(address);
  }
}
