import { isSafe, type NodeId, RaftError } from "@quorate/core";
import { guestCountDefault } from "@quorate/runtime";
import { clusterIdFlaw } from "@quorate/wire";
import { type Address, isPeerAddress, parseAddress } from "./address.ts";
import type { RefusedConnection } from "./handshake.ts";
import type { PeerTlsOptions } from "./peer-tls.ts";

/** Who a `TcpNetwork` connects, and its limits. */
export interface TcpNetworkOptions {
  /** This node. */
  readonly id: NodeId;

  /** Names the group: 1 to 255 bytes of UTF-8. Nodes of other groups are refused. */
  readonly clusterId: string;

  /** Where this node listens: `HOST:PORT` or `[IPV6]:PORT`. Port 0 lets the system pick one. */
  readonly listen: string;

  /**
   * Where the others reach this node: `HOST:PORT` or `[IPV6]:PORT`. It is told to every node that is
   * connected to, which finds this one there from then on, wherever it was before.
   *
   * @default where this node listens; nothing is told if that is `0.0.0.0` or `[::]`
   */
  readonly advertise?: string | undefined;

  /**
   * The peers until `setPeers` is called; undefined for one whose address is not known. Later, where
   * else to look for a peer that is not found where the group knows it to be.
   */
  readonly peers: ReadonlyMap<NodeId, string | undefined>;

  /**
   * How connections are secured. With it nothing but TLS is spoken, and both sides show certificates.
   *
   * @default not at all: everything can be read and forged by whoever is on the network
   */
  readonly tls?: PeerTlsOptions | undefined;

  /**
   * Is told of connections that either side refused, once per peer and reason; of those who connected, 100
   * times a minute at most. Must not throw.
   */
  readonly onRefused?: ((refusal: RefusedConnection) => void) | undefined;

  /**
   * How many bytes may wait for one peer, chunks of snapshots aside; frames beyond it are dropped. At
   * least `frameBytesMax`.
   *
   * @default 32 MiB
   */
  readonly sendQueueBytesMax?: number | undefined;

  /**
   * How many bytes of snapshot chunks may wait for one peer; frames beyond it are dropped. They leave
   * only when nothing else waits. At least `frameBytesMax`.
   *
   * @default `frameBytesMax`
   */
  readonly snapshotQueueBytesMax?: number | undefined;

  /**
   * The largest frame that is taken in, in bytes: 1 KiB to 1 GiB. A larger one ends its connection, so
   * it must exceed what a batch of messages and the largest command need together.
   *
   * @default 16 MiB
   */
  readonly frameBytesMax?: number | undefined;

  /**
   * The longest wait before the first new attempt to connect, in milliseconds, 1 to 60,000. It doubles
   * with every failure, and the wait is a random part of it.
   *
   * @default 50
   */
  readonly reconnectMsMin?: number | undefined;

  /**
   * The longest wait before any attempt to connect, in milliseconds, `reconnectMsMin` to 60,000. A
   * connection that lasted this long lets the waits begin anew.
   *
   * @default 2000
   */
  readonly reconnectMsMax?: number | undefined;

  /**
   * How long connecting and the handshake, that of TLS included, may take together, in milliseconds,
   * 1 to 60,000.
   *
   * @default 5000
   */
  readonly handshakeTimeoutMs?: number | undefined;

  /**
   * How long a connection lives on which nothing moves although something should, in milliseconds,
   * 1000 to 600,000: bytes wait and none is taken, or the other side has stopped saying that it is there.
   *
   * @default 5000
   */
  readonly deadConnectionMs?: number | undefined;

  /**
   * How many incoming connections may be in their handshake; one more ends the oldest of the address
   * that has most of them. At least 1.
   *
   * @default 64
   */
  readonly handshakeCountMax?: number | undefined;

  /**
   * How many nodes that this one does not know, but that belong to the same cluster, may be connected at
   * once, 0 to 4096; one more ends the connection of the oldest. They are what lets a node whose table is
   * old hear of the present one. 0 refuses them all.
   *
   * @default 16
   */
  readonly guestCountMax?: number | undefined;

  /**
   * How long the connections of a peer that was left out or removed live on, in milliseconds, 0 to
   * 60,000, so that both sides can finish what they have to say; and how long `close` waits for a peer
   * that takes nothing of what was sent before. As long as it takes something, `close` waits for up to
   * `deadConnectionMs` more.
   *
   * @default 1000
   */
  readonly lingerMs?: number | undefined;
}

/** The limits of a `TcpNetwork`, every one decided. */
export interface TcpLimits {
  readonly sendQueueBytesMax: number;
  readonly snapshotQueueBytesMax: number;
  readonly frameBytesMax: number;
  readonly reconnectMsMin: number;
  readonly reconnectMsMax: number;
  readonly handshakeTimeoutMs: number;
  readonly deadConnectionMs: number;
  readonly handshakeCountMax: number;
  readonly guestCountMax: number;
  readonly lingerMs: number;
}

/** The options of a `TcpNetwork`, checked. */
export interface CompleteTcpOptions {
  readonly id: NodeId;
  readonly clusterId: string;
  readonly listen: Address;
  readonly advertise: Address | undefined;
  readonly peers: ReadonlyMap<NodeId, Address | undefined>;
  readonly onRefused: (refusal: RefusedConnection) => void;
  readonly limits: TcpLimits;
}

const mebi = 1024 * 1024;

/** Fills in the defaults. Throws `invalid_options` for a value of the wrong type or range. */
export function validateTcpOptions(options: TcpNetworkOptions): CompleteTcpOptions {
  const { id, clusterId } = options;
  const flaw = clusterIdFlaw(clusterId);
  if (flaw !== undefined) refuse(`clusterId ${flaw}`);
  validateId(id);
  const peers = new Map<NodeId, Address | undefined>();
  for (const [peer, address] of options.peers) {
    validateId(peer);
    if (peer === id) refuse(`peers must not name node ${id} itself`);
    peers.set(peer, address === undefined ? undefined : parsePeerAddress(address));
  }
  return {
    id,
    clusterId,
    listen: parseAddress(options.listen),
    advertise: options.advertise === undefined ? undefined : parsePeerAddress(options.advertise),
    peers,
    onRefused: options.onRefused ?? ((): void => {}),
    limits: validateLimits(options),
  };
}

/** Reads the address of a peer, which must have a port. Throws `invalid_options`. */
export function parsePeerAddress(text: string): Address {
  const address = parseAddress(text);
  return isPeerAddress(text)
    ? address
    : refuse(`the address of a peer needs a port: got "${text}"`);
}

function validateLimits(options: TcpNetworkOptions): TcpLimits {
  const frameBytesMax = within(
    1024,
    1024 * mebi,
    "frameBytesMax",
    options.frameBytesMax ?? 16 * mebi,
  );
  const reconnectMsMin = within(1, 60_000, "reconnectMsMin", options.reconnectMsMin ?? 50);
  return {
    frameBytesMax,
    sendQueueBytesMax: within(
      frameBytesMax,
      Number.MAX_SAFE_INTEGER,
      "sendQueueBytesMax",
      options.sendQueueBytesMax ?? Math.max(32 * mebi, frameBytesMax),
    ),
    snapshotQueueBytesMax: within(
      frameBytesMax,
      Number.MAX_SAFE_INTEGER,
      "snapshotQueueBytesMax",
      options.snapshotQueueBytesMax ?? frameBytesMax,
    ),
    reconnectMsMin,
    reconnectMsMax: within(
      reconnectMsMin,
      60_000,
      "reconnectMsMax",
      options.reconnectMsMax ?? Math.max(2000, reconnectMsMin),
    ),
    handshakeTimeoutMs: within(1, 60_000, "handshakeTimeoutMs", options.handshakeTimeoutMs ?? 5000),
    deadConnectionMs: within(1000, 600_000, "deadConnectionMs", options.deadConnectionMs ?? 5000),
    handshakeCountMax: within(1, 65_536, "handshakeCountMax", options.handshakeCountMax ?? 64),
    guestCountMax: within(0, 4096, "guestCountMax", options.guestCountMax ?? guestCountDefault),
    lingerMs: within(0, 60_000, "lingerMs", options.lingerMs ?? 1000),
  };
}

function validateId(id: NodeId): void {
  if (isSafe(id) && id >= 1) return;
  refuse(`a node's id must be an integer of at least 1: got ${String(id)}`);
}

function within(least: number, most: number, name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  return refuse(`${name} must be an integer from ${least} to ${most}: got ${String(value)}`);
}

function refuse(message: string): never {
  throw new RaftError("invalid_options", message);
}
