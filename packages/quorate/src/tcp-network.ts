import { assert, type NodeId, RaftError } from "@quorate/core";
import { type Network, type Peer, PeerBook, type Receiver } from "@quorate/runtime";
import { frameTypeOf, incarnationBytes } from "@quorate/wire";
import { Acceptor } from "./acceptor.ts";
import {
  type Address,
  formatAddress,
  isPeerAddress,
  isWildcard,
  parseAddress,
  sameAddress,
} from "./address.ts";
import { type Identity, RefusalReporter, type RefusedConnection } from "./handshake.ts";
import { OutgoingLink } from "./outgoing-link.ts";
import { PeerTls } from "./peer-tls.ts";
import {
  type CompleteTcpOptions,
  type TcpNetworkOptions,
  validateTcpOptions,
} from "./tcp-options.ts";

/** What exists once this node listens. */
interface Opened {
  readonly receiver: Receiver;
  readonly identity: Identity;
}

/**
 * Connects the nodes of a group over TCP. Between two nodes there are two connections, each made by the
 * side whose frames it carries, so neither waits for the other's frames and none needs a tie-break.
 * A peer that is slow or away costs at most `sendQueueBytesMax` and `snapshotQueueBytesMax`.
 *
 * A node is connected to where it says that it is, as long as the group has not heard of another place
 * since. A node that is let in although it is unknown is connected to as well, until its own connection
 * ends.
 */
export class TcpNetwork implements Network {
  readonly #options: CompleteTcpOptions;
  readonly #tls: PeerTls | undefined;
  readonly #book: PeerBook;
  readonly #links = new Map<NodeId, OutgoingLink>();
  readonly #refusals: RefusalReporter;
  #acceptor: Acceptor | undefined;
  #opened: Opened | undefined;
  #address: Address | undefined;
  #closing: Promise<void> | undefined;

  /** Throws `invalid_options`. Nothing happens before `open`. */
  constructor(options: TcpNetworkOptions) {
    this.#options = validateTcpOptions(options);
    const { tls } = options;
    this.#tls = tls === undefined ? undefined : new PeerTls(tls, this.#options);
    this.#refusals = new RefusalReporter(this.#options.onRefused, () => performance.now());
    this.#book = new PeerBook(this.#options.id, this.#options.limits.guestCountMax);
    this.#book.setPeers([...this.#options.peers].map(([id, address]) => newPeer(id, address)));
  }

  /** Where this node listens, with the port that the system picked; undefined before it does. */
  get address(): string | undefined {
    return this.#address === undefined ? undefined : formatAddress(this.#address);
  }

  /** Bytes that wait for `peer`. At most `sendQueueBytesMax` and `snapshotQueueBytesMax` together. */
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
    assert(this.#acceptor === undefined && this.#closing === undefined, "a network is opened once");
    const { id, clusterId, limits, listen } = this.#options;
    this.#acceptor = new Acceptor({
      own: { id, clusterId },
      limits,
      tls: this.#tls,
      receiver,
      book: this.#book,
      onRefused: (refusal) => this.#refusals.refused(refusal),
      onAccepted: (node, { isNews }) => {
        this.#refusals.succeeded("incoming", node.id);
        this.#connect(node.id);
        this.#links.get(node.id)?.hurry();
        if (isNews) receiver.onPeerSeen(node);
      },
      onGuestGone: (guest) => this.#links.get(guest)?.abandon("the peer closed its connection"),
    });
    this.#tls?.start();
    const port = await this.#acceptor.listen(listen);
    if (this.#closing !== undefined) throw new RaftError("closed", "the network is closed");
    this.#address = { host: listen.host, port };
    const address = this.#advertised(this.#address);
    this.#opened = { receiver, identity: { id, clusterId, incarnation, address } };
    this.#review();
  }

  setPeers(peers: readonly Peer[]): void {
    this.#book.setPeers(peers);
    this.#review();
  }

  setRemoved(ids: readonly NodeId[]): void {
    this.#book.setRemoved(ids);
    this.#review();
  }

  send(to: NodeId, chunks: readonly Uint8Array[]): boolean {
    const lane = frameTypeOf(chunks) === "snapshot-chunk" ? "bulk" : "urgent";
    return this.#links.get(to)?.send(chunks, lane) ?? false;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Incoming connections go last: one that ends tells the peer to wait for nothing more. */
  async #close(): Promise<void> {
    this.#acceptor?.silence();
    this.#tls?.close();
    const { lingerMs } = this.#options.limits;
    await Promise.all([...this.#links.values()].map((link) => link.finish(lingerMs)));
    this.#links.clear();
    await this.#acceptor?.close();
  }

  /** Connects to whom the book knows, and lets go of whom it does not. */
  #review(): void {
    if (this.#opened === undefined || this.#closing !== undefined) return;
    this.#acceptor?.review();
    for (const [id, link] of this.#links) {
      if (!this.#book.knows(id)) link.retire(this.#options.limits.lingerMs);
    }
    for (const id of [...this.#book.peers, ...this.#book.guests]) this.#connect(id);
  }

  /** Connects to `id` where it is now thought to be. */
  #connect(id: NodeId): void {
    if (this.#opened === undefined || this.#closing !== undefined) return;
    const addresses = this.#addressesOf(id);
    const link =
      this.#links.get(id) ?? (addresses.length > 0 ? this.#newLink(id, this.#opened) : undefined);
    link?.setAddresses(addresses);
  }

  #newLink(id: NodeId, { identity, receiver }: Opened): OutgoingLink {
    const settings = { identity, limits: this.#options.limits, tls: this.#tls };
    const link = new OutgoingLink(id, settings, {
      onConnected: () => {
        this.#refusals.succeeded("outgoing", id);
        receiver.onConnected(id);
      },
      onDisconnected: (reason) => {
        if (this.#closing === undefined) receiver.onDisconnected(id, reason);
      },
      onConnectFailed: (reason) => receiver.onConnectFailed?.(id, reason),
      onRefused: (refusal) => this.#onRefused(refusal, receiver),
      onOver: () => this.#links.delete(id),
    });
    this.#links.set(id, link);
    return link;
  }

  #onRefused(refusal: RefusedConnection, receiver: Receiver): void {
    this.#refusals.refused(refusal);
    if (refusal.error.code === "removed") receiver.onRemoved(refusal.peer);
  }

  /** Where `id` may be, the best guess first; last what this node was told at its start. */
  #addressesOf(id: NodeId): Address[] {
    const texts = this.#book.addressesOf(id).filter(isPeerAddress);
    const all = [...texts.map(parseAddress), this.#options.peers.get(id)];
    const addresses: Address[] = [];
    for (const address of all) {
      if (address === undefined || addresses.some((other) => sameAddress(other, address))) continue;
      addresses.push(address);
    }
    return addresses;
  }

  /** What this node says of where it is. */
  #advertised(listening: Address): string | undefined {
    const { advertise } = this.#options;
    if (advertise !== undefined) return formatAddress(advertise);
    return isWildcard(listening.host) ? undefined : formatAddress(listening);
  }
}

function newPeer(id: NodeId, address: Address | undefined): Peer {
  const text = address === undefined ? "" : formatAddress(address);
  return { id, address: text, incarnation: undefined };
}
