import { isMember, type Message, type NodeId, RaftError, type RaftNode } from "@quorate/core";
import {
  type Call,
  decodeBatch,
  decodeCall,
  decodeCallResult,
  decodeForward,
  decodeForwardResult,
  decodeSnapshotChunk,
  decodeSnapshotOffer,
  decodeSnapshotReceipt,
  type Forward,
  type Frame,
} from "@quorate/wire";
import { type Calls, methods } from "./calls.ts";
import type { Digests } from "./digests.ts";
import type { Events } from "./events.ts";
import type { Forwarding } from "./forwarding.ts";
import type { Proposals } from "./proposals.ts";
import type { SnapshotReceiver } from "./snapshot-receiver.ts";
import type { SnapshotSender } from "./snapshot-sender.ts";

/** What the inbox works with. */
export interface InboxHost {
  readonly node: RaftNode;
  readonly events: Events;
  readonly forwarding: Forwarding;
  readonly proposals: Proposals;
  readonly calls: Calls;
  readonly digests: Digests;
  readonly sender: SnapshotSender;
  readonly receiver: SnapshotReceiver;
  /** A message was taken in. */
  onMessage(message: Message): void;
  /** Whether so much waits for the disk that appends are dropped. */
  diskIsBehind(): boolean;
  /** Whether this leader begins no reads: whoever asked asks again. */
  isSilent(): boolean;
  /** Whether a command's fate may still be told to the node that handed it here. */
  maySend(): boolean;
  /** The core has new work. */
  wake(): void;
}

/**
 * Takes the frames of other nodes apart: of members, and of those that this node does not know yet. What
 * cannot be taken is told as an event and dropped: it changes nothing and hurts nobody, least of all the
 * messages that came with it.
 */
export class Inbox {
  readonly #host: InboxHost;

  constructor(host: InboxHost) {
    this.#host = host;
  }

  /** Takes one frame. */
  take(from: NodeId, frame: Frame): void {
    this.#orRefuse(from, () => this.#take(from, frame));
  }

  #take(from: NodeId, frame: Frame): void {
    if (from === this.#host.node.id) {
      throw new RaftError("stranger", `node ${from} sends to itself`);
    }
    const { proposals, calls, sender, receiver } = this.#host;
    switch (frame.type) {
      case "raft":
        for (const message of decodeBatch(frame.payload)) {
          this.#orRefuse(from, () => this.#onMessage(from, message));
        }
        this.#host.wake();
        break;
      case "forward":
        this.#checkMember(from);
        this.#onForward(from, decodeForward(frame.payload));
        break;
      case "forward-result":
        proposals.onResult(from, decodeForwardResult(frame.payload));
        break;
      case "call":
        this.#onCall(from, decodeCall(frame.payload));
        break;
      case "call-result":
        calls.onResult(from, decodeCallResult(frame.payload));
        break;
      case "snapshot-offer":
        receiver.onOffer(from, decodeSnapshotOffer(frame.payload));
        break;
      case "snapshot-chunk":
        receiver.onChunk(from, decodeSnapshotChunk(frame.payload));
        break;
      case "snapshot-receipt":
        sender.onReceipt(from, decodeSnapshotReceipt(frame.payload));
        break;
      default:
        throw new RaftError("unknown_message", `frames of type "${frame.type}" end at the network`);
    }
  }

  /** Who asks for something is a member: whoever leads knows them all. */
  #checkMember(from: NodeId): void {
    if (isMember(this.#host.node.confState, from)) return;
    throw new RaftError("stranger", `node ${from} is no member of this group`);
  }

  #onMessage(from: NodeId, message: Message): void {
    if (message.from !== from) {
      throw new RaftError("stranger", `node ${from} sent a message of node ${message.from}`);
    }
    if (message.kind === "install-snapshot" || message.kind === "propose") {
      // The core hears of a snapshot once its state is stored, and of a command once it was let in.
      throw new RaftError("invalid_message", `${message.kind} comes in frames of its own`);
    }
    if (message.kind === "read-index" && this.#host.isSilent()) return;
    const isAppend = message.kind === "append-entries" && message.entries.length > 0;
    if (!isAppend || !this.#host.diskIsBehind()) this.#host.node.step(message);
    this.#host.onMessage(message);
  }

  #onCall(from: NodeId, call: Call): void {
    if (call.method === methods.tellDigests) {
      this.#host.digests.onTold(from, call.payload);
      return;
    }
    this.#checkMember(from);
    this.#host.calls.onCall(from, call);
  }

  #onForward(from: NodeId, { requestId, command, timeoutMs }: Forward): void {
    const { forwarding, proposals } = this.#host;
    if (!forwarding.isNew(from, requestId)) return;
    proposals.submitRemote(command, timeoutMs, (result) => {
      if (this.#host.maySend()) forwarding.answer(from, requestId, result);
    });
  }

  #orRefuse(from: NodeId, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.#host.events.refuse(from, error);
    }
  }
}
