import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { NodeId, Replica, ReplicaObserver, ReplicaStatus } from "quorate";
import { EventCounters } from "./event-counters.ts";
import { type FigureMetric, figureMetrics } from "./figure-metrics.ts";
import { observerOf } from "./observer-metrics.ts";
import { version } from "./version.ts";

/** The part of a replica that metrics look at. */
export type MeasuredReplica = Pick<Replica<never, unknown>, "status" | "subscribe">;

const roles = ["follower", "pre-candidate", "candidate", "leader"] as const;
const states = ["running", "full", "removed", "failed", "closed"] as const;
const peerKinds = ["probe", "replicate", "snapshot"] as const;

/**
 * What a node tells Prometheus of its replica: gauges, which are looked up when they are asked for, and
 * what happened since the process began. `observer` is to be given to the replica when it is started, and
 * `watch` is to be called with it then. A registry of its own, so that an application may have others.
 */
export class NodeMetrics {
  readonly registry: Registry = new Registry();
  readonly observer: ReplicaObserver;
  readonly #events: EventCounters;
  #replica: MeasuredReplica | undefined;
  /** The status that all metrics of one answer are read off. */
  #status: ReplicaStatus | undefined;

  constructor() {
    const { registry } = this;
    collectDefaultMetrics({ register: registry });
    this.#events = new EventCounters(registry);
    this.observer = observerOf(registry);
    this.#addNode();
    this.#addLog();
    this.#addQueues();
    this.#addPeers();
    for (const metric of figureMetrics) this.#addFigure(metric);
  }

  /** From now on the metrics are those of `replica`. */
  watch(replica: MeasuredReplica): void {
    this.#replica = replica;
    const isMember = (id: NodeId): boolean => membersOf(replica.status()).includes(id);
    replica.subscribe((event) => this.#events.count(event, isMember));
  }

  /** All metrics, as Prometheus reads them. */
  async text(): Promise<{ readonly contentType: string; readonly text: string }> {
    this.#status = this.#replica?.status();
    try {
      return { contentType: this.registry.contentType, text: await this.registry.metrics() };
    } finally {
      this.#status = undefined;
    }
  }

  #addNode(): void {
    this.#gauge(
      "quorate_info",
      "Constant 1; the labels say which node this is.",
      ["node", "cluster", "version"],
      (gauge, { id, clusterId }) => {
        gauge.set({ node: String(id), cluster: clusterId, version }, 1);
      },
    );
    this.#oneOf(
      "quorate_role",
      "What the node does in its term: 1 for the present role.",
      "role",
      roles,
      ({ role }) => role,
    );
    this.#oneOf(
      "quorate_state",
      "Whether the replica takes work: 1 for the present state.",
      "state",
      states,
      ({ state }) => state,
    );
    this.#number("quorate_term", "The present term.", ({ term }) => term);
    this.#number(
      "quorate_leader",
      "The id of the leader that the node follows, or its own; 0 if none.",
      ({ leader }) => leader,
    );
    this.#number(
      "quorate_voters",
      "How many members vote, in either of two majorities.",
      ({ voters }) => voters.length,
    );
    this.#number(
      "quorate_learners",
      "How many members learn.",
      ({ confState }) => confState.learners.length,
    );
  }

  #addLog(): void {
    this.#number(
      "quorate_first_index",
      "The first entry that the log holds.",
      ({ firstIndex }) => firstIndex,
    );
    this.#number(
      "quorate_last_index",
      "The last entry of the log, durable or not.",
      ({ last }) => last.index,
    );
    this.#number(
      "quorate_persisted_index",
      "The last entry that is durable here.",
      ({ persistedIndex }) => persistedIndex,
    );
    this.#number(
      "quorate_commit_index",
      "The last entry that is known to be committed.",
      ({ commitIndex }) => commitIndex,
    );
    this.#number(
      "quorate_applied_index",
      "The last entry that the state machine has.",
      ({ appliedIndex }) => appliedIndex,
    );
    this.#number(
      "quorate_snapshot_index",
      "The last entry that the newest snapshot stands for.",
      ({ snapshotIndex }) => snapshotIndex,
    );
    this.#number(
      "quorate_apply_lag_entries",
      "Committed entries that are not applied yet.",
      ({ commitIndex, appliedIndex }) => commitIndex - appliedIndex,
    );
  }

  #addQueues(): void {
    this.#number(
      "quorate_unpersisted_bytes",
      "Bytes of entries that wait for the disk.",
      ({ unpersistedBytes }) => unpersistedBytes,
    );
    this.#number(
      "quorate_uncommitted_bytes",
      "Bytes of entries that this leader has not committed.",
      ({ uncommittedBytes }) => uncommittedBytes,
    );
    this.#gauge(
      "quorate_pending_calls",
      "Calls that wait for an answer, by kind.",
      ["kind"],
      (gauge, { pending }) => {
        for (const [kind, count] of Object.entries(pending)) gauge.set({ kind }, count);
      },
    );
    this.#gauge(
      "quorate_snapshots_under_way",
      "Snapshots on their way, by direction.",
      ["direction"],
      (gauge, { snapshots }) => {
        gauge.set({ direction: "out" }, snapshots.sending.length);
        gauge.set({ direction: "in" }, snapshots.receiving === undefined ? 0 : 1);
      },
    );
  }

  #addPeers(): void {
    this.#number(
      "quorate_connected_peers",
      "Peers that the node has a connection to.",
      ({ connected }) => connected.length,
    );
    this.#gauge(
      "quorate_peer_lag_entries",
      "Entries that this leader has, and the peer is not known to have.",
      ["peer"],
      (gauge, { progress, last }) => {
        for (const { id, matchIndex } of progress) {
          gauge.set({ peer: String(id) }, last.index - matchIndex);
        }
      },
    );
    this.#gauge(
      "quorate_peer_inflight_bytes",
      "Bytes of entries sent to the peer and not acknowledged.",
      ["peer"],
      (gauge, { progress }) => {
        for (const { id, inflightBytes } of progress) {
          gauge.set({ peer: String(id) }, inflightBytes);
        }
      },
    );
    this.#gauge(
      "quorate_peer_state",
      "How this leader replicates to the peer: 1 for the present way.",
      ["peer", "state"],
      (gauge, { progress }) => {
        for (const { id, kind } of progress) {
          for (const state of peerKinds) {
            gauge.set({ peer: String(id), state }, kind === state ? 1 : 0);
          }
        }
      },
    );
    this.#gauge(
      "quorate_peer_active",
      "Whether this leader heard from the peer lately.",
      ["peer"],
      (gauge, { progress }) => {
        for (const { id, recentlyActive } of progress) {
          gauge.set({ peer: String(id) }, recentlyActive ? 1 : 0);
        }
      },
    );
  }

  #addFigure({ name, help, type, labels, read }: FigureMetric): void {
    const now = (): ReplicaStatus | undefined => this.#status ?? this.#replica?.status();
    const collect = (): void => {
      target.reset();
      const status = now();
      for (const [value, ...values] of status === undefined ? [] : read(status)) {
        const named = labels.map((label, at): [string, string] => [label, values[at] ?? ""]);
        target.inc(Object.fromEntries(named), value);
      }
    };
    const options = { name, help, labelNames: labels, registers: [this.registry], collect };
    const target: Gauge | Counter = type === "gauge" ? new Gauge(options) : new Counter(options);
  }

  #number(name: string, help: string, value: (status: ReplicaStatus) => number): void {
    this.#gauge(name, help, [], (gauge, status) => gauge.set(value(status)));
  }

  #oneOf<Value extends string>(
    name: string,
    help: string,
    label: string,
    values: readonly Value[],
    present: (status: ReplicaStatus) => Value,
  ): void {
    this.#gauge(name, help, [label], (gauge, status) => {
      for (const value of values) gauge.set({ [label]: value }, present(status) === value ? 1 : 0);
    });
  }

  /** A gauge that looks at the replica whenever it is asked for; it says nothing before there is one. */
  #gauge(
    name: string,
    help: string,
    labelNames: readonly string[],
    look: (gauge: Gauge, status: ReplicaStatus) => void,
  ): void {
    const now = (): ReplicaStatus | undefined => this.#status ?? this.#replica?.status();
    const gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect: () => {
        gauge.reset();
        const status = now();
        if (status !== undefined) look(gauge, status);
      },
    });
  }
}

/** Who takes part in the group, in whatever role. */
function membersOf({ confState }: ReplicaStatus): readonly NodeId[] {
  const { voters, votersOutgoing, learners } = confState;
  return [...voters, ...votersOutgoing, ...learners];
}
