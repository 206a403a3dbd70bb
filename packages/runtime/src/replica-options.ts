import { isSafe, type NodeId, RaftNode, type RaftOptions, type Ticks } from "@quorate/core";
import { addressFlaw, clusterIdFlaw, forwardTimeoutMsMax } from "@quorate/wire";
import { isSignal } from "./abort-signal.ts";
import type { Mended, Missing } from "./borrowing.ts";
import { atLeast, atLeastOne, refuse, within } from "./check-option.ts";
import {
  type CompleteLeadershipOptions,
  type LeadershipOptions,
  validateLeadershipOptions,
} from "./leadership-options.ts";
import { type DigestOptions, validateDigestOptions } from "./digest-options.ts";
import type { ReplicaObserver } from "./replica-observer.ts";
import type { Clock, Disk, Network, Random } from "./ports.ts";
import type { AbortSignalLike } from "./replica.ts";
import { type SnapshotOptions, validateSnapshotOptions } from "./snapshot-options.ts";
import type { StateMachine } from "./state-machine.ts";

/** What a replica is made of, and its limits. Only the first eight have no default. */
export interface ReplicaOptions<Query, Answer>
  extends SnapshotOptions, LeadershipOptions, DigestOptions {
  /** This replica. Keep it for the life of its disk: an id is never given to an empty disk again. */
  readonly id: NodeId;

  /**
   * All voters that the group begins with, `id` among them, each once. The same on every replica. It
   * counts on an empty disk only: a disk knows its members. Empty for a replica that joins.
   */
  readonly voters: readonly NodeId[];

  /** Names the group: 1 to 255 bytes of UTF-8. A disk that belongs to another group is refused. */
  readonly clusterId: string;

  /**
   * What is replicated. At every start it is restored from the newest snapshot, if there is one, and what
   * the log holds after that is applied to it: so it starts empty, unless it is durable by itself.
   */
  readonly stateMachine: StateMachine<Query, Answer>;

  /** Where the log is kept. Nothing else may use it. */
  readonly disk: Disk;

  /** Carries frames to the other members. The replica opens it and closes it. */
  readonly network: Network;

  /** Time. */
  readonly clock: Clock;

  /** Randomness: it spreads election timeouts and tells this run from an earlier one. */
  readonly random: Random;

  /**
   * Whether this replica joins a group that exists. Then, on an empty disk, it is silent until a member
   * of the group adds it, and learns from it all else. On any other disk it changes nothing.
   *
   * @default false
   */
  readonly join?: boolean;

  /**
   * Where the others reach this replica, in the network's notation; empty if it does not say. When it
   * differs from what the group knows, the leader records it.
   *
   * @default what `addresses` says of `id`, or empty
   */
  readonly address?: string;

  /**
   * Where the first members are reached, in the network's notation: what the table of members says of
   * them at first. It counts on an empty disk only, where it must be the same on every replica.
   *
   * @default nothing is known
   */
  readonly addresses?: ReadonlyMap<NodeId, string>;

  /**
   * How long a tick of the core is, in milliseconds, 1 to 60,000. With ten ticks to an election
   * timeout, the default finds a new leader one to two seconds after the old one fell silent.
   *
   * @default 100
   */
  readonly tickMs?: number;

  /**
   * How long a call may take unless it says otherwise, in milliseconds, 1 to 2^31 - 1.
   *
   * @default 5000
   */
  readonly callTimeoutMs?: number;

  /**
   * How long a change of members may take unless it says otherwise, catching up included, in
   * milliseconds, 1 to 2^31 - 1.
   *
   * @default 60000
   */
  readonly memberTimeoutMs?: number;

  /**
   * How long a call that was refused for want of a leader waits before it is tried again, in
   * milliseconds, 1 to 60,000. News of a leader ends the wait at once.
   *
   * @default 20
   */
  readonly retryMs?: number;

  /**
   * How long a replica with a full disk waits before it tries to write again, in milliseconds, 1 to
   * 3,600,000.
   *
   * @default 1000
   */
  readonly diskFullRetryMs?: number;

  /**
   * How many proposals may be accepted and not settled, own and forwarded here together; beyond it
   * they are refused as `busy`. At least 1.
   *
   * @default 65536
   */
  readonly proposalCountMax?: number;

  /**
   * How many bytes of commands may be accepted and not settled; beyond it proposals are refused as
   * `busy`. A single larger command is accepted when no other is pending. At least 1.
   *
   * @default 64 MiB
   */
  readonly proposalBytesMax?: number;

  /**
   * How many reads may wait for an answer; beyond it they are refused as `busy`. At least 1.
   *
   * @default 65536
   */
  readonly readCountMax?: number;

  /**
   * How many bytes of entries may wait for the disk. Beyond it proposals are refused as `busy`, and
   * appends from a leader are dropped as if the network had lost them: the leader sends them again.
   * At least 1.
   *
   * @default 64 MiB
   */
  readonly unpersistedBytesMax?: number;

  /**
   * How large a file of the log grows before the next is begun, in bytes.
   *
   * @default the log's own
   */
  readonly segmentBytes?: number;

  /**
   * How long a replica whose log went bad looks for members that can prove what was there, in milliseconds,
   * 1 to 2^31 - 1. It takes no part in its group until then; after that it does not start.
   *
   * @default 60000
   */
  readonly repairTimeoutMs?: number;

  /**
   * Is told of entries that the log has lost, before other members are asked for them, which can take as
   * long as `repairTimeoutMs`. `onMended` follows when they are there again. Must not throw.
   *
   * @default nobody is told
   */
  readonly onMissing?: (missing: Missing) => void;

  /**
   * Is told of each damage of the log that was mended before the replica starts. A disk that loses what it
   * was given is to be replaced. Must not throw.
   *
   * @default nobody is told
   */
  readonly onMended?: (mended: Mended) => void;

  /**
   * Gives up the start when aborted: reading the log, having it mended, restoring the state machine, whose
   * chunks then end in an error. The start rejects with `aborted`, and nothing is left open, or half-mended
   * on the disk: the next one goes on from there. To a replica that has started the signal says nothing: see
   * `Replica.close`.
   *
   * @default the start succeeds or fails
   */
  readonly signal?: AbortSignalLike | undefined;

  /**
   * Who watches how the replica works, for metrics.
   *
   * @default nobody, and nothing is measured
   */
  readonly observer?: ReplicaObserver | undefined;

  /**
   * How much of the disk is set aside, in bytes, at least 0, so that a disk that is full of log can be made
   * room on: a snapshot is stored there, and the log lets go of what it stands for. Should be at least as
   * large as the state, as `save` gives it. What is given up is set aside again before proposals are taken
   * again. 0: none is kept.
   *
   * @default as much as a file of the log: `segmentBytes`, or 64 MiB
   */
  readonly reserveBytes?: number;

  /**
   * How many bytes of memory keep what the core was told of late, so that it can be played again: see
   * `Replica.flightRecord`. At least half of them are full of it at any time, once so much has happened.
   * 0, or 65,536 to 2^30.
   *
   * @default 4 MiB
   */
  readonly flightRecorderBytes?: number;

  /** How the consensus core behaves. What it starts from is the replica's business. */
  readonly raft?: Omit<RaftOptions, "storage" | "seed" | "appliedIndex">;
}

/** The options of a replica, every one decided. */
export interface CompleteReplicaOptions<Query, Answer>
  extends
    Required<Omit<ReplicaOptions<Query, Answer>, "segmentBytes" | "raft">>,
    CompleteLeadershipOptions {
  readonly segmentBytes: number | undefined;
  readonly raft: Omit<RaftOptions, "storage" | "seed" | "appliedIndex">;
  /** The largest command that is taken, in bytes. */
  readonly commandBytesMax: number;
  /** How long a follower waits for its leader, in ticks: at least this and less than twice as long. */
  readonly electionTimeoutTicks: Ticks;
  /** How many ticks are made up for after a pause: too few to time out an election. */
  readonly tickCatchUpMax: number;
}

const mebi = 1024 * 1024;

/** The longest time of a call: what every platform's timers can count, in milliseconds. */
export const callTimeoutMsMax: number = forwardTimeoutMsMax;

/** Fills in the defaults. Throws `invalid_options` for a value of the wrong type or range. */
export function validateReplicaOptions<Query, Answer>(
  options: ReplicaOptions<Query, Answer>,
): CompleteReplicaOptions<Query, Answer> {
  const { id, voters, clusterId, join = false } = options;
  if (!isSafe(id) || id < 1) refuse(`id must be an integer of at least 1: got ${String(id)}`);
  if (typeof join !== "boolean") refuse(`join must be true or false: got ${String(join)}`);
  validateVoters(id, voters, join);
  const flaw = clusterIdFlaw(clusterId);
  if (flaw !== undefined) refuse(`clusterId ${flaw}`);
  // Refuses what the core would refuse, before a disk is touched.
  const {
    commandBytesMax = 4 * mebi,
    electionTimeoutTicks = 10,
    leaseReads = false,
  } = options.raft ?? {};
  const raft = { ...options.raft, commandBytesMax, electionTimeoutTicks };
  new RaftNode(id, join ? [id] : voters, raft).status();
  const tickMs = within(1, 60_000, "tickMs", options.tickMs ?? 100);
  const tickCatchUpMax = Math.min(2, electionTimeoutTicks - 1);
  const timing = { tickMs, electionTimeoutTicks, tickCatchUpMax };
  return {
    id,
    voters: [...voters],
    clusterId,
    join,
    address: validateAddress(id, options),
    addresses: validateAddresses(voters, options.addresses ?? new Map()),
    stateMachine: options.stateMachine,
    disk: options.disk,
    network: options.network,
    clock: options.clock,
    random: options.random,
    tickMs,
    callTimeoutMs: within(1, callTimeoutMsMax, "callTimeoutMs", options.callTimeoutMs ?? 5000),
    memberTimeoutMs: within(
      1,
      callTimeoutMsMax,
      "memberTimeoutMs",
      options.memberTimeoutMs ?? 60_000,
    ),
    retryMs: within(1, 60_000, "retryMs", options.retryMs ?? 20),
    diskFullRetryMs: within(1, 3_600_000, "diskFullRetryMs", options.diskFullRetryMs ?? 1000),
    proposalCountMax: atLeastOne("proposalCountMax", options.proposalCountMax ?? 65_536),
    proposalBytesMax: atLeastOne("proposalBytesMax", options.proposalBytesMax ?? 64 * mebi),
    readCountMax: atLeastOne("readCountMax", options.readCountMax ?? 65_536),
    unpersistedBytesMax: atLeastOne(
      "unpersistedBytesMax",
      options.unpersistedBytesMax ?? 64 * mebi,
    ),
    signal: validateSignal(options.signal),
    observer: options.observer,
    flightRecorderBytes: validateRecorderBytes(options.flightRecorderBytes ?? 4 * mebi),
    ...validateLogOptions(options),
    ...validateSnapshotOptions(options),
    ...validateDigestOptions(options),
    raft,
    commandBytesMax,
    electionTimeoutTicks,
    tickCatchUpMax,
    ...validateLeadershipOptions(options, leaseReads, timing),
  };
}

/** The options about the log on the disk. */
type LogOptions = Pick<
  CompleteReplicaOptions<never, unknown>,
  "segmentBytes" | "reserveBytes" | "repairTimeoutMs" | "onMissing" | "onMended"
>;

function validateLogOptions(options: Partial<LogOptions>): LogOptions {
  const { segmentBytes, reserveBytes, repairTimeoutMs = 60_000 } = options;
  const { onMissing = () => {}, onMended = () => {} } = options;
  return {
    segmentBytes: segmentBytes === undefined ? undefined : atLeastOne("segmentBytes", segmentBytes),
    reserveBytes: atLeast(0, "reserveBytes", reserveBytes ?? segmentBytes ?? 64 * mebi),
    repairTimeoutMs: within(1, callTimeoutMsMax, "repairTimeoutMs", repairTimeoutMs),
    onMissing,
    onMended,
  };
}

function validateSignal(signal: AbortSignalLike | undefined): AbortSignalLike | undefined {
  if (signal === undefined || isSignal(signal)) return signal;
  return refuse("signal must be an AbortSignal");
}

function validateRecorderBytes(bytes: number): number {
  return bytes === 0 ? 0 : within(65_536, 2 ** 30, "flightRecorderBytes", bytes);
}

function validateVoters(id: NodeId, voters: readonly NodeId[], join: boolean): void {
  if (!Array.isArray(voters)) refuse(`voters must be a list of ids: got ${String(voters)}`);
  for (const voter of voters) {
    if (!isSafe(voter) || voter < 1) {
      refuse(`voters must be integers of at least 1: got ${String(voter)}`);
    }
  }
  if (new Set(voters).size !== voters.length) {
    refuse(`voters must name each id once: got ${voters.join(", ")}`);
  }
  if (join) {
    if (voters.length > 0) refuse(`voters must be empty to join: got ${voters.join(", ")}`);
  } else if (!voters.includes(id)) {
    refuse(`voters must include id ${id}: got ${voters.join(", ")}`);
  }
}

function validateAddress(
  id: NodeId,
  { address, addresses }: Pick<ReplicaOptions<never, unknown>, "address" | "addresses">,
): string {
  const own = address ?? addresses?.get(id) ?? "";
  const flaw = own === "" ? undefined : addressFlaw(own);
  return flaw === undefined ? own : refuse(`address ${flaw}`);
}

function validateAddresses(
  voters: readonly NodeId[],
  addresses: ReadonlyMap<NodeId, string>,
): ReadonlyMap<NodeId, string> {
  for (const [id, address] of addresses) {
    if (!voters.includes(id)) refuse(`addresses must be of voters: got one of ${String(id)}`);
    const flaw = addressFlaw(address);
    if (flaw !== undefined) refuse(`the address of node ${id} ${flaw}`);
  }
  return new Map(addresses);
}
