import type { ConfChange } from "./conf-change.ts";
import type { ConfState } from "./conf-state.ts";
import { copyState } from "./copy-state.ts";
import { dispatch } from "./dispatch.ts";
import { campaign, forgetLeader, owesLease, tickCheckQuorum, tickElection } from "./election.ts";
import type { Entry } from "./entry.ts";
import { RaftError } from "./errors.ts";
import { type FingerprintOptions, fingerprintOf } from "./fingerprint.ts";
import { Handover } from "./handover.ts";
import { sendHeartbeats, tickHeartbeat } from "./heartbeat.ts";
import { isSafe, type LogIndex, type NodeId, none, type ReadId, type Term } from "./ids.ts";
import { imageOf, type NodeImage, stateOfImage } from "./image.ts";
import { checkState } from "./invariants.ts";
import { beginTransfer, tickTransfer } from "./leadership-transfer.ts";
import { proposeConfChange } from "./membership.ts";
import type { Message } from "./message.ts";
import { newState } from "./new-state.ts";
import type { RaftOptions } from "./options.ts";
import { startRead, tickReads } from "./reads.ts";
import type { Ready } from "./ready.ts";
import { appendCommands, onUnreachable } from "./replication.ts";
import { becomeFollower } from "./roles.ts";
import type { Snapshot } from "./snapshot.ts";
import { compact, onSnapshotReported, snapshotPoint } from "./snapshot-transfer.ts";
import { leaderOf, type RaftState } from "./state.ts";
import { type RoleKind, type Status, statusOf } from "./status.ts";
import { validateMessage } from "./validate-message.ts";

/** A state to go on from, given in the place of options: how a copy passes the door of new nodes. */
class Continuation implements RaftOptions {
  readonly seed: number;
  readonly state: RaftState;
  readonly handover: Handover;

  constructor(state: RaftState, handover: Handover) {
    this.seed = state.options.seed;
    this.state = state;
    this.handover = handover;
  }
}

/**
 * One member of a Raft group, as a state machine without I/O, clock or randomness: `tick`, `propose`,
 * `step` and `readIndex` go in, a `Ready` comes out, and the notices `advance` (or `accept`,
 * `persisted`, `applied`) say what became of it. Two nodes given the same calls are equal, bit for bit.
 *
 * Whoever drives it calls `ready()` after other calls and does what it says, in the order it says.
 * No method may be called from within another.
 */
export class RaftNode {
  readonly #state: RaftState;
  readonly #handover: Handover;

  /**
   * Starts node `id` of the group that it forms with `peers`: the other voters (naming `id` among them
   * is harmless). A group of one elects itself. A node that ran before is given what it stored in
   * `options.storage`, and one that is to join a group `joiningSnapshot` there; a stored snapshot tells
   * the configuration, whatever `peers` says. Throws `invalid_options`.
   */
  constructor(id: NodeId, peers: readonly NodeId[], options: RaftOptions = {}) {
    const isCopy = options instanceof Continuation;
    this.#state = isCopy ? options.state : newState(id, peers, options);
    this.#handover = isCopy ? options.handover.copy(options.state) : new Handover(this.#state);
  }

  get id(): NodeId {
    return this.#state.id;
  }

  get term(): Term {
    return this.#state.term;
  }

  get role(): RoleKind {
    return this.#state.role.kind;
  }

  /** The leader of the current term as far as this node knows, or `none`. */
  get leader(): NodeId {
    return leaderOf(this.#state);
  }

  get commitIndex(): LogIndex {
    return this.#state.commitIndex;
  }

  get appliedIndex(): LogIndex {
    return this.#state.appliedIndex;
  }

  get lastIndex(): LogIndex {
    return this.#state.log.lastIndex;
  }

  /** Lets one unit of time pass: for elections, heartbeats, the quorum check and waiting reads. */
  tick(): void {
    this.#changed();
    const state = this.#state;
    state.ticks += 1;
    if (state.role.kind === "leader") {
      tickCheckQuorum(state);
      tickTransfer(state);
      tickHeartbeat(state);
    } else {
      tickReads(state);
      tickElection(state);
    }
  }

  /**
   * Appends `data` to the leader's log and returns its index. The entry is committed once a Ready hands
   * it out with the current term at that index; if another term stands there, it never will be. The
   * bytes are taken over: never change them.
   *
   * On a follower with `forwardProposals`, sends it to the leader and returns `none`.
   * Throws `not_leader`, `transferring`, `busy`, `too_large` or `invalid_argument`, and then nothing
   * happened.
   */
  propose(data: Uint8Array): LogIndex {
    if (!(data instanceof Uint8Array)) {
      throw new RaftError("invalid_argument", "a command must be a Uint8Array");
    }
    const state = this.#state;
    const { role, options, id: from } = state;
    const leader = leaderOf(state);
    if (role.kind === "leader" || !options.forwardProposals || leader === none) {
      const index = appendCommands(state, [data]);
      this.#changed();
      return index;
    }
    if (data.length > options.commandBytesMax) {
      const most = options.commandBytesMax;
      throw new RaftError("too_large", `a command of ${data.length} bytes exceeds ${most}`);
    }
    this.#changed();
    state.outbox.messages.push({ kind: "propose", from, to: leader, term: 0, commands: [data] });
    return none;
  }

  /**
   * Handles a message from another node. Messages may be lost, repeated, late and out of order.
   *
   * Throws `invalid_message`, `unknown_message`, `wrong_recipient`, `stranger` or `log_lost` for one
   * that no correct peer can have sent, and `not_leader`, `transferring`, `busy` or `too_large` for
   * forwarded commands that cannot be taken. Whatever it throws, nothing has changed.
   */
  step(message: Message): void {
    validateMessage(this.#state, message);
    dispatch(this.#state, message);
    this.#changed();
  }

  /**
   * Starts a linearizable read (thesis §6.4) and returns its name. A later Ready says how it ended:
   * with an index, and once that is applied the state may be read; or with `none`, and it may be tried
   * again. Works on followers too, which ask the leader; there it ends after at most
   * `electionTimeoutTicks`.
   *
   * Throws `not_leader` if no leader is known, `leader_not_ready` before the leader has committed in its
   * term, `busy` beyond `pendingReadCountMax`.
   */
  readIndex(): ReadId {
    const { readId, newRound } = startRead(this.#state);
    this.#changed();
    const { role } = this.#state;
    if (newRound && role.kind === "leader") sendHeartbeats(this.#state, role);
    return readId;
  }

  /**
   * Appends a change of the configuration to the leader's log and returns its index (§6). It takes effect
   * on each node when that has applied it; there is one at a time.
   *
   * Throws `not_leader`, `transferring`, `leader_not_ready` before the leader has committed in its term,
   * `change_pending` before the last one is applied here, `invalid_change`, or `too_large` for a context
   * of more than 1 MiB; then nothing happened.
   */
  proposeChange(change: ConfChange): LogIndex {
    const index = proposeConfChange(this.#state, change);
    this.#changed();
    return index;
  }

  /** The configuration, as of what is applied. */
  get confState(): ConfState {
    return this.#state.confState;
  }

  /** The entry that brought the configuration, or the snapshot; `none` if the group began with it. */
  get confIndex(): LogIndex {
    return this.#state.confIndex;
  }

  /**
   * Hands leadership over to the voter `to`, or for `none` to the one that is furthest, and returns to
   * whom (thesis §3.10). Until that node leads, proposals are refused as `transferring`; if it does not
   * within an election timeout, this leader goes on.
   *
   * Throws `not_leader`, `transferring` if it is under way, `invalid_argument` for whoever cannot lead.
   */
  transferLeadership(to: NodeId = none): NodeId {
    const target = beginTransfer(this.#state, to);
    this.#changed();
    return target;
  }

  /** Stops being leader, if it is; nobody is asked to take over. */
  stepDown(): void {
    if (this.#state.role.kind !== "leader") return;
    this.#changed();
    becomeFollower(this.#state, this.#state.term, none, "asked");
  }

  /**
   * Makes a follower forget its leader, so that it votes for whoever asks, and returns who that was, or
   * `none` if it knew of no leader: for a driver that knows the leader to be gone.
   *
   * Throws `is_leader` if this node leads, and `lease_promised` with `leaseReads`, since the leader may
   * count on this node; then nothing happened.
   */
  forgetLeader(): NodeId {
    const forgotten = forgetLeader(this.#state);
    this.#changed();
    return forgotten;
  }

  /**
   * Campaigns now, as if the election timer had fired. A leader stays what it is, and with `leaseReads`
   * so does a node that heard from a leader within an election timeout.
   */
  campaign(): void {
    if (this.#state.role.kind === "leader" || owesLease(this.#state)) return;
    this.#changed();
    campaign(this.#state);
  }

  /** Says that the connection to `peer` was lost, and with it perhaps what was on the way. */
  reportUnreachable(peer: NodeId): void {
    this.#changed();
    onUnreachable(this.#state, peer);
  }

  /**
   * Says what became of the state that belongs to an `install-snapshot` for `peer`: it arrived (`ok`), or
   * was given up. Must follow every one that a Ready handed out, once that is accepted: before, `peer` is
   * sent nothing else.
   */
  reportSnapshot(peer: NodeId, ok: boolean): void {
    this.#changed();
    onSnapshotReported(this.#state, peer, ok);
  }

  /**
   * What a snapshot of the state machine stands for if it is taken now, at `appliedIndex`. Throws
   * `snapshot_failed` while the state machine is being restored from another, and before a node that
   * joins has a configuration.
   */
  snapshotPoint(): Snapshot {
    return snapshotPoint(this.#state);
  }

  /** The newest snapshot: what a follower is sent that is behind the log. */
  get snapshot(): Snapshot | undefined {
    return this.#state.snapshot;
  }

  /**
   * Says that `snapshot`, which `snapshotPoint` described, is durable, and forgets the entries up to
   * `index` (§7). Those after it stay, for followers that are not far behind. A driver that removes them
   * from its disk as well takes only those that its stored hard state knows to be committed: writes
   * that replace others may still be under way.
   *
   * Throws `invalid_argument` for a snapshot of what is not applied, or an index beyond it.
   */
  compact(snapshot: Snapshot, index: LogIndex = snapshot.index): void {
    compact(this.#state, snapshot, index);
    this.#changed();
  }

  /** Whether `ready()` would have anything to do. Cheaper than asking for it. */
  get hasReady(): boolean {
    return this.#handover.hasReady;
  }

  /**
   * What must be done now: see `Ready` for the order. Pure: it gives the same answer until something
   * changes, and nothing is lost if the answer is thrown away.
   */
  ready(): Ready {
    return this.#handover.ready();
  }

  /**
   * Says that all of `ready` was done: sent, persisted, applied. The same as `accept`, `persisted` and
   * `applied` at once. Throws `stale_ready` unless it is the newest Ready, and not advanced before.
   */
  advance(ready: Ready): void {
    this.accept(ready);
    this.persisted(ready.number);
    const last = ready.committed.at(-1) ?? ready.snapshot;
    if (last !== undefined) this.applied(last.index);
  }

  /**
   * Takes the newest Ready as handed over: the next holds only newer work. `persisted` and `applied`
   * must follow. Throws `stale_ready` unless it is the newest Ready, and not accepted before.
   */
  accept(ready: Ready): void {
    this.#handover.accept(ready);
  }

  /**
   * Says that the hard states, snapshots and entries of all accepted Readys up to `number` are durable.
   * Throws `stale_ready` for a number that was reported before, or that no accepted Ready waits under.
   * Readys with nothing to write wait together: any number among theirs stands for those up to it.
   */
  persisted(number: number): void {
    this.#handover.persisted(number);
  }

  /**
   * Says that the state machine has everything up to `index`, which an accepted Ready handed out, as
   * entries or as a snapshot. Changes of the configuration among it take effect. Throws `stale_ready`
   * for an index that was not handed out, or that is older than one reported before; `invalid_change` for
   * a change that cannot follow on the configuration, since this node was started with other voters than
   * the group began with, and then it is of no more use.
   */
  applied(index: LogIndex): void {
    this.#handover.applied(index);
  }

  /** A look at this node, now. */
  status(): Status {
    return statusOf(this.#state);
  }

  /** The entries from `from` up to and including `to`, for tools and tests. Throws `invalid_argument`. */
  entries(from: LogIndex, to: LogIndex): readonly Entry[] {
    const { firstIndex, lastIndex } = this.#state.log;
    if (!isSafe(from) || !isSafe(to) || from < firstIndex || to > lastIndex) {
      throw new RaftError(
        "invalid_argument",
        `the log holds entries ${firstIndex} to ${lastIndex}`,
      );
    }
    return this.#state.log.slice(from, to);
  }

  /**
   * A node that behaves exactly as this one from here on, and that shares nothing with it which
   * changes: calls on one never show on the other. Cheap: entries and messages are shared, and only
   * lists are copied. A Ready that this node handed out may be accepted by both.
   *
   * For model checkers, and to find out what would happen. Never run a copy beside the original in a
   * real group: two nodes of one id break every promise.
   */
  copy(): RaftNode {
    return new RaftNode(this.id, [], new Continuation(copyState(this.#state), this.#handover));
  }

  /**
   * All that decides what this node does from here on, as one line of text: two nodes with the same
   * options and equal fingerprints answer the same calls alike, for ever. The numbers of their Readys
   * may differ, how many of those under way have nothing to write, and why they last stopped leading. The
   * text itself is no format:
   * compare it, and keep it no longer than the process lives.
   */
  fingerprint(options: FingerprintOptions = {}): string {
    return fingerprintOf(this.#state, this.#handover.handed, options);
  }

  /**
   * This node as a value that can be written down, with the log's entries from `from` on: see `NodeImage`. A
   * Ready that was handed out and not accepted is left out.
   */
  image(from: LogIndex = 1): NodeImage {
    return imageOf(this.#state, this.#handover.image, from);
  }

  /** A node that goes on from `image`, which must hold the whole log. For tools, as `copy` is. */
  static fromImage(image: NodeImage): RaftNode {
    const state = stateOfImage(image);
    const handover = Handover.fromImage(state, image.handover);
    return new RaftNode(image.id, [], new Continuation(state, handover));
  }

  /** Checks the invariants of this node's state, and throws an `AssertionError` if one is broken. */
  check(): void {
    checkState(this.#state);
  }

  #changed(): void {
    this.#handover.changed();
  }
}
