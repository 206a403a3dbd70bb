import {
  none,
  RaftError,
  type LeadershipEnd,
  type Mended,
  type Missing,
  type ReplicaEvent,
} from "quorate";
import type { Logger } from "pino";

/** Why a node leads no more when somebody wanted it so. */
const planned: ReadonlySet<LeadershipEnd> = new Set(["transferred", "shutting-down", "asked"]);

/**
 * A listener that logs what happens to a replica: one line per election and per change of leader, none
 * per entry. What a misconfigured peer makes happen again and again is told once. Every line has the kind
 * of its event in `event`; the guide on operation lists them, with their fields.
 */
export function replicaLogger(replicaLog: Logger): (event: ReplicaEvent) => void {
  const refused = new ToldOnce();
  return (event) => {
    const log = replicaLog.child({ event: event.kind });
    switch (event.kind) {
      case "leader-changed": {
        const { leader, term } = event;
        if (leader === none) log.warn({ term }, "no leader");
        else log.info({ leader, term }, `node ${leader} leads`);
        return;
      }
      case "role-changed":
        logRole(log, event);
        return;
      case "peer-connected":
        log.info({ peer: event.peer }, "peer connected");
        return;
      case "peer-disconnected":
        log.info({ peer: event.peer, reason: event.reason }, "peer disconnected");
        return;
      case "message-refused": {
        const { peer, error } = event;
        const kind = `${peer} ${error instanceof RaftError ? error.code : error.name}`;
        const level = refused.isNew(kind) ? "warn" : "debug";
        log[level]({ peer, reason: error.message }, "message refused");
        return;
      }
      case "members-changed": {
        const { index, confState } = event;
        const { voters, votersOutgoing, learners } = confState;
        log.info({ index, voters, votersOutgoing, learners }, "members changed");
        return;
      }
      case "snapshot-taken":
      case "snapshot-failed":
      case "snapshot-sent":
      case "snapshot-given-up":
      case "snapshot-received":
      case "snapshot-restored":
        logSnapshot(log, event);
        return;
      case "diverged": {
        const { index, term, digests, wrong } = event;
        log.error({ index, term, digests, wrong }, "the states of nodes differ");
        return;
      }
      case "removed":
        log.fatal({ by: event.by }, "the group has removed this node");
        return;
      case "disk-full":
        log.error("the disk is full: writes are refused until it has room");
        return;
      case "disk-recovered":
        log.info("the disk has room again");
        return;
      case "failed":
        log.fatal({ err: event.error }, "the replica failed");
    }
  };
}

/** What a replica tells of a log that went bad in places, before it starts: logged as events are. */
export function repairLogger(log: Logger): {
  onMissing(missing: Missing): void;
  onMended(mended: Mended): void;
} {
  return {
    onMissing: ({ place, first, last }) => {
      log.warn(
        { event: "log-damaged", place, first, last },
        "entries of the log are damaged: asking the other members for them",
      );
    },
    onMended: ({ place, lent }) => {
      const { by, first, last } = lent ?? {};
      log.warn(
        { event: "log-mended", place, by, first, last },
        "a part of the log was damaged, and is mended: do not trust this disk any longer",
      );
    },
  };
}

/** How much is remembered of what was told. */
const toldCountMax = 1024;

/** Remembers what was told, the newest of it: strangers come under as many ids as they like. */
class ToldOnce {
  readonly #told = new Set<string>();

  /** Whether `kind` is told for the first time, as far as is remembered. */
  isNew(kind: string): boolean {
    const isNew = !this.#told.delete(kind);
    this.#told.add(kind);
    const [oldest = kind] = this.#told;
    if (this.#told.size > toldCountMax) this.#told.delete(oldest);
    return isNew;
  }
}

function logRole(
  log: Logger,
  { role, term, reason }: Extract<ReplicaEvent, { readonly kind: "role-changed" }>,
): void {
  const level = reason !== undefined && planned.has(reason) ? "info" : "warn";
  if (reason !== undefined) log[level]({ term, reason }, "leads no more");
  else if (role === "candidate") log.info({ term }, "election started");
  else log.debug({ role, term }, `role is ${role}`);
}

type SnapshotEvent = Extract<ReplicaEvent, { readonly kind: `snapshot-${string}` }>;

function logSnapshot(log: Logger, event: SnapshotEvent): void {
  switch (event.kind) {
    case "snapshot-taken":
      log.info({ index: event.index, bytes: event.bytes, ms: event.ms }, "snapshot taken");
      return;
    case "snapshot-failed":
      log.error({ reason: event.error.message }, "snapshot failed");
      return;
    case "snapshot-sent":
      log.info({ peer: event.peer, index: event.index, ms: event.ms }, "snapshot sent");
      return;
    case "snapshot-given-up":
      log.warn({ peer: event.peer, reason: event.error.message }, "snapshot given up");
      return;
    case "snapshot-received": {
      const { peer, index, bytes, ms } = event;
      log.info({ peer, index, bytes, ms }, "snapshot received");
      return;
    }
    case "snapshot-restored":
      log.info({ index: event.index, ms: event.ms }, "snapshot restored");
  }
}
