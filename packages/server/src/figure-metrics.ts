import type { ReplicaStatus } from "quorate";

/** A value of a metric, and its labels, in the order of their names. */
type Sample = readonly [value: number, ...labels: string[]];

/** A metric that is read off what a replica counts and measures. */
export interface FigureMetric {
  readonly name: string;
  /** A counter only grows, as long as the replica runs. */
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (status: ReplicaStatus) => readonly Sample[];
}

/** All metrics that are read off the figures of a replica. */
export const figureMetrics: readonly FigureMetric[] = [
  count("quorate_elections_started_total", "Elections that this node began.", ({ counters }) => {
    return counters.elections.started;
  }),
  count("quorate_elections_won_total", "Elections that this node won.", ({ counters }) => {
    return counters.elections.won;
  }),
  count("quorate_sent_frames_total", "Frames that were sent to peers.", ({ counters }) => {
    return counters.sent.frames;
  }),
  count(
    "quorate_sent_messages_total",
    "Messages of the protocol that were sent to peers.",
    ({ counters }) => counters.sent.messages,
  ),
  count("quorate_sent_bytes_total", "Bytes that were sent to peers.", ({ counters }) => {
    return counters.sent.bytes;
  }),
  count(
    "quorate_dropped_frames_total",
    "Frames that were dropped for want of a connection or of room.",
    ({ counters }) => counters.sent.droppedFrames,
  ),
  count("quorate_received_frames_total", "Frames that came from peers.", ({ counters }) => {
    return counters.received.frames;
  }),
  count("quorate_received_bytes_total", "Bytes that came from peers.", ({ counters }) => {
    return counters.received.bytes;
  }),
  {
    name: "quorate_proposals_total",
    type: "counter",
    help: "Proposals that were made on this node, by what became of them.",
    labels: ["outcome"],
    read: ({ counters: { proposals } }) => [
      [proposals.applied, "applied"],
      [proposals.notApplied, "not-applied"],
      [proposals.unknown, "unknown"],
    ],
  },
  {
    name: "quorate_reads_total",
    type: "counter",
    help: "Reads that were made on this node, by what became of them.",
    labels: ["outcome"],
    read: ({ counters: { reads } }) => [
      [reads.answered, "answered"],
      [reads.failed, "failed"],
    ],
  },
  {
    name: "quorate_log_bytes",
    type: "gauge",
    help: "The length of the files of the log; they are filled ahead.",
    labels: [],
    read: ({ logBytes }) => [[logBytes]],
  },
  {
    name: "quorate_peer_connected",
    type: "gauge",
    help: "Whether the node has a connection to the peer.",
    labels: ["peer"],
    read: ({ links, connected }) =>
      links.map(({ id }) => [Number(connected.includes(id)), String(id)]),
  },
  {
    name: "quorate_peer_queue_bytes",
    type: "gauge",
    help: "Bytes that wait to be taken by the connection to the peer.",
    labels: ["peer"],
    read: ({ links }) => links.map(({ id, queuedBytes }) => [queuedBytes, String(id)]),
  },
  {
    name: "quorate_peer_match_index",
    type: "gauge",
    help: "The last entry that this leader knows the peer to have.",
    labels: ["peer"],
    read: ({ progress }) => progress.map(({ id, matchIndex }) => [matchIndex, String(id)]),
  },
  {
    name: "quorate_peer_lag_bytes",
    type: "gauge",
    help: "Bytes of applied entries that the peer is not known to have, rounded up.",
    labels: ["peer"],
    read: ({ role, links }) =>
      role === "leader" ? links.map(({ id, lagBytes }) => [lagBytes, String(id)]) : [],
  },
];

/** A counter without labels. */
function count(name: string, help: string, read: (status: ReplicaStatus) => number): FigureMetric {
  return { name, type: "counter", help, labels: [], read: (status) => [[read(status)]] };
}
