import { type NodeId, RaftError } from "@quorate/core";
import type { ReplicaEvent } from "@quorate/runtime";
import { Violation } from "../judge.ts";
import type { CallRecord } from "./call.ts";
import type { DiskCall } from "./timed-disk.ts";
import type { WholeCoverage } from "./whole-coverage.ts";
import type { WholeWorld } from "./whole-world.ts";

/** Counts what a replica tells of itself. */
export function countEvent(coverage: WholeCoverage, event: ReplicaEvent): void {
  switch (event.kind) {
    case "disk-full":
      coverage.count("disk-full-refused");
      break;
    case "disk-recovered":
      coverage.count("disk-full-recovered");
      break;
    case "role-changed":
      if (event.role === "leader") coverage.count("leader-elected");
      if (event.reason !== undefined) coverage.countKnown(`ended-${event.reason}`);
      break;
    case "leader-changed":
    case "message-refused":
    case "snapshot-taken":
    case "snapshot-sent":
    case "snapshot-given-up":
    case "snapshot-received":
    case "snapshot-restored":
    case "members-changed":
    case "diverged":
    case "removed":
      coverage.count(event.kind);
      break;
    case "peer-connected":
    case "peer-disconnected":
    case "snapshot-failed":
    case "failed":
      break;
  }
}

/** Counts what a replica does with the room that it has set aside. */
export function countDiskCall(coverage: WholeCoverage, call: DiskCall, name: string): void {
  if (call === "remove" && name === "reserve") coverage.count("reserve-given-up");
  if (call === "rename" && name === "reserve.tmp") coverage.count("reserve-made");
}

/** Codes by which a snapshot is refused that another leader, or a later time, brings. */
const passing: ReadonlySet<string> = new Set(["not_leader", "busy"]);

/** Throws if a replica tells of something that cannot be. */
export function judgeEvent<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  node: NodeId,
  event: ReplicaEvent,
): void {
  const host = world.host(node);
  switch (event.kind) {
    case "members-changed": {
      world.group.report(node, event.index, event.confState);
      const { replica } = host;
      if (replica !== undefined) world.group.reportRemoved(replica.members.list().removed);
      break;
    }
    case "diverged":
      if (world.log.strays.size > 0) break;
      throw new Violation("contract", `node ${node} finds states that differ, and none does`);
    case "removed":
      if (!world.group.removed.has(node)) {
        throw new Violation(
          "contract",
          `node ${node} is said to be removed, and nobody removed it`,
        );
      }
      if (world.group.isNeedless(node)) break;
      throw new Violation("contract", `node ${node} was sent away, and may be needed yet`);
    case "message-refused": {
      const code = event.error instanceof RaftError ? event.error.code : "";
      // Only one that lost its log is told what cannot be, and only a full disk takes no snapshot.
      if (host.damage === "wiped" || passing.has(code)) break;
      // Those who come and go do not know of it at once.
      if (code === "stranger" && world.operators.hasChanged) break;
      if (host.wasFull && code === "disk_full") break;
      const what = `node ${node} refuses node ${event.peer}: ${event.error.message}`;
      throw new Violation("contract", what);
    }
    case "disk-recovered":
      if (Number.isFinite(host.memory.capacityBytes)) world.coverage.count("room-made");
      break;
    default:
      break;
  }
}

/** Counts how a call ended. */
export function countEnding<Query, Answer>(
  coverage: WholeCoverage,
  { call, ending }: CallRecord<Query, Answer>,
): void {
  switch (ending.kind) {
    case "applied":
      coverage.count("write-applied");
      break;
    case "answered":
      coverage.count("read-answered");
      break;
    case "failed":
      coverage.count(call.kind === "write" ? "write-failed" : "read-failed");
      coverage.countKnown(`outcome-${ending.code}`);
      break;
    case "unknown":
      coverage.count("write-unknown");
      coverage.countKnown(`outcome-${ending.code}`);
      break;
    case "pending":
      break;
  }
}
