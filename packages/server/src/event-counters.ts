import { Counter, Histogram, type Registry } from "prom-client";
import type { NodeId, ReplicaEvent } from "quorate";

/** In the place of the ids of those who are no members: they come under as many as they like. */
const other = "other";

/** Counts what happens to a replica, for Prometheus. */
export class EventCounters {
  readonly #leaders: Counter;
  readonly #ended: Counter;
  readonly #disconnected: Counter;
  readonly #refused: Counter;
  readonly #snapshots: Counter;
  readonly #snapshotSeconds: Histogram;
  readonly #members: Counter;
  readonly #full: Counter;

  constructor(registry: Registry) {
    const counter = (name: string, help: string, labelNames: readonly string[] = []): Counter =>
      new Counter({ name, help, labelNames, registers: [registry] });
    this.#leaders = counter(
      "quorate_leader_changes_total",
      "How often the node learned of another leader, or of none.",
    );
    this.#ended = counter(
      "quorate_leaderships_ended_total",
      "How often this node stopped leading, by reason.",
      ["reason"],
    );
    this.#disconnected = counter(
      "quorate_peer_disconnects_total",
      "Connections that were lost, by member; other for all who are none.",
      ["peer"],
    );
    this.#refused = counter(
      "quorate_messages_refused_total",
      "Seconds in which a message was refused, by member; other for all who are none.",
      ["peer"],
    );
    this.#snapshots = counter("quorate_snapshots_total", "Snapshots, by what became of them.", [
      "what",
    ]);
    this.#snapshotSeconds = new Histogram({
      name: "quorate_snapshot_seconds",
      help: "How long snapshots took to be taken, sent, received and restored.",
      labelNames: ["what"],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800],
      registers: [registry],
    });
    this.#members = counter("quorate_members_changes_total", "How often the members changed.");
    this.#full = counter("quorate_disk_full_total", "How often the disk was full.");
  }

  /** Counts `event`, of a group whose members `isMember` knows. */
  count(event: ReplicaEvent, isMember: (id: NodeId) => boolean): void {
    switch (event.kind) {
      case "role-changed":
        if (event.reason !== undefined) this.#ended.inc({ reason: event.reason });
        return;
      case "leader-changed":
        this.#leaders.inc();
        return;
      case "peer-disconnected":
        this.#disconnected.inc({ peer: isMember(event.peer) ? String(event.peer) : other });
        return;
      case "message-refused":
        this.#refused.inc({ peer: isMember(event.peer) ? String(event.peer) : other });
        return;
      case "snapshot-taken":
      case "snapshot-sent":
      case "snapshot-received":
      case "snapshot-restored":
        this.#snapshotSeconds.observe({ what: whatOf(event) }, event.ms / 1000);
        this.#snapshots.inc({ what: whatOf(event) });
        return;
      case "snapshot-failed":
      case "snapshot-given-up":
        this.#snapshots.inc({ what: whatOf(event) });
        return;
      case "members-changed":
        this.#members.inc();
        return;
      case "disk-full":
        this.#full.inc();
        break;
      default:
    }
  }
}

/** What became of a snapshot: its event, without what all have in common. */
function whatOf({ kind }: ReplicaEvent): string {
  return kind.slice("snapshot-".length);
}
