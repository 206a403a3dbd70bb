import {
  type ConfChange,
  type LogIndex,
  type Message,
  type NodeId,
  none,
  RaftNode,
  type RaftOptions,
  type ReadId,
  type Ready,
  type Snapshot,
} from "@quorate/core";
import { failureText } from "./flight-file.ts";
import { FlightRecorder } from "./flight-recorder.ts";
import { codes } from "./input-code.ts";

/**
 * A node that notes all it is told, so that it can be played again: see `FlightRecorder`. In all else it is
 * the node that it would be without.
 */
export class RecordedNode extends RaftNode {
  readonly #recorder: FlightRecorder;

  /** As a `RaftNode`, with `bytes` of memory for the record. */
  constructor(id: NodeId, peers: readonly NodeId[], options: RaftOptions, bytes: number) {
    super(id, peers, options);
    this.#recorder = new FlightRecorder(this, bytes);
  }

  /** What this node was told of late, as a file; `failure` says how it failed, if it did. */
  flightRecord(failure?: Error): Uint8Array {
    return this.#recorder.dump(failure && failureText(failure));
  }

  override tick(): void {
    this.#recorder.plain(codes.tick);
    super.tick();
  }

  override propose(data: Uint8Array): LogIndex {
    this.#recorder.propose(data.length);
    return super.propose(data);
  }

  override step(message: Message): void {
    this.#recorder.step(message);
    super.step(message);
  }

  override readIndex(): ReadId {
    this.#recorder.plain(codes.readIndex);
    return super.readIndex();
  }

  override proposeChange(change: ConfChange): LogIndex {
    this.#recorder.proposeChange(change);
    return super.proposeChange(change);
  }

  override transferLeadership(to: NodeId = none): NodeId {
    this.#recorder.numbered(codes.transferLeadership, to);
    return super.transferLeadership(to);
  }

  override stepDown(): void {
    this.#recorder.plain(codes.stepDown);
    super.stepDown();
  }

  override forgetLeader(): NodeId {
    this.#recorder.plain(codes.forgetLeader);
    return super.forgetLeader();
  }

  override campaign(): void {
    this.#recorder.plain(codes.campaign);
    super.campaign();
  }

  override reportUnreachable(peer: NodeId): void {
    this.#recorder.numbered(codes.reportUnreachable, peer);
    super.reportUnreachable(peer);
  }

  override reportSnapshot(peer: NodeId, ok: boolean): void {
    this.#recorder.reportSnapshot(peer, ok);
    super.reportSnapshot(peer, ok);
  }

  override compact(snapshot: Snapshot, index: LogIndex = snapshot.index): void {
    this.#recorder.compact(snapshot, index);
    super.compact(snapshot, index);
  }

  override ready(): Ready {
    this.#recorder.ready();
    return super.ready();
  }

  override accept(ready: Ready): void {
    this.#recorder.accept(ready);
    super.accept(ready);
    this.#recorder.accepted();
    this.#noteLengths(ready);
  }

  override persisted(number: number): void {
    this.#recorder.numbered(codes.persisted, number);
    super.persisted(number);
  }

  override applied(index: LogIndex): void {
    this.#recorder.numbered(codes.applied, index);
    super.applied(index);
  }

  /** How much goes into a message follows from how long entries are, also from that of the next one. */
  #noteLengths({ messages }: Ready): void {
    for (const message of messages) {
      if (message.kind !== "append-entries") continue;
      const first = message.prev.index + 1;
      const { from } = this.#recorder;
      if (first >= from) continue;
      this.#recorder.lengths(
        this.entries(first, Math.min(first + message.entries.length, from - 1)),
      );
    }
  }
}

/** A node that notes what it is told in `recorderBytes` of memory, or a plain one for 0. */
export function newNode(id: NodeId, options: RaftOptions, recorderBytes: number): RaftNode {
  return recorderBytes === 0
    ? new RaftNode(id, [], options)
    : new RecordedNode(id, [], options, recorderBytes);
}

/** What `node` was told of late, if that is kept: see `RecordedNode.flightRecord`. */
export function flightRecordOf(node: RaftNode, failure?: Error): Uint8Array | undefined {
  return node instanceof RecordedNode ? node.flightRecord(failure) : undefined;
}
