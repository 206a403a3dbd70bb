import { performance } from "node:perf_hooks";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { crc32c } from "@node-rs/crc32";
import {
  type Entry,
  type Replica,
  type ReplicaEvent,
  startReplica,
  type StateMachine,
  useCrc32c,
} from "quorate";
import { BulkState } from "./bulk-state.ts";
import {
  type ReplicaAllocations,
  ReplicaMeters,
  watchAllocations,
} from "./counts/replica-meters.ts";
import type { Command, LoadResult, Reply, ReplicaConfig, Usage } from "./replica-protocol.ts";
import { Samples } from "./samples.ts";

/**
 * One replica of the measured group, in a process of its own. It does what its parent asks over IPC,
 * so that the clients use the library as an application would: in the replica's process.
 */

const nothing = new Uint8Array(0);

/** Counts commands: applying costs as good as nothing, so that what is measured is the library. */
function counter(keepsLog: boolean): StateMachine<undefined, number> {
  let count = 0;
  return {
    apply(entries: readonly Entry[]): Uint8Array[] {
      count += entries.length;
      return entries.map(() => nothing);
    },
    query: () => count,
    snapshots: keepsLog
      ? undefined
      : {
          kind: "memory",
          save: () => [Buffer.from(String(count))],
          async restore(chunks) {
            let text = "";
            for await (const chunk of chunks) text += Buffer.from(chunk).toString();
            count = Number(text);
          },
        },
  };
}

type Bench = Replica<undefined, number>;

/** When events happened, by name. */
type EventTimes = Record<string, number[]>;

/** Keeps `clients` proposals under way until `writes` were made or `seconds` are over. */
async function load(
  replica: Bench,
  events: Readonly<EventTimes>,
  command: Command & { kind: "load" },
): Promise<LoadResult> {
  const data = new Uint8Array(command.bytes).fill(7);
  const times: number[] = [];
  const start = performance.now();
  const end = start + command.seconds * 1000;
  let left = command.writes;
  const isOver = (): boolean => command.until !== undefined && command.until in events;
  const client = async (): Promise<void> => {
    while (left > 0 && performance.now() < end && !isOver()) {
      left -= 1;
      const began = performance.now();
      await replica.propose(data, { timeoutMs: 60_000 });
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: command.clients }, client));
  const seconds = (performance.now() - start) / 1000;
  const samples = new Samples(times);
  const { median } = samples;
  return { writes: times.length, seconds, medianMs: median, p99Ms: samples.percentile(99) };
}

/** Proposes until one write is committed, and says when that was. */
async function firstCommit(replica: Bench): Promise<number> {
  for (;;) {
    try {
      await replica.propose(Uint8Array.of(1), { timeoutMs: 60_000 });
      return Date.now();
    } catch {
      // Unknown or refused: what counts is the first that is answered.
    }
  }
}

/** Waits until everything up to `index` is applied here, and says when that was, to a millisecond. */
async function reach(replica: Bench, index: number): Promise<number> {
  while (replica.status().appliedIndex < index) await delay(1);
  return nowMs();
}

/** The time on a clock that all processes of this machine share, in milliseconds. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

function usage(): Usage {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return { rssBytes: rss, heapUsedBytes: heapUsed, cpuMicroseconds: user + system };
}

/** Under which name the time of an event is kept. */
function nameOf(event: ReplicaEvent): string {
  return "peer" in event ? `${event.kind} ${event.peer}` : event.kind;
}

/** What is noted of this process while it runs. */
interface Notes {
  readonly events: EventTimes;
  readonly meters: ReplicaMeters | undefined;
  endAllocations: (() => ReplicaAllocations) | undefined;
}

async function handle(replica: Bench, command: Command, notes: Notes): Promise<Reply> {
  switch (command.kind) {
    case "load":
      return { kind: "load", result: await load(replica, notes.events, command) };
    case "status": {
      const { role, appliedIndex, commitIndex, leader } = replica.status();
      return { kind: "status", role, appliedIndex, commitIndex, leader };
    }
    case "first-commit":
      return { kind: "first-commit", atMs: await firstCommit(replica) };
    case "counts": {
      if (notes.meters === undefined) throw new Error("this replica is not counted");
      return { kind: "counts", counts: notes.meters.read() };
    }
    case "watch-allocations":
      notes.endAllocations = watchAllocations();
      return { kind: "watching" };
    case "allocations": {
      if (notes.endAllocations === undefined) throw new Error("allocations are not watched");
      return { kind: "allocations", allocations: notes.endAllocations() };
    }
    case "reach":
      return { kind: "reached", atMs: await reach(replica, command.index) };
    case "events":
      return { kind: "events", timesMs: notes.events };
    case "snapshot":
      return { kind: "snapshot", bytes: (await replica.snapshot({ timeoutMs: 600_000 })).bytes };
    case "usage":
      return { kind: "usage", usage: usage() };
    case "collect-garbage":
      globalThis.gc?.();
      return { kind: "collected" };
    default:
      await replica.close();
      return { kind: "closed" };
  }
}

async function main(config: ReplicaConfig): Promise<void> {
  // As `quorate serve` does.
  useCrc32c((bytes, seed) => crc32c(bytes, seed));
  const { isCounted = false, settings = {}, ...options } = config;
  const { state, snapshots, keepsLog = false, ...others } = settings;
  const meters = isCounted ? new ReplicaMeters(resolve(config.dataDir)) : undefined;
  const notes: Notes = { events: {}, meters, endAllocations: undefined };
  const stateMachine = state === undefined ? counter(keepsLog) : new BulkState(state);
  const replica = await startReplica({ ...options, ...others, ...snapshots, stateMachine });
  replica.subscribe((event) => {
    (notes.events[nameOf(event)] ??= []).push(nowMs());
  });
  process.on("message", (command: Command & { id: number }) => {
    handle(replica, command, notes).then(
      (reply) => process.send?.({ ...reply, id: command.id }),
      (error: unknown) => process.send?.({ kind: "failed", reason: String(error), id: command.id }),
    );
  });
  process.send?.({ kind: "started", id: 0 });
}

process.on("disconnect", () => process.exit(0));
process.once("message", (config: ReplicaConfig) => {
  main(config).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
