import type { Logger } from "pino";
import {
  exactlyOnce,
  formatAddress,
  openSnapshotArchive,
  parseAddress,
  RaftError,
  registeredTracer,
  startReplica,
  type Address,
  type NodeId,
  withTracing,
} from "quorate";
import { withoutCode } from "../api-error.ts";
import { createHttpServer, type HttpServer, type HttpServerOptions } from "../http-server.ts";
import type { KvReplica } from "../kv-calls.ts";
import { KvStore } from "../kv-store.ts";
import { NodeMetrics } from "../node-metrics.ts";
import { useNativeCrc32c } from "../native-crc32c.ts";
import { version } from "../version.ts";
import { dataDirError } from "./data-dir-error.ts";
import { CommandError, exitStatus } from "./exit-status.ts";
import { logFlightRecord, recordOnSignal } from "./flight-signal.ts";
import { logFindings } from "./finding-log.ts";
import { createLog, type LogFormat, type LogLevel } from "./log.ts";
import { seekMembership } from "./membership-job.ts";
import {
  httpSecurityOf,
  joinCredentialsOf,
  peerTlsOf,
  refuseExposure,
  type SecuritySettings,
  warnOfEavesdroppers,
} from "./serve-security.ts";
import { repairLogger, replicaLogger } from "./replica-log.ts";

/** One node of the key-value store. */
export interface ServeOptions extends SecuritySettings {
  readonly id: NodeId;
  /** The first nodes, `id` among them, and where they listen for one another; or this one, to join. */
  readonly cluster: ReadonlyMap<NodeId, Address>;
  readonly http: Address;
  readonly dataDir: string;
  readonly clusterId: string;
  /** Whether to join a group that exists, and whom to ask to be added. */
  readonly join?: true | readonly string[];
  readonly learner: boolean;
  readonly priority?: number;
  readonly listen?: string;
  readonly advertise?: string;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** How long a tick is, in milliseconds. */
  readonly tickMs: number;
  /** How often a leader sends heartbeats, and how long followers wait for one, in ticks. */
  readonly heartbeatTicks: number;
  readonly electionTimeoutTicks: number;
  readonly leaseReads: boolean;
  /** When snapshots are taken, and how many entries stay behind one. */
  readonly snapshotEveryCount: number;
  readonly snapshotEveryBytes: number;
  readonly snapshotTailCount: number;
  readonly segmentBytes: number;
  /** How much of the disk is set aside. By default as much as a segment. */
  readonly reserveBytes?: number;
  /** Whether to stop when the process that started this one goes away; it gave an IPC channel. */
  readonly exitWithParent: boolean;
}

/** How long requests in progress have to finish once the node is told to stop, in milliseconds. */
const drainMs = 2_000;
/** How long another node has to take over, and what was handed here to be settled, in milliseconds. */
const handOverMs = 4_000;

/**
 * Runs a node until a signal asks it to stop, or it fails; a signal ends a start, too. Resolves with the exit
 * status once the log is closed. Rejects with a `CommandError` if it cannot start.
 */
export async function serve(options: ServeOptions): Promise<number> {
  const log = createLog(
    options.id,
    { format: options.logFormat, level: options.logLevel, color: process.stdout.isTTY },
    { write: (line) => process.stdout.write(line) },
  );
  logDefects(log);

  const stop = stopReason(options.exitWithParent);
  if (options.learner && options.join === undefined) {
    throw new CommandError("--learner goes with --join only");
  }
  refuseExposure(options, { http: options.http, peers: peerAddressOf(options) });
  warnOfEavesdroppers(options, options.http, log);
  const security = httpSecurityOf(options, log);
  const credentials = Array.isArray(options.join) ? joinCredentialsOf(options) : {};
  const metrics = new NodeMetrics();
  const tracer = await registeredTracer();
  const stopping = new AbortController();
  void stop.then((reason) => stopping.abort(reason));
  const started = await start(options, log, metrics, stopping.signal);
  if (started === undefined) {
    log.info({ reason: await stop }, "stopped before the start was over");
    return exitStatus.ok;
  }
  const replica = tracer === undefined ? started : withTracing(started, tracer);
  replica.subscribe(replicaLogger(log));
  metrics.watch(replica);
  recordOnSignal(replica, options.dataDir, log);
  const stopFindings = logFindings(replica, log);
  const { http, port } = await listen(replica, options.http, {
    ...security,
    continueTrace: tracer?.continueTrace,
    onDefect: (err) => log.error({ err: err.cause ?? err }, "a request failed by a defect"),
    openSnapshot: () => openSnapshotArchive(options.dataDir),
    metrics: () => metrics.text(),
  });
  const clients = formatAddress({ ...options.http, port });
  log.info(
    { version, pid: process.pid, http: clients, dataDir: options.dataDir },
    `node ${options.id} serves`,
  );
  const membership = (signal: AbortSignal): Promise<string | undefined> => {
    const { id, cluster, join, learner, advertise, priority } = options;
    const own = cluster.get(id);
    const wish = {
      id,
      address: advertise ?? (own === undefined ? "" : formatAddress(own)),
      endpoints: join === undefined || join === true ? [] : join,
      credentials,
      as: learner ? ("learner" as const) : ("voter" as const),
      priority,
    };
    return seekMembership(replica, wish, log, signal);
  };
  return runNode({ replica, http, log, stop, membership }).finally(stopFindings);
}

/** What `runNode` needs: a node that serves. */
export interface ServingNode {
  readonly replica: KvReplica;
  readonly http: HttpServer;
  readonly log: Logger;
  /** Resolves with a reason once the node shall stop. */
  readonly stop: Promise<string>;
  /** Seeks to be what the node shall be in its group; resolves with why it cannot, or undefined. */
  readonly membership?: (signal: AbortSignal) => Promise<string | undefined>;
}

/** Why a node stops: it was asked to, or it must. */
interface StopReason {
  readonly kind: "asked" | "failed" | "removed" | "unwanted";
  readonly reason: string;
}

const statusOf: Record<StopReason["kind"], number> = {
  asked: exitStatus.ok,
  failed: exitStatus.failed,
  removed: exitStatus.removed,
  unwanted: exitStatus.failed,
};

/**
 * Waits until the node shall stop, or must, and then stops it: no new work, what is in progress gets a
 * moment to finish, a leader hands over, the rest fails, the log is closed. Resolves with the exit status.
 */
export async function runNode({
  replica,
  http,
  log,
  stop,
  membership = () => Promise.resolve(undefined),
}: ServingNode): Promise<number> {
  const ending = new AbortController();
  const unwanted = new Promise<StopReason>((resolve, reject) => {
    membership(ending.signal).then((reason) => {
      if (reason !== undefined) resolve({ kind: "unwanted", reason });
    }, reject);
  });
  const asked = stop.then((reason): StopReason => ({ kind: "asked", reason }));
  const { kind, reason } = await Promise.race([asked, endOf(replica), unwanted]);
  ending.abort();
  if (kind === "asked") log.info({ reason }, "stopping");
  else log.fatal({ reason }, "stopping");
  if (kind !== "failed") await http.drain(drainMs);
  try {
    await replica.close();
  } finally {
    await http.close();
  }
  log.info("stopped");
  return statusOf[kind];
}

/** Resolves once the replica has come to an end by itself. */
function endOf(replica: KvReplica): Promise<StopReason> {
  return new Promise((resolve) => {
    const onFailed = (reason: string): void => resolve({ kind: "failed", reason });
    const onRemoved = (): void => {
      const reason =
        "this node was removed from its group, for good; to come back, " +
        "it needs an empty data directory and an id that was never used";
      resolve({ kind: "removed", reason });
    };
    replica.subscribe((event) => {
      if (event.kind === "failed") onFailed(event.error.message);
      else if (event.kind === "removed") onRemoved();
    });
    const { state, failure } = replica.status();
    if (state === "failed") onFailed(failure ?? "the replica failed");
    else if (state === "removed") onRemoved();
  });
}

/** Starts the replica; undefined if `signal` ended that before it was done. */
async function start(
  options: ServeOptions,
  log: Logger,
  { observer }: NodeMetrics,
  signal: AbortSignal,
): Promise<KvReplica | undefined> {
  await useNativeCrc32c();
  try {
    return await startReplica({
      id: options.id,
      cluster: new Map([...options.cluster].map(([id, address]) => [id, formatAddress(address)])),
      dataDir: options.dataDir,
      clusterId: options.clusterId,
      stateMachine: exactlyOnce(new KvStore()),
      observer,
      signal,
      join: options.join !== undefined,
      listen: options.listen,
      advertise: options.advertise,
      tls: peerTlsOf(options, log),
      tickMs: options.tickMs,
      handOverTimeoutMs: handOverMs,
      snapshotEveryCount: options.snapshotEveryCount,
      snapshotEveryBytes: options.snapshotEveryBytes,
      snapshotTailCount: options.snapshotTailCount,
      segmentBytes: options.segmentBytes,
      reserveBytes: options.reserveBytes ?? options.segmentBytes,
      raft: {
        heartbeatTicks: options.heartbeatTicks,
        electionTimeoutTicks: options.electionTimeoutTicks,
        leaseReads: options.leaseReads,
      },
      ...repairLogger(log),
      onFlightRecord: (result) => logFlightRecord(log, result),
      onRefused: ({ direction, peer, address, error }) => {
        log.warn({ direction, peer, address, reason: withoutCode(error) }, "connection refused");
      },
    });
  } catch (error) {
    if (error instanceof RaftError && error.code === "aborted") return undefined;
    throw dataDirError(error, ["wrong_identity"]);
  }
}

/** Where this node listens for its peers. */
function peerAddressOf({ id, cluster, listen: given }: ServeOptions): Address {
  const own = cluster.get(id) ?? { host: "localhost", port: 0 };
  return given === undefined ? own : parseAddress(given);
}

/** Listens for clients, and says on which port. */
async function listen(
  replica: KvReplica,
  address: Address,
  options: HttpServerOptions,
): Promise<{ readonly http: HttpServer; readonly port: number }> {
  try {
    const http = createHttpServer(replica, options);
    return { http, port: await http.listen(address.host, address.port) };
  } catch (error) {
    await replica.close();
    throw dataDirError(error, ["wrong_identity"]);
  }
}

/** Resolves with why the node is asked to stop. Further signals are taken and change nothing. */
function stopReason(exitWithParent: boolean): Promise<string> {
  return new Promise((resolve) => {
    process.on("SIGTERM", () => resolve("SIGTERM"));
    process.on("SIGINT", () => resolve("SIGINT"));
    process.on("SIGHUP", () => resolve("SIGHUP"));
    if (!exitWithParent) return;
    process.on("disconnect", () => resolve("the parent is gone"));
    // Listening holds the channel open, which must not keep a stopped node from ending.
    process.channel?.unref();
    if (!process.connected) resolve("the parent is gone");
  });
}

/**
 * Lets the log tell of a defect. The process then dies at once, as is best when nobody knows its
 * state: what was acknowledged is on disk.
 */
function logDefects(log: Logger): void {
  process.on("uncaughtExceptionMonitor", (err) => log.fatal({ err }, "a defect; stopping at once"));
}
