import { setImmediate } from "node:timers/promises";
import {
  assert,
  confStateOf,
  emptyConfState,
  emptyStorage,
  type Entry,
  joiningSnapshot,
  type LogIndex,
  type Message,
  type NodeId,
  type RaftError,
  RaftNode,
  snapshotAtStart,
  type Storage,
} from "@quorate/core";
import { ManualClock, SeededRandom } from "@quorate/runtime/testing";
import { decodeCall, decodeCallResult, decodeFrame } from "@quorate/wire";
import { Calls, methods } from "../src/calls.ts";
import { Deadlines } from "../src/deadlines.ts";
import { Forwarding } from "../src/forwarding.ts";
import { emptyMemberTable, type Membership, newMemberTable } from "../src/member-table.ts";
import { Members } from "../src/members.ts";
import { MembersCalls } from "../src/members-calls.ts";
import type { Network, Peer } from "../src/ports.ts";
import type { Watched } from "./cluster.ts";

export const tickMs = 100;
export const electionTimeoutTicks = 10;

/** What one node sends another: a message of the core (with a snapshot's membership), or a frame. */
type Parcel =
  | { readonly kind: "message"; readonly message: Message; readonly membership: Membership }
  | { readonly kind: "frame"; readonly chunks: readonly Uint8Array[] };

/** A log that a new member comes with. */
export function incarnationOf(id: NodeId): Uint8Array {
  return new Uint8Array(16).fill(id);
}

/** One node: a core and its members, wired as in a replica, with a disk that never waits. */
export class MemberNode {
  readonly id: NodeId;
  readonly raft: RaftNode;
  readonly members: Members;
  readonly calls: Calls;
  readonly users: MembersCalls;
  /** Every change that was applied here. */
  readonly changes: Entry[] = [];
  /** What the network was told last. */
  peers: readonly Peer[] = [];
  gone: readonly NodeId[] = [];
  /** Why nothing can be appended here. */
  refusal: RaftError | undefined = undefined;
  isAwake = true;
  readonly deadlines: Deadlines;
  readonly #send: (to: NodeId, parcel: Parcel) => boolean;
  /** The membership of the newest snapshot. */
  #saved: Membership = { confState: emptyConfState, table: emptyMemberTable };
  /** The memberships that came with snapshots, by their indexes. */
  readonly #arrived = new Map<LogIndex, Membership>();
  /** The leader that what waits was last made for. */
  #retried = { term: 0, leader: 0 };
  /** Whom a snapshot was sent, and whether it has left. */
  #offered: { readonly to: NodeId; readonly ok: boolean }[] = [];

  constructor(
    id: NodeId,
    start: { readonly storage: Storage; readonly membership: Membership; readonly seed: number },
    clock: ManualClock,
    send: (to: NodeId, parcel: Parcel) => boolean,
  ) {
    this.id = id;
    this.#send = send;
    const { storage, membership, seed } = start;
    this.raft = new RaftNode(id, [], { storage, electionTimeoutTicks, seed });
    const resume = (work: () => void): void => work();
    const wake = (): void => {
      this.isAwake = true;
    };
    const sendFrame = (to: NodeId, chunks: readonly Uint8Array[]): boolean =>
      send(to, { kind: "frame", chunks });
    const network: Network = {
      open: async () => {},
      send: sendFrame,
      setPeers: () => {},
      setRemoved: () => {},
      close: async () => {},
    };
    this.deadlines = new Deadlines(clock, resume);
    this.calls = new Calls({
      node: this.raft,
      clock,
      deadlines: this.deadlines,
      forwarding: new Forwarding(network, new SeededRandom(seed)),
      retryMs: 20,
      refusal: () => undefined,
      send: sendFrame,
      resume,
    });
    const self = { id, address: `host-${id}`, incarnation: incarnationOf(id) };
    this.members = new Members(membership, self, {
      node: this.raft,
      clock,
      electionTimeoutMs: tickMs * electionTimeoutTicks,
      refusal: () => this.refusal,
      wake,
      onChanged: (_, peers, gone) => {
        this.peers = peers;
        this.gone = gone;
      },
    });
    this.calls.define(methods.changeMembers, (payload, timeoutMs, reply) =>
      this.members.perform(payload, timeoutMs, reply),
    );
    this.users = new MembersCalls(this.members, this.calls, 60_000);
    this.members.start();
  }

  take(from: NodeId, parcel: Parcel): void {
    this.isAwake = true;
    if (parcel.kind === "frame") {
      const { type, payload } = decodeFrame(parcel.chunks);
      if (type === "call") this.calls.onCall(from, decodeCall(payload));
      else this.calls.onResult(from, decodeCallResult(payload));
      return;
    }
    const { message, membership } = parcel;
    this.raft.step(message);
    // The state of a snapshot, which goes beside the message, is its membership.
    if (message.kind === "install-snapshot") this.#arrived.set(message.snapshot.index, membership);
  }

  /** Time passes; by now it is known which snapshots have left. */
  tick(): void {
    for (const { to, ok } of this.#offered) this.raft.reportSnapshot(to, ok);
    this.#offered = [];
    this.raft.tick();
    this.isAwake = true;
  }

  /** Takes a snapshot of what is applied, and forgets the log before it. */
  compact(): void {
    this.#saved = this.members.membership;
    this.raft.compact(this.raft.snapshotPoint());
    this.isAwake = true;
  }

  /** Does what the core says, and lets the members take their turn. */
  pump(): void {
    this.isAwake = false;
    this.members.observe();
    this.work();
    this.members.observe();
    const { term, leader } = this.raft;
    if (term === this.#retried.term && leader === this.#retried.leader) return;
    this.#retried = { term, leader };
    this.calls.retry();
  }

  /** Does what the core says, and no more. */
  work(): void {
    while (this.raft.hasReady) {
      const ready = this.raft.ready();
      this.raft.accept(ready);
      for (const message of ready.messages) this.#sendMessage(message);
      this.raft.persisted(ready.number);
      for (const message of ready.messagesAfterPersist) this.#sendMessage(message);
      if (ready.snapshot !== undefined) {
        const { index } = ready.snapshot;
        const arrived = this.#arrived.get(index);
        assert(arrived !== undefined, "a membership came with the snapshot");
        this.#saved = arrived;
        this.raft.applied(index);
        this.members.onRestored(arrived);
      }
      this.#apply(ready.committed);
    }
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.kind === "conf-change") this.changes.push(entry);
      this.members.onEntryApplied(entry);
    }
    const last = entries.at(-1);
    if (last === undefined) return;
    this.raft.applied(last.index);
    this.members.onApplied();
  }

  #sendMessage(message: Message): void {
    const { to } = message;
    const ok = this.#send(to, { kind: "message", message, membership: this.#saved });
    if (message.kind === "install-snapshot") this.#offered.push({ to, ok });
  }
}

/** Some nodes of one group, on a network that delivers at once, unless it is told otherwise. */
export class MemberGroup {
  readonly clock: ManualClock = new ManualClock();
  readonly nodes: Map<NodeId, MemberNode> = new Map();
  /** Nodes that nothing reaches, and that reach nobody. */
  readonly cut: Set<NodeId> = new Set();
  /** How long what is sent to a node is on the way, in milliseconds, if not at once. */
  readonly delayMs: Map<NodeId, number> = new Map();
  /** Frames are delivered so often. */
  copies = 1;
  readonly #seed: number;
  #parcels: { from: NodeId; to: NodeId; parcel: Parcel; at: number }[] = [];

  /** A group that begins with nodes 1 to `count`, which know one another's addresses. */
  constructor(count: number, seed = 1) {
    this.#seed = seed;
    const voters = Array.from({ length: count }, (_, offset) => offset + 1);
    const confState = confStateOf(voters);
    const table = newMemberTable(voters.map((id) => [id, `host-${id}`]));
    const storage = { ...emptyStorage, snapshot: snapshotAtStart(confState) };
    for (const id of voters) this.#start(id, storage, { confState, table });
  }

  /** Starts a node that is to join. */
  join(id: NodeId): MemberNode {
    const storage = { ...emptyStorage, snapshot: joiningSnapshot };
    return this.#start(id, storage, { confState: emptyConfState, table: emptyMemberTable });
  }

  #start(id: NodeId, storage: Storage, membership: Membership): MemberNode {
    const start = { storage, membership, seed: this.#seed * 100 + id };
    const node = new MemberNode(id, start, this.clock, (to, parcel) => this.#send(id, to, parcel));
    this.nodes.set(id, node);
    return node;
  }

  node(id: NodeId): MemberNode {
    const node = this.nodes.get(id);
    assert(node !== undefined, "the node was started");
    return node;
  }

  /** The node that leads the newest term, among those that are reached. */
  get leader(): MemberNode | undefined {
    const leaders = [...this.nodes.values()].filter(
      ({ id, raft }) => raft.role === "leader" && !this.cut.has(id),
    );
    return leaders.sort((a, b) => b.raft.term - a.raft.term)[0];
  }

  /** Has `id` elected, with the votes of all that are reached. */
  elect(id: NodeId): MemberNode {
    const node = this.node(id);
    for (let attempt = 0; attempt < 100 && node.raft.role !== "leader"; attempt++) {
      // Who has not heard of the old leader for long enough votes.
      for (const { raft } of this.nodes.values()) {
        if (raft.role !== "leader") raft.forgetLeader();
      }
      node.raft.campaign();
      node.isAwake = true;
      this.settle();
    }
    assert(node.raft.role === "leader", "the node was elected");
    return node;
  }

  /** Cuts `id` off, as its peers notice. */
  cutOff(id: NodeId): void {
    this.cut.add(id);
    for (const node of this.nodes.values()) {
      for (const peer of this.nodes.keys()) {
        if (peer === id || node.id === id) node.calls.onDisconnected(peer);
      }
    }
  }

  /** Lets `count` ticks pass. */
  tick(count = 1): void {
    for (let tick = 0; tick < count; tick++) {
      this.clock.advance(tickMs);
      for (const node of this.nodes.values()) node.tick();
      this.settle();
    }
  }

  /** Lets ticks pass until `isSo`; fails if it takes more than `ticksMax`. */
  until(isSo: () => boolean, ticksMax = 300): void {
    this.settle();
    for (let tick = 0; tick < ticksMax && !isSo(); tick++) this.tick();
    assert(isSo(), "it came about in time");
  }

  /** Lets ticks pass until the calls are settled; fails if they take more than `ticksMax`. */
  async settled(calls: readonly Watched<unknown>[], ticksMax = 300): Promise<void> {
    const areSettled = (): boolean => calls.every(({ isSettled }) => isSettled);
    this.settle();
    await setImmediate();
    for (let tick = 0; tick < ticksMax && !areSettled(); tick++) {
      this.tick();
      await setImmediate();
    }
    assert(areSettled(), "every call settles in time");
  }

  /** Lets everything happen that needs no time. */
  settle(): void {
    for (let turn = 0; ; turn++) {
      assert(turn < 10_000, "things come to rest");
      for (const node of this.nodes.values()) {
        if (node.isAwake) node.pump();
      }
      const now = this.clock.now();
      const due = this.#parcels.filter(({ at }) => at <= now);
      if (due.length === 0 && ![...this.nodes.values()].some(({ isAwake }) => isAwake)) return;
      this.#parcels = this.#parcels.filter(({ at }) => at > now);
      for (const { from, to, parcel } of due) {
        if (this.cut.has(from) || this.cut.has(to)) continue;
        this.nodes.get(to)?.take(from, parcel);
      }
    }
  }

  #send(from: NodeId, to: NodeId, parcel: Parcel): boolean {
    if (this.cut.has(from) || this.cut.has(to) || !this.nodes.has(to)) return false;
    const at = this.clock.now() + (this.delayMs.get(to) ?? 0);
    const copies = parcel.kind === "frame" ? this.copies : 1;
    for (let copy = 0; copy < copies; copy++) this.#parcels.push({ from, to, parcel, at });
    return true;
  }
}
