import {
  type Entry,
  isMember,
  type LogIndex,
  type Message,
  type NodeId,
  type RaftError,
  type RaftNode,
} from "@quorate/core";
import type { Reserve, SnapshotStore, Wal } from "@quorate/wal";
import { ApplyQueue, type Interlude, type Restorable } from "./apply-queue.ts";
import type { CountedNetwork } from "./counted-network.ts";
import { Calls, methods } from "./calls.ts";
import { Deadlines } from "./deadlines.ts";
import { Digests } from "./digests.ts";
import { DiskQueue } from "./disk-queue.ts";
import type { DiskRoom } from "./disk-room.ts";
import { newDiskRoom } from "./disk-room-wiring.ts";
import { Events } from "./events.ts";
import { failureOf } from "./failure.ts";
import { Farewell } from "./farewell.ts";
import { Forwarding } from "./forwarding.ts";
import { Inbox } from "./inbox.ts";
import { Leadership } from "./leadership.ts";
import { transferMethod } from "./leadership-calls.ts";
import { lendMethod } from "./lending.ts";
import { type Membership, memberOf, restoredMembership } from "./member-table.ts";
import { Measuring } from "./measuring.ts";
import { Members } from "./members.ts";
import { MembersCalls } from "./members-calls.ts";
import { Observer } from "./observer.ts";
import { Outbox } from "./outbox.ts";
import { Proposals } from "./proposals.ts";
import { Reads } from "./reads.ts";
import type { CallOptions, ReplicaStatus } from "./replica.ts";
import type { CompleteReplicaOptions } from "./replica-options.ts";
import { digestEveryCountOf } from "./digest-options.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";
import type { SnapshotReceiver } from "./snapshot-receiver.ts";
import type { SnapshotSender } from "./snapshot-sender.ts";
import { newKeeper, newReceiver, newSender } from "./snapshot-wiring.ts";

/** What a replica found on its disk, and has made of it. */
export interface Opened {
  readonly node: RaftNode;
  readonly log: Wal;
  readonly store: SnapshotStore;
  readonly reserve: Reserve;
  /** As of the node's `appliedIndex`. */
  readonly membership: Membership;
  /** What the log holds, of which some may be applied already. */
  readonly entries: readonly Entry[];
  /** The network, which counts. */
  readonly network: CountedNetwork;
}

/** What the parts of a replica may ask of its loop. */
export interface LoopDoor {
  /** The core has new work: a pump is due. */
  wake(): void;
  /** Runs `work`, which something outside delayed, as an event of its own. */
  resume(work: () => void): void;
  /** The replica cannot go on. */
  fail(error: Error): void;
  onPersisted(number: number, messages: readonly Message[]): void;
  onFull(): void;
  onRecovered(): void;
  /** The group has removed this node, as `by` says. */
  onRemoved(by: NodeId): void;
  /** Why no command or change is taken now, or undefined. */
  proposalRefusal(): RaftError | undefined;
  /** Why no call is taken now, or not one with these options, or undefined. */
  refusalOf(options: CallOptions): RaftError | undefined;
  /** Whether this leader begins no reads. */
  isSilent(): boolean;
  /** Whether answers may still be sent. */
  maySend(): boolean;
}

/**
 * What a replica is made of, wired together: each part knows only what it may ask of the others. The
 * loop drives them.
 */
export class ReplicaParts<Query, Answer> {
  readonly deadlines: Deadlines;
  readonly events: Events;
  readonly observer: Observer;
  readonly outbox: Outbox;
  readonly leadership: Leadership;
  readonly farewell: Farewell;
  readonly diskRoom: DiskRoom;
  readonly diskQueue: DiskQueue;
  readonly applyQueue: ApplyQueue<Query, Answer>;
  readonly calls: Calls;
  readonly members: Members;
  readonly membersCalls: MembersCalls;
  readonly proposals: Proposals;
  readonly reads: Reads<Query, Answer>;
  readonly digests: Digests;
  readonly keeper: SnapshotKeeper;
  readonly sender: SnapshotSender;
  readonly receiver: SnapshotReceiver;
  readonly inbox: Inbox;
  readonly #options: CompleteReplicaOptions<Query, Answer>;
  readonly #opened: Opened;
  readonly #door: LoopDoor;
  readonly #forwarding: Forwarding;
  readonly #measuring: Measuring | undefined;
  /** What the state machine was restored from, until the core is told. */
  #restored: Restorable | undefined;

  constructor(options: CompleteReplicaOptions<Query, Answer>, opened: Opened, door: LoopDoor) {
    const { clock, network, random } = options;
    this.#options = options;
    this.#opened = opened;
    this.#door = door;
    this.#measuring = options.observer && new Measuring(options.observer, clock);
    this.deadlines = new Deadlines(clock, (work) => door.resume(work));
    this.events = new Events(clock, (id) => isMember(opened.node.confState, id));
    this.observer = new Observer(options, { node: opened.node, clock, parts: this });
    this.outbox = new Outbox(
      network,
      (peer) => opened.node.reportUnreachable(peer),
      (messages) => this.observer.onSent(messages),
    );
    this.leadership = this.#newLeadership();
    this.farewell = this.#newFarewell();
    this.diskRoom = newDiskRoom(options, opened, door, this);
    this.diskQueue = this.#newDiskQueue();
    this.applyQueue = this.#newApplyQueue();
    this.#forwarding = new Forwarding(network, random);
    this.calls = this.#newCalls();
    this.members = this.#newMembers();
    this.membersCalls = new MembersCalls(this.members, this.calls, options.memberTimeoutMs);
    this.#defineMethods();
    this.proposals = this.#newProposals();
    this.reads = this.#newReads();
    const interrupt = (interlude: Interlude): void => {
      this.applyQueue.interrupt(interlude);
      door.wake();
    };
    const { events } = this;
    const forwarding = this.#forwarding;
    this.digests = new Digests(options, { node: opened.node, events, forwarding, door, interrupt });
    this.keeper = newKeeper(options, opened, door, this);
    this.sender = newSender(options, opened, door, this);
    this.receiver = newReceiver(options, opened, door, this);
    this.inbox = this.#newInbox();
  }

  /** How many calls of each kind are pending. */
  get pending(): ReplicaStatus["pending"] {
    const { proposals, reads, calls } = this;
    return { proposals: proposals.count, reads: reads.count, calls: calls.count };
  }

  /** Settles every call and ends everything. Resolves when nothing is left running but the log. */
  async stop(untouched: RaftError, pending: RaftError): Promise<void> {
    this.proposals.stop(untouched, pending);
    this.reads.stop(untouched);
    this.calls.stop(untouched, pending);
    this.leadership.stop(pending);
    this.deadlines.clear();
    // First what waits for a turn of the state machine, so that its queue can come to an end.
    await Promise.all([
      this.digests.stop(),
      this.keeper.stop(),
      this.sender.stop(),
      this.receiver.stop(),
      this.diskRoom.stop(),
      this.diskQueue.stop(),
      this.applyQueue.stop(),
    ]);
  }

  #newLeadership(): Leadership {
    const { clock } = this.#options;
    return new Leadership(this.#options, {
      node: this.#opened.node,
      clock,
      priorityOf: (id) => memberOf(this.members.membership.table, id)?.priority ?? 0,
      isConnected: (id) => this.observer.contacts.isConnected(id),
      wake: () => this.#door.wake(),
      resume: (work) => this.#door.resume(work),
    });
  }

  #newFarewell(): Farewell {
    const pendingCount = (): number => {
      const { proposals, reads, calls } = this.pending;
      return proposals + reads + calls;
    };
    return new Farewell({ clock: this.#options.clock, leadership: this.leadership, pendingCount });
  }

  #newDiskQueue(): DiskQueue {
    const { clock, diskFullRetryMs } = this.#options;
    return new DiskQueue(clock, diskFullRetryMs, {
      append: (append) => {
        const write = this.diskRoom.append(append);
        return this.#measuring?.persist(append, write) ?? write;
      },
      onPersisted: (number, messages) => this.#door.onPersisted(number, messages),
      onFailed: (error) => this.#door.fail(failureOf("storage_failed", error)),
      resume: (work) => this.#door.resume(work),
    });
  }

  #newApplyQueue(): ApplyQueue<Query, Answer> {
    const { node } = this.#opened;
    const { stateMachine } = this.#options;
    return new ApplyQueue(
      this.#measuring?.machine(stateMachine) ?? stateMachine,
      {
        onEntryApplied: (entry, result) => {
          this.members.onEntryApplied(entry);
          this.keeper.onEntryApplied(entry);
          this.proposals.onEntryApplied(entry, result);
          this.digests.onEntryApplied(entry);
        },
        onRestored: (from) => {
          this.#restored = from;
        },
        onApplied: (index) => this.#onApplied(index),
        onFailed: (error) => this.#door.fail(failureOf("state_machine_failed", error)),
        resume: (work) => this.#door.resume(work),
      },
      node.appliedIndex,
      digestEveryCountOf(this.#options),
    );
  }

  /** The state machine has everything up to `index`: the core is told, and then what follows from it. */
  #onApplied(index: LogIndex): void {
    this.#opened.node.applied(index);
    const restored = this.#restored;
    this.#restored = undefined;
    if (restored === undefined) {
      this.members.onApplied();
    } else {
      this.members.onRestored(restoredMembership(restored.snapshot.confState, restored.members));
      this.keeper.onRestored(restored.snapshot);
      this.digests.onRestored();
      this.proposals.onRestored(restored.snapshot.index);
    }
    this.receiver.onApplied(index);
    this.keeper.onApplied();
    this.#door.wake();
  }

  #newCalls(): Calls {
    const { clock, network, retryMs } = this.#options;
    return new Calls({
      node: this.#opened.node,
      clock,
      deadlines: this.deadlines,
      forwarding: this.#forwarding,
      retryMs,
      refusal: (options) => this.#door.refusalOf(options),
      send: (to, chunks) => this.#door.maySend() && network.send(to, chunks),
      resume: (work) => this.#door.resume(work),
    });
  }

  #newMembers(): Members {
    const { id, clock, network, tickMs, electionTimeoutTicks, address } = this.#options;
    const { node, membership, log } = this.#opened;
    const self = { id, address, incarnation: log.incarnation };
    return new Members(membership, self, {
      node,
      clock,
      electionTimeoutMs: tickMs * electionTimeoutTicks,
      refusal: () => this.#door.proposalRefusal(),
      wake: () => this.#door.wake(),
      onChanged: ({ confState, table }, peers, gone) => {
        network.setPeers(peers);
        network.setRemoved(gone);
        for (const peer of table.removed) {
          this.sender.forget(peer);
          this.#forwarding.forget(peer);
        }
        const { confIndex: index } = node;
        this.events.emit({ kind: "members-changed", index, confState });
      },
    });
  }

  #defineMethods(): void {
    this.calls.define(methods.changeMembers, (payload, timeoutMs, reply) =>
      this.members.perform(payload, timeoutMs, reply),
    );
    this.calls.define(methods.transferLeadership, transferMethod(this.leadership));
    this.calls.define(methods.lend, lendMethod(this.#opened.node), "anyone");
  }

  #newProposals(): Proposals {
    return new Proposals(this.#options, {
      node: this.#opened.node,
      clock: this.#options.clock,
      deadlines: this.deadlines,
      refusal: () => this.#door.proposalRefusal(),
      forward: (leader, command, timeoutMs) => this.#forwarding.send(leader, command, timeoutMs),
      wake: () => this.#door.wake(),
      resume: (work) => this.#door.resume(work),
      watch: this.#measuring?.watch,
    });
  }

  #newReads(): Reads<Query, Answer> {
    return new Reads(this.#options, {
      node: this.#opened.node,
      clock: this.#options.clock,
      deadlines: this.deadlines,
      applyQueue: this.applyQueue,
      hasTransferred: () => this.leadership.hasTransferred,
      wake: () => this.#door.wake(),
      resume: (work) => this.#door.resume(work),
    });
  }

  #newInbox(): Inbox {
    return new Inbox({
      node: this.#opened.node,
      events: this.events,
      forwarding: this.#forwarding,
      proposals: this.proposals,
      calls: this.calls,
      digests: this.digests,
      sender: this.sender,
      receiver: this.receiver,
      onMessage: (message) => this.observer.onMessage(message),
      diskIsBehind: () => this.diskQueue.unpersistedBytes > this.#options.unpersistedBytesMax,
      isSilent: () => this.#door.isSilent(),
      maySend: () => this.#door.maySend(),
      wake: () => this.#door.wake(),
    });
  }
}
