import {
  type Entry,
  isJoint,
  type LogIndex,
  type Message,
  type NodeId,
  type Status,
  type Term,
} from "@quorate/core";
import { type FaultKind, faultKinds } from "./fault-kind.ts";
import type { Observer } from "./judge.ts";

const happenings = [
  "heal",
  "restart",
  "restart-applied-behind",
  "restart-applied-beyond-commit",
  "crash-with-writes-lost",
  "crash-with-group-torn",
  "crash-with-unreported-write-kept",
  "crash-with-unsynced-commit-lost",
  "message-lost",
  "message-cut-off",
  "message-duplicated",
  "message-late",
  "message-reordered",
  "unreachable-reported",
  "ready-discarded",
  "election-won",
  "election-won-alone",
  "pre-vote-granted",
  "pre-vote-refused",
  "vote-granted",
  "vote-refused",
  "leader-deposed",
  "quorum-check-step-down",
  "conflict-truncated",
  "conflict-truncated-while-writing",
  "append-rejected",
  "append-rejected-with-hint",
  "append-acknowledged-late",
  "stale-answered",
  "probe-entered-again",
  "window-full",
  "nudge",
  "old-term-entry-committed",
  "proposal-accepted",
  "proposal-acknowledged",
  "proposal-superseded",
  "proposal-forwarded",
  "proposal-not-leader",
  "proposal-busy",
  "proposal-too-large",
  "read-started",
  "read-forwarded",
  "read-confirmed",
  "read-failed",
  "read-not-leader",
  "read-leader-not-ready",
  "read-busy",
  "snapshot-taken",
  "snapshot-sent",
  "snapshot-restored",
  "change-proposed",
  "change-refused",
  "change-applied",
  "joint-entered",
  "joint-left",
  "leader-removed",
  "transfer-begun",
  "transfer-won",
] as const;

/** One thing that runs must have seen. */
export type CoverageKind = FaultKind | (typeof happenings)[number];

/** Everything a range of runs must have seen to mean anything: faults, and what they lead to. */
export const coverageKinds: readonly CoverageKind[] = [...faultKinds, ...happenings];

/** Counts what a run has seen, from messages and statuses alone. */
export class Coverage implements Observer {
  readonly #counts = new Map<CoverageKind, number>();
  /** The newest status of each node; messages are sent between two looks. */
  readonly #statuses = new Map<number, Status>();
  /** The terms in which someone campaigned because the leader asked. */
  readonly #transfers = new Set<Term>();
  readonly #isBeingWritten: (node: NodeId, entry: Entry) => boolean;

  /** `isBeingWritten` says whether a node's disk was handed an entry and has not reported it. */
  constructor(isBeingWritten: (node: NodeId, entry: Entry) => boolean = () => false) {
    this.#isBeingWritten = isBeingWritten;
  }

  get counts(): ReadonlyMap<CoverageKind, number> {
    return this.#counts;
  }

  /** Adds one. */
  count(kind: CoverageKind): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  /** Adds what another run has seen. */
  add(other: ReadonlyMap<CoverageKind, number>): void {
    for (const [kind, count] of other) {
      this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
    }
  }

  /** What was never seen. */
  get missing(): readonly CoverageKind[] {
    return coverageKinds.filter((kind) => !this.#counts.has(kind));
  }

  started(status: Status): void {
    this.#statuses.set(status.id, status);
  }

  stepped(before: Status, after: Status): void {
    this.#statuses.set(after.id, after);
    if (before.role === "leader" && after.role !== "leader") this.#countStepDown(after);
    if (before.confState !== after.confState) this.#countChange(before, after);
    if (after.role !== "leader") return;
    for (const peer of after.progress) {
      if (peer.kind === "replicate" && peer.paused) this.count("window-full");
      const earlier = before.progress.find(({ id }) => id === peer.id);
      if (earlier?.kind === "replicate" && peer.kind === "probe") this.count("probe-entered-again");
    }
  }

  elected({ term, voters }: Status): void {
    if (this.#transfers.has(term)) this.count("transfer-won");
    this.count(voters.length === 1 ? "election-won-alone" : "election-won");
  }

  #countStepDown({ stepDownReason }: Status): void {
    switch (stepDownReason) {
      case "newer-term":
        this.count("leader-deposed");
        break;
      case "no-quorum":
        this.count("quorum-check-step-down");
        break;
      case "removed":
        this.count("leader-removed");
        break;
      default:
        break;
    }
  }

  #countChange({ confState: before }: Status, { confState: after }: Status): void {
    this.count("change-applied");
    if (!isJoint(before) && isJoint(after)) this.count("joint-entered");
    if (isJoint(before) && !isJoint(after)) this.count("joint-left");
  }

  snapshotted(): void {
    this.count("snapshot-taken");
  }

  restored(): void {
    this.count("snapshot-restored");
  }

  truncated(_: Status, { id }: Status, removed: readonly Entry[]): void {
    this.count("conflict-truncated");
    if (removed.some((entry) => this.#isBeingWritten(id, entry))) {
      this.count("conflict-truncated-while-writing");
    }
  }

  committed(status: Status, log: readonly Entry[], after: LogIndex): void {
    const first = log[after];
    if (status.role === "leader" && first !== undefined && first.term < status.term) {
      this.count("old-term-entry-committed");
    }
  }

  sent(message: Message): void {
    const sender = this.#statuses.get(message.from);
    switch (message.kind) {
      case "pre-vote-response":
        this.count(message.granted ? "pre-vote-granted" : "pre-vote-refused");
        break;
      case "request-vote-response":
        this.count(message.granted ? "vote-granted" : "vote-refused");
        break;
      case "append-entries": {
        const peer = sender?.progress.find(({ id }) => id === message.to);
        if (message.entries.length === 0 && peer?.kind === "replicate") this.count("nudge");
        break;
      }
      case "append-entries-response":
        if (sender !== undefined && message.term < sender.term) {
          this.count("append-acknowledged-late");
        }
        break;
      case "append-entries-rejection":
        this.count("append-rejected");
        if (message.hint.index < message.prevIndex - 1) this.count("append-rejected-with-hint");
        break;
      case "heartbeat-response": {
        const receiver = this.#statuses.get(message.to);
        if (receiver !== undefined && receiver.term < message.term) this.count("stale-answered");
        break;
      }
      case "install-snapshot":
        this.count("snapshot-sent");
        break;
      case "request-vote":
        if (message.transfer === true) this.#transfers.add(message.term);
        break;
      case "propose":
        this.count("proposal-forwarded");
        break;
      case "read-index":
        this.count("read-forwarded");
        break;
      default:
        break;
    }
  }

  acknowledged(): void {
    this.count("proposal-acknowledged");
  }

  readStarted(): void {
    this.count("read-started");
  }

  readEnded(_: number, index: LogIndex): void {
    this.count(index > 0 ? "read-confirmed" : "read-failed");
  }
}
