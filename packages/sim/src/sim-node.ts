import {
  assert,
  at,
  checkStep,
  describeStatus,
  type Entry,
  joiningSnapshot,
  type LogIndex,
  type Message,
  type NodeId,
  none,
  RaftError,
  RaftNode,
  type ReadId,
  type Ready,
  type ReadState,
  type Status,
  type Term,
} from "@quorate/core";
import { type Answer, answerOf, attempt } from "./answer.ts";
import type { Host, Surroundings } from "./host.ts";
import { Violation } from "./judge.ts";
import { checkManners } from "./manners.ts";
import { SimDisk } from "./sim-disk.ts";
import { isEmpty, type Work, workOf } from "./work.ts";

/** One run of a node, from its start to its crash. All of it is memory. */
interface Run {
  readonly raft: RaftNode;
  status: Status;
  /** Handed over, and not reported durable. */
  writing: Ready[];
  /** Handed out, and not applied. */
  applying: Work[];
  /** The term of each command that a client waits for, by index. */
  readonly proposals: Map<LogIndex, Term>;
  readonly reads: Map<ReadId, number>;
}

/**
 * A node with its host and disk: the loop that a runtime would be, one step at a time. It decides
 * nothing: every choice comes with the call.
 */
export class SimNode {
  readonly id: NodeId;
  readonly disk: SimDisk;
  readonly host: Host;
  readonly #world: Surroundings;
  /** How far the state machine got, as far as it survives a crash. */
  #durableAppliedIndex: LogIndex = 0;
  #incarnation = 0;
  #run: Run | undefined;

  constructor(id: NodeId, host: Host, world: Surroundings) {
    this.id = id;
    this.host = host;
    this.#world = world;
    this.disk = new SimDisk(host.joins ? joiningSnapshot : undefined);
  }

  /** A look at the node as it was after its last step, or undefined while it is down. */
  get status(): Status | undefined {
    return this.#run?.status;
  }

  /** Whether the host may take a snapshot: the node has a configuration, and none is being installed. */
  get maySnapshot(): boolean {
    const { status } = this;
    if (status === undefined || status.confState.voters.length === 0) return false;
    return status.appliedIndex >= status.firstIndex - 1;
  }

  get isUp(): boolean {
    return this.#run !== undefined;
  }

  /** Counts the runs of the node; the present one, or the last. */
  get incarnation(): number {
    return this.#incarnation;
  }

  get pendingReadCount(): number {
    return this.#run?.reads.size ?? 0;
  }

  /** How far the state machine got, as far as it survives a crash, by itself or in a snapshot. */
  get durableAppliedIndex(): LogIndex {
    return Math.max(this.#durableAppliedIndex, this.disk.snapshotIndex);
  }

  /** Whether the node says that it has something for its host to do. */
  get hasReady(): boolean {
    return this.#run?.raft.hasReady ?? false;
  }

  /** How many Readys wait for the disk. */
  get writingCount(): number {
    return this.#run?.writing.length ?? 0;
  }

  /** How many entries, and snapshots, wait for the state machine. */
  get applyingCount(): number {
    return this.#run?.applying.length ?? 0;
  }

  /** Whether the host may take a Ready now. */
  get mayTakeReady(): boolean {
    return this.#run !== undefined && (this.host.door === "pipelined" || this.writingCount === 0);
  }

  /**
   * Starts the node from what its disk holds; its state machine has the entries up to `appliedIndex`,
   * which is at most `durableAppliedIndex` and reaches the newest snapshot.
   */
  start(voters: readonly NodeId[], seed: number, appliedIndex: LogIndex): void {
    assert(this.#run === undefined, "a node that runs is not started");
    assert(appliedIndex <= this.durableAppliedIndex, "only what was kept is there");
    assert(appliedIndex >= this.disk.snapshotIndex, "what a snapshot holds is there");
    const { raft: options, jury, coverage } = this.#world;
    const { storage } = this.disk;
    if (this.#incarnation > 0) {
      coverage.count("restart");
      if (appliedIndex < this.durableAppliedIndex) coverage.count("restart-applied-behind");
      if (appliedIndex > storage.hardState.commitIndex) {
        coverage.count("restart-applied-beyond-commit");
      }
    }
    this.#incarnation += 1;
    const raft = new RaftNode(this.id, voters, { ...options, seed, storage, appliedIndex });
    const status = raft.status();
    raft.check();
    if (status.appliedIndex !== appliedIndex) {
      const claim = `node ${this.id} starts as if it had applied ${status.appliedIndex}`;
      throw new Violation("I5", `${claim}: its state machine has ${appliedIndex}`);
    }
    this.#run = {
      raft,
      status,
      writing: [],
      applying: [],
      proposals: new Map(),
      reads: new Map(),
    };
    jury.started(raft, status);
  }

  /** Ends the run. Of what the disk did not promise to keep, the first `kept` writes are left. */
  crash(kept: number): void {
    assert(this.#run !== undefined, "only a node that runs can crash");
    this.#countCrash(kept);
    this.disk.crash(kept);
    if (this.#world.flaw === "forgets-vote") this.disk.forgetVote();
    this.#run = undefined;
    this.#world.jury.crashed(this.id);
  }

  #countCrash(survivorCount: number): void {
    const { coverage } = this.#world;
    const { uncertain, pendingCount } = this.disk;
    const reportedCount = uncertain.length - pendingCount;
    if (survivorCount < reportedCount) coverage.count("crash-with-unsynced-commit-lost");
    if (survivorCount > reportedCount) coverage.count("crash-with-unreported-write-kept");
    if (uncertain.slice(survivorCount).some(({ mustSync }) => mustSync)) {
      coverage.count("crash-with-writes-lost");
      if (survivorCount > reportedCount) coverage.count("crash-with-group-torn");
    }
  }

  /** Lets time go by on the node's clock. */
  tick(): void {
    this.#step((raft) => raft.tick());
    const { status } = this;
    if (status !== undefined) this.#world.jury.ticked(status);
  }

  /** Makes a call of the node that cannot be refused. */
  call(act: (raft: RaftNode) => void): void {
    this.#step(act);
  }

  /** Makes a call of the node on behalf of an operator, and says what came of it. */
  attempt(act: (raft: RaftNode) => void): Answer {
    let answer: Answer = "not_leader";
    this.#step((raft) => {
      answer = attempt(() => act(raft));
    });
    return answer;
  }

  /** Takes in a message. Of what a correct peer sends, only forwarded commands may be refused. */
  receive(message: Message): void {
    const before = this.#run?.status;
    // The state that belongs to a snapshot is durable before the node hears of it.
    if (message.kind === "install-snapshot") this.disk.keep(message.snapshot);
    this.#step((raft) => {
      try {
        raft.step(message);
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        if (message.kind === "propose" && answerOf(error) !== undefined) return;
        throw new Violation(
          "contract",
          `node ${this.id} refuses a correct message: ${error.message}`,
        );
      }
    });
    const after = this.#run?.status;
    if (before !== undefined && after !== undefined) {
      this.#world.jury.received(before, after, message);
      checkManners(before, after, message, this.#world.raft);
    }
  }

  /** A client proposes a command here, and waits for its index to be committed. */
  propose(data: Uint8Array): Answer {
    let answer: Answer = "not_leader";
    this.#step((raft, run) => {
      answer = attempt(() => {
        const index = raft.propose(data);
        if (index !== none) run.proposals.set(index, raft.term);
      });
    });
    return answer;
  }

  /** A client starts a linearizable read here. */
  read(): Answer {
    let answer: Answer = "not_leader";
    this.#step((raft, run) => {
      answer = attempt(() => {
        const read = this.#world.nextRead();
        const readId = raft.readIndex();
        run.reads.set(readId, read);
        this.#world.jury.readStarted(read);
      });
    });
    return answer;
  }

  /** The host takes a snapshot, and lets go of all but the last `kept` of the entries that it stands for. */
  compact(kept: number): void {
    this.#step((raft) => {
      const snapshot = raft.snapshotPoint();
      const { firstIndex } = raft.status();
      this.disk.keep(snapshot);
      this.#world.jury.snapshotted(this.id, snapshot);
      const index = Math.max(firstIndex - 1, snapshot.index - kept);
      raft.compact(snapshot, index);
      this.disk.compact(index);
    });
  }

  /** The host asks what to do, and forgets the answer. */
  discard(): void {
    const run = this.#run;
    assert(run !== undefined, "only a node that runs is asked");
    this.#ask(run);
    this.#world.coverage.count("ready-discarded");
  }

  /** The host asks what to do, and begins to do it. */
  ready(): void {
    const run = this.#run;
    assert(run !== undefined && this.mayTakeReady, "the host is free to take a Ready");
    const ready = this.#ask(run);
    if (ready === undefined) return;
    const isSimple = this.host.door === "simple";
    if (!isSimple) run.raft.accept(ready);
    this.#world.jury.readied(run.status, ready);
    for (const message of ready.messages) this.#world.send(message);
    if (this.#world.flaw === "sends-early") this.#sendPromises(ready);
    this.disk.submit(ready);
    run.writing.push(ready);
    if (!isSimple) {
      this.#endReads(run, ready.reads);
      run.applying.push(...workOf(ready));
    }
    this.#look(run);
  }

  #ask({ raft }: Run): Ready | undefined {
    const { hasReady } = raft;
    const ready = raft.ready();
    if (hasReady === isEmpty(ready)) {
      throw new Violation("contract", `hasReady of node ${this.id} is ${hasReady}, and not so`);
    }
    return hasReady ? ready : undefined;
  }

  /**
   * The disk reports the `count` oldest writes done, in one notice or in one for `each`: what was
   * promised on their behalf may leave. If the disk `lies`, they are not done.
   */
  persist(count: number, each: boolean, lies: boolean): void {
    const run = this.#run;
    assert(run !== undefined && count > 0 && count <= run.writing.length, "the writes wait");
    const done = run.writing.splice(0, count);
    if (lies) this.disk.lie(count);
    else this.disk.complete(count);
    if (this.host.door === "simple") this.#advance(run, at(done, 0));
    else this.#persisted(run, done, each);
    this.#look(run);
    this.#world.jury.persisted(run.status);
  }

  #advance(run: Run, ready: Ready): void {
    if (this.#world.flaw !== "sends-early") this.#sendPromises(ready);
    this.#apply(run, workOf(ready));
    this.#endReads(run, ready.reads);
    run.raft.advance(ready);
  }

  #persisted(run: Run, done: readonly Ready[], each: boolean): void {
    if (each) for (const { number } of done) run.raft.persisted(number);
    else run.raft.persisted(at(done, done.length - 1).number);
    if (this.#world.flaw !== "sends-early") for (const ready of done) this.#sendPromises(ready);
  }

  #sendPromises(ready: Ready): void {
    for (const message of ready.messagesAfterPersist) this.#world.send(message);
  }

  /** The state machine takes in the `count` oldest of what it was handed. */
  apply(count: number): void {
    const run = this.#run;
    assert(run !== undefined && count > 0 && count <= run.applying.length, "the entries wait");
    const work = run.applying.splice(0, count);
    this.#apply(run, work);
    run.raft.applied(at(work, count - 1).index);
    this.#look(run);
  }

  #apply(run: Run, work: readonly Work[]): void {
    let entries: Entry[] = [];
    for (const item of work) {
      if (item.kind !== "restoration") {
        entries.push(item);
        continue;
      }
      this.#applyEntries(run, entries);
      entries = [];
      this.#world.jury.restored(this.id, item.snapshot);
      this.#appliedTo(item.index);
    }
    this.#applyEntries(run, entries);
  }

  #appliedTo(index: LogIndex): void {
    if (this.host.machine === "durable") this.#durableAppliedIndex = index;
  }

  #applyEntries(run: Run, entries: readonly Entry[]): void {
    const { jury, coverage } = this.#world;
    if (entries.length === 0) return;
    jury.applied(this.id, entries);
    for (const entry of entries) {
      this.#appliedTo(entry.index);
      const term = run.proposals.get(entry.index);
      if (term === undefined) continue;
      run.proposals.delete(entry.index);
      if (term === entry.term) jury.acknowledged(entry);
      else coverage.count("proposal-superseded");
    }
  }

  #endReads(run: Run, reads: readonly ReadState[]): void {
    for (const { readId, index } of reads) {
      const read = run.reads.get(readId);
      if (read === undefined) {
        throw new Violation("I11", `read ${readId} of node ${this.id} ends, but does not wait`);
      }
      run.reads.delete(readId);
      this.#world.jury.readEnded(read, index);
    }
  }

  #step(act: (raft: RaftNode, run: Run) => void): void {
    const run = this.#run;
    assert(run !== undefined, "only a node that runs takes a step");
    act(run.raft, run);
    this.#look(run);
  }

  /** Shows the judges what a step did, and lets the host act on it. */
  #look(run: Run): void {
    const { raft, status: before } = run;
    const { trace, jury } = this.#world;
    raft.check();
    const after = raft.status();
    checkStep(before, after);
    run.status = after;
    trace.mix(after.term * 8 + after.role.length);
    trace.mix(after.commitIndex * 4096 + after.last.index);
    trace.line(() => `    ${describeStatus(after)}`);
    jury.stepped(raft, before, after);
  }
}
