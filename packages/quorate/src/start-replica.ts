import { type NodeId, RaftError, type RaftOptions } from "@quorate/core";
import {
  type Answered,
  type Applied,
  type CallOptions,
  checkWanted,
  openReplica,
  type ReadOptions,
  type Replica,
  type ReplicaEvent,
  type ReplicaMembers,
  type ReplicaOptions,
  type ReplicaStatus,
  type SnapshotTaken,
} from "@quorate/runtime";
import { formatAddress } from "./address.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { type FlightRecordResult, recordFailure } from "./flight-files.ts";
import type { RefusedConnection } from "./handshake.ts";
import { NodeClock } from "./node-clock.ts";
import { openNodeDisk } from "./node-disk.ts";
import { NodeRandom } from "./node-random.ts";
import type { PeerTlsOptions } from "./peer-tls.ts";
import { TcpNetwork } from "./tcp-network.ts";
import { parsePeerAddress, type TcpLimits } from "./tcp-options.ts";

/** What `startReplica` needs to know, and all limits of a replica, which have defaults. */
export interface StartOptions<Query, Answer> extends Omit<
  ReplicaOptions<Query, Answer>,
  "voters" | "addresses" | "address" | "clusterId" | "disk" | "network" | "clock" | "random"
> {
  /**
   * Where each node of the group is reached, by id: `HOST:PORT` or `[IPV6]:PORT`. A record or a map,
   * which names `id` itself.
   *
   * On an empty data directory these are the members that the group begins with, the same on every
   * node; a node that joins need only name itself. Later the group knows its members by itself, and this
   * says only where else to look for one that is not where the group knows it to be.
   */
  readonly cluster: Readonly<Record<NodeId, string>> | ReadonlyMap<NodeId, string>;

  /**
   * The directory for the log: this node's alone, on a local disk, and created if it is missing. It
   * belongs to one id for ever: a node that lost it must not come back under the same id, but can be
   * replaced by one with another.
   */
  readonly dataDir: string;

  /**
   * Names the group: 1 to 255 bytes of UTF-8, the same on every node. It keeps nodes of one group out
   * of another that was given their addresses by mistake.
   *
   * @default "quorate"
   */
  readonly clusterId?: string;

  /**
   * Where this node listens, if that differs from where the others reach it: `0.0.0.0:7001`, say.
   *
   * @default this node's address in `cluster`
   */
  readonly listen?: string | undefined;

  /**
   * Where the others reach this node, if that is no longer where `cluster` says, or not the same from
   * everywhere. It is told to every node that is connected to, and the group remembers it.
   *
   * @default this node's address in `cluster`
   */
  readonly advertise?: string | undefined;

  /**
   * How connections between nodes are secured: with certificates that both sides show. The guide on
   * security says how to make them.
   *
   * @default not at all: everything can be read and forged by whoever is on the network
   */
  readonly tls?: PeerTlsOptions | undefined;

  /** Limits on connections. A frame is by default as large as the limits of `raft` require. */
  readonly connections?: Partial<TcpLimits>;

  /**
   * Is told what became of the flight record that a replica which fails leaves in its data directory. Must
   * not throw.
   */
  readonly onFlightRecord?: ((result: FlightRecordResult) => void) | undefined;

  /** Is told of connections refused by either side, once per distinct reason. Must not throw. */
  readonly onRefused?: ((refusal: RefusedConnection) => void) | undefined;
}

/**
 * Starts one replica of `options.stateMachine` in this process: takes the data directory, reads the log
 * in it, listens, and joins the group. Resolves as soon as it takes part; calls wait for a leader.
 *
 * Rejects with `invalid_options` (also for an address that cannot be listened on), `locked` if another
 * process has the directory, `wrong_identity` if the directory belongs to another node or group,
 * `diverged` if the state in it was found not to be the group's, `aborted` if `signal` is, `corrupt`,
 * `log_lost` (the state machine has applied more than the log holds), `snapshot_failed`, `disk_full` or
 * `storage_failed`, or with what the state machine's `restore` rejected with. Then nothing is left running.
 *
 * @example
 * ```ts
 * import { type Entry, startReplica, type StateMachine } from "quorate";
 *
 * class Counter implements StateMachine<"value", number> {
 *   #value = 0;
 *   apply(entries: readonly Entry[]): Uint8Array[] {
 *     return entries.map(() => Uint8Array.of(++this.#value));
 *   }
 *   query(): number {
 *     return this.#value;
 *   }
 * }
 *
 * const replica = await startReplica({
 *   id: 1,
 *   cluster: { 1: "127.0.0.1:7001", 2: "127.0.0.1:7002", 3: "127.0.0.1:7003" },
 *   dataDir: "data/1",
 *   stateMachine: new Counter(),
 * });
 * await replica.propose(Uint8Array.of());
 * const { answer } = await replica.read("value");
 * await replica.close();
 * ```
 */
export async function startReplica<Query, Answer>(
  options: StartOptions<Query, Answer>,
): Promise<Replica<Query, Answer>> {
  const {
    cluster,
    dataDir,
    clusterId = "quorate",
    listen,
    advertise,
    connections,
    tls,
    onRefused,
    onFlightRecord = () => {},
    ...rest
  } = options;
  const { id } = rest;
  const addresses = validateCluster(cluster);
  const own = addresses.get(id);
  if (own === undefined) {
    throw new RaftError("invalid_options", `cluster does not name this node, ${String(id)}`);
  }
  if (typeof dataDir !== "string" || dataDir === "") {
    throw new RaftError("invalid_options", "dataDir must name a directory");
  }
  const network = new TcpNetwork({
    ...connections,
    frameBytesMax: validateFrameBytesMax(connections?.frameBytesMax, options.raft),
    id,
    clusterId,
    listen: listen ?? own,
    advertise: advertise ?? own,
    peers: new Map([...addresses].filter(([peer]) => peer !== id)),
    tls,
    onRefused,
  });
  checkWanted(rest.signal);
  const disk = await openNodeDisk(dataDir);
  const lock = await lockDirectory(dataDir);
  try {
    const replica = await openReplica({
      ...rest,
      voters: rest.join === true ? [] : [...addresses.keys()],
      addresses: rest.join === true ? new Map() : addresses,
      address: advertise ?? own,
      clusterId,
      disk,
      network,
      clock: new NodeClock(),
      random: new NodeRandom(),
    });
    return new LockedReplica(replica, lock, recordFailure(replica, dataDir, onFlightRecord));
  } catch (error) {
    await network.close();
    await lock.release();
    throw error;
  }
}

/** A replica whose data directory is given up when it is closed, and what it recorded is written. */
class LockedReplica<Query, Answer> implements Replica<Query, Answer> {
  readonly id: NodeId;
  readonly #replica: Replica<Query, Answer>;
  readonly #lock: DirectoryLock;
  readonly #recorded: () => Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(replica: Replica<Query, Answer>, lock: DirectoryLock, recorded: () => Promise<void>) {
    this.id = replica.id;
    this.#replica = replica;
    this.#lock = lock;
    this.#recorded = recorded;
  }

  get members(): ReplicaMembers {
    return this.#replica.members;
  }

  propose(command: Uint8Array, options?: CallOptions): Promise<Applied> {
    return this.#replica.propose(command, options);
  }

  read(query: Query, options?: ReadOptions): Promise<Answered<Answer>> {
    return this.#replica.read(query, options);
  }

  snapshot(options?: CallOptions): Promise<SnapshotTaken> {
    return this.#replica.snapshot(options);
  }

  transferLeadership(to?: NodeId, options?: CallOptions): Promise<NodeId> {
    return this.#replica.transferLeadership(to, options);
  }

  forgetLeader(): NodeId {
    return this.#replica.forgetLeader();
  }

  status(): ReplicaStatus {
    return this.#replica.status();
  }

  flightRecord(): Uint8Array | undefined {
    return this.#replica.flightRecord();
  }

  subscribe(listener: (event: ReplicaEvent) => void): () => void {
    return this.#replica.subscribe(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#replica.close();
      await this.#recorded();
    } finally {
      await this.#lock.release();
    }
  }
}

/** The addresses by id. Throws `invalid_options`. */
export function validateCluster(
  cluster: Readonly<Record<NodeId, string>> | ReadonlyMap<NodeId, string>,
): Map<NodeId, string> {
  const entries: Iterable<readonly [unknown, string]> = isMap(cluster)
    ? cluster
    : Object.entries(cluster);
  const addresses = new Map<NodeId, string>();
  const idOf = new Map<string, NodeId>();
  for (const [key, address] of entries) {
    const id = Number(key);
    if (!Number.isSafeInteger(id) || id < 1 || String(id) !== String(key)) {
      throw new RaftError(
        "invalid_options",
        `cluster has "${String(key)}" for an id: give integers from 1`,
      );
    }
    const normal = formatAddress(parsePeerAddress(address));
    const other = idOf.get(normal);
    if (other !== undefined) {
      throw new RaftError("invalid_options", `nodes ${other} and ${id} both have ${normal}`);
    }
    idOf.set(normal, id);
    addresses.set(id, address);
  }
  return addresses;
}

function isMap<Key, Value>(value: object): value is ReadonlyMap<Key, Value> {
  return value instanceof Map;
}

const mebi = 1024 * 1024;

/**
 * The largest frame to take in. One frame holds up to 1 MiB of messages and one message more, whose
 * entries may have doubled in size by encoding if they were tiny, or one whole command, or all that is
 * known of the members, which is 1 MiB at most.
 */
function validateFrameBytesMax(given: number | undefined, raft: RaftOptions | undefined): number {
  const { messageBytesMax = mebi / 4, commandBytesMax = 4 * mebi } = raft ?? {};
  const least = 2 * (mebi + messageBytesMax) + Math.max(mebi, commandBytesMax);
  if (given !== undefined && given < least) {
    throw new RaftError(
      "invalid_options",
      `frameBytesMax must be at least ${least} for the limits of raft: got ${given}`,
    );
  }
  return given ?? Math.max(16 * mebi, least);
}
