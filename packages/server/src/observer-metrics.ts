import { Counter, Histogram, type Registry } from "prom-client";
import type { ReplicaObserver } from "quorate";

/** From a tenth of a millisecond to ten seconds. */
const secondsBuckets = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];
const countBuckets = [1, 4, 16, 64, 256, 1024, 4096, 16_384];

/** Who tells `registry` of what passes through a replica. */
export function observerOf(registry: Registry): ReplicaObserver {
  const registers = [registry];
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name, help, buckets, registers });
  const disk = histogram(
    "quorate_disk_sync_seconds",
    "How long a write to the log and its data sync took.",
    secondsBuckets,
  );
  const batch = histogram(
    "quorate_disk_batch_entries",
    "How many entries a write to the log had.",
    countBuckets,
  );
  const written = new Counter({
    name: "quorate_log_written_bytes_total",
    help: "Bytes of entries written to the log.",
    registers,
  });
  const apply = histogram(
    "quorate_apply_seconds",
    "How long the state machine took for the commands it was given at once.",
    secondsBuckets,
  );
  const applied = new Counter({
    name: "quorate_applied_commands_total",
    help: "Commands that were applied.",
    registers,
  });
  const commit = histogram(
    "quorate_commit_seconds",
    "From when a batch was written until it was committed and came to the state machine.",
    secondsBuckets,
  );
  const stages = new Histogram({
    name: "quorate_proposal_stage_seconds",
    help: "How long commands took that were proposed on this leader, by stage; one is followed at a time.",
    labelNames: ["stage"],
    buckets: secondsBuckets,
    registers,
  });
  return {
    onPersisted: ({ entryCount, bytes, ms }) => {
      disk.observe(ms / 1000);
      batch.observe(entryCount);
      written.inc(bytes);
    },
    onApplied: ({ entryCount, ms }) => {
      apply.observe(ms / 1000);
      applied.inc(entryCount);
    },
    onCommitted: ({ ms }) => commit.observe(ms / 1000),
    onProposal: ({ queuedMs, persistedMs, committedMs, appliedMs }) => {
      stages.observe({ stage: "queued" }, queuedMs / 1000);
      stages.observe({ stage: "persisted" }, persistedMs / 1000);
      stages.observe({ stage: "committed" }, committedMs / 1000);
      stages.observe({ stage: "applied" }, appliedMs / 1000);
    },
  };
}
