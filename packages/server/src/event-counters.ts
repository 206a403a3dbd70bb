import { Counter, type Registry } from "prom-client";
import type { ReplicaEvent } from "quorate";

/** Counts what happens to a replica, for Prometheus. */
export class EventCounters {
  readonly #elections: Counter;
  readonly #won: Counter;
  readonly #leaders: Counter;
  readonly #ended: Counter;
  readonly #disconnected: Counter;
  readonly #refused: Counter;
  readonly #snapshots: Counter;
  readonly #members: Counter;
  readonly #full: Counter;

  constructor(registry: Registry) {
    const counter = (name: string, help: string, labelNames: readonly string[] = []): Counter =>
      new Counter({ name, help, labelNames, registers: [registry] });
    this.#elections = counter("quorate_elections_started_total", "Elections that this node began.");
    this.#won = counter("quorate_elections_won_total", "Elections that this node won.");
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
      "Connections that were lost, by peer.",
      ["peer"],
    );
    this.#refused = counter(
      "quorate_messages_refused_total",
      "Peers and seconds in which a message was refused.",
      ["peer"],
    );
    this.#snapshots = counter("quorate_snapshots_total", "Snapshots, by what became of them.", [
      "what",
    ]);
    this.#members = counter("quorate_members_changes_total", "How often the members changed.");
    this.#full = counter("quorate_disk_full_total", "How often the disk was full.");
  }

  /** Counts `event`. */
  count(event: ReplicaEvent): void {
    switch (event.kind) {
      case "role-changed":
        if (event.role === "candidate") this.#elections.inc();
        if (event.role === "leader") this.#won.inc();
        if (event.reason !== undefined) this.#ended.inc({ reason: event.reason });
        return;
      case "leader-changed":
        this.#leaders.inc();
        return;
      case "peer-disconnected":
        this.#disconnected.inc({ peer: String(event.peer) });
        return;
      case "message-refused":
        this.#refused.inc({ peer: String(event.peer) });
        return;
      case "snapshot-taken":
      case "snapshot-failed":
      case "snapshot-sent":
      case "snapshot-given-up":
      case "snapshot-received":
        this.#snapshots.inc({ what: event.kind.slice("snapshot-".length) });
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
