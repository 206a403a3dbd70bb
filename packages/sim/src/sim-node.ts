import {
  assert,
  at,
  checkStep,
  describeStatus,
  type Entry,
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
import type { Coverage } from "./coverage.ts";
import type { Draw } from "./draw.ts";
import type { Flaw } from "./flaw.ts";
import type { Jury } from "./jury.ts";
import { Violation } from "./judge.ts";
import { checkManners } from "./manners.ts";
import type { Door, HostPlan, MachineKind, Plan } from "./plan.ts";
import { SimDisk } from "./sim-disk.ts";
import type { Trace } from "./trace.ts";

/** What a node's host needs of the world around it. */
export interface Surroundings {
  readonly plan: Plan;
  readonly draw: Draw;
  readonly jury: Jury;
  readonly coverage: Coverage;
  readonly trace: Trace;
  readonly flaw: Flaw;
  /** How hosts work now; better than planned once the world has healed. */
  readonly host: HostPlan;
  send(message: Message): void;
  /** Lets the node's host go on after `delay`, unless the node has crashed by then. */
  wake(kind: "turn" | "disk" | "apply", node: NodeId, incarnation: number, delay: number): void;
  /** A crash was drawn for this node, at the moment its disk was about to report. */
  crash(node: NodeId): void;
  /** A number for a read that no other read of the run has. */
  nextRead(): number;
}

/** One run of a node, from its start to its crash. All of it is memory. */
interface Run {
  readonly raft: RaftNode;
  readonly incarnation: number;
  status: Status;
  /** Handed over, and not reported durable. */
  writing: Ready[];
  /** Handed out, and not applied. */
  applying: Entry[];
  /** The term of each command that a client waits for, by index. */
  readonly proposals: Map<LogIndex, Term>;
  readonly reads: Map<ReadId, number>;
  turnDue: boolean;
  diskDue: boolean;
  applyDue: boolean;
}

/** A node with its host and disk: the loop that a runtime would be, one event at a time. */
export class SimNode {
  readonly id: NodeId;
  readonly disk: SimDisk = new SimDisk();
  readonly #world: Surroundings;
  readonly #door: Door;
  readonly #machine: MachineKind;
  /** How far the state machine got, as far as it survives a crash. */
  #durableAppliedIndex: LogIndex = 0;
  #incarnation = 0;
  #run: Run | undefined;
  /** How many times slower than planned the disk is. */
  diskSlowness = 1;
  /** While true, time stands still for this node; what arrives, waits. */
  isPaused = false;
  /** Simulated time from tick to tick. */
  tickUnits = 0;

  constructor(id: NodeId, world: Surroundings) {
    this.id = id;
    this.#world = world;
    this.#door = world.draw.pick(world.plan.doors);
    this.#machine = world.draw.pick(world.plan.machines);
  }

  /** A look at the node as it was after its last step, or undefined while it is down. */
  get status(): Status | undefined {
    return this.#run?.status;
  }

  get isUp(): boolean {
    return this.#run !== undefined;
  }

  /** Whether the node runs and the clock does. */
  get isActive(): boolean {
    return this.#run !== undefined && !this.isPaused;
  }

  get pendingReadCount(): number {
    return this.#run?.reads.size ?? 0;
  }

  /** Whether `incarnation` is the run that is going on. */
  isRun(incarnation: number): boolean {
    return this.#run?.incarnation === incarnation;
  }

  /** Starts the node from what its disk holds. */
  start(voters: readonly NodeId[]): void {
    assert(this.#run === undefined, "a node that runs is not started");
    const { plan, draw, jury, coverage } = this.#world;
    const had = this.#durableAppliedIndex;
    const appliedIndex = had > 0 && draw.chance(300) ? draw.below(had + 1) : had;
    const { storage } = this.disk;
    if (this.#incarnation > 0) {
      if (appliedIndex < had) coverage.count("restart-applied-behind");
      if (appliedIndex > storage.hardState.commitIndex) {
        coverage.count("restart-applied-beyond-commit");
      }
    }
    this.#incarnation += 1;
    // A fresh seed at every start, as production has.
    const seed = draw.below(2 ** 32);
    const raft = new RaftNode(this.id, voters, { ...plan.options, seed, storage, appliedIndex });
    const status = raft.status();
    raft.check();
    this.#run = {
      raft,
      incarnation: this.#incarnation,
      status,
      writing: [],
      applying: [],
      proposals: new Map(),
      reads: new Map(),
      turnDue: false,
      diskDue: false,
      applyDue: false,
    };
    jury.started(raft, status);
    this.#wakeTurn(this.#run);
  }

  /** Ends the run. Of what the disk did not promise to keep, some of the first is left. */
  crash(): void {
    assert(this.#run !== undefined, "only a node that runs can crash");
    const { draw, flaw } = this.#world;
    const { uncertain } = this.disk;
    const survivors = draw.below(uncertain.length + 1);
    this.#countCrash(survivors);
    this.disk.crash(survivors);
    if (flaw === "forgets-vote") this.disk.forgetVote();
    this.#run = undefined;
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

  tick(): void {
    this.#step((raft) => raft.tick());
  }

  campaign(): void {
    this.#step((raft) => raft.campaign());
  }

  reportUnreachable(peer: NodeId): void {
    this.#step((raft) => raft.reportUnreachable(peer));
  }

  /** Takes in a message. Of what a correct peer sends, only forwarded commands may be refused. */
  receive(message: Message): void {
    const before = this.#run?.status;
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
      checkManners(before, after, message, this.#world.plan.options);
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

  /** The host asks what to do, and begins to do it. */
  turn(): void {
    const run = this.#run;
    assert(run !== undefined, "only a node that runs has a turn");
    run.turnDue = false;
    const { raft } = run;
    const { draw, coverage, host } = this.#world;
    const simple = this.#door === "simple";
    if (run.writing.length >= (simple ? 1 : host.writingCountMax)) return;
    const { hasReady } = raft;
    const ready = raft.ready();
    if (hasReady === isEmpty(ready)) {
      throw new Violation("contract", `hasReady of node ${this.id} is ${hasReady}, and not so`);
    }
    if (draw.chance(host.discardPerMille)) {
      coverage.count("ready-discarded");
      this.#wakeTurn(run);
      return;
    }
    if (!hasReady) return;
    if (!simple) raft.accept(ready);
    for (const message of ready.messages) this.#world.send(message);
    if (this.#world.flaw === "sends-early") this.#sendPromises(ready);
    this.disk.submit(ready);
    run.writing.push(ready);
    this.#wakeDisk(run);
    if (!simple) {
      this.#endReads(run, ready.reads);
      run.applying.push(...ready.committed);
      this.#wakeApply(run);
    }
    this.#look(run);
  }

  /** The disk reports some writes done: what was promised on their behalf may leave. */
  diskDone(): void {
    const run = this.#run;
    assert(run !== undefined && run.writing.length > 0, "the disk reports what was written");
    run.diskDue = false;
    const { draw, host, flaw } = this.#world;
    if (draw.chance(host.diskCrashPerMille)) {
      this.#world.crash(this.id);
      return;
    }
    const count = draw.between(1, run.writing.length);
    const done = run.writing.splice(0, count);
    if (flaw === "lying-disk" && draw.chance(200)) this.disk.lie(count);
    else this.disk.complete(count);
    if (this.#door === "simple") this.#advance(run, at(done, 0));
    else this.#persisted(run, done);
    this.#look(run);
    if (run.writing.length > 0) this.#wakeDisk(run);
  }

  #advance(run: Run, ready: Ready): void {
    if (this.#world.flaw !== "sends-early") this.#sendPromises(ready);
    this.#apply(run, ready.committed);
    this.#endReads(run, ready.reads);
    run.raft.advance(ready);
  }

  #persisted(run: Run, done: readonly Ready[]): void {
    // One notice may stand for several Readys, or each may have its own.
    if (this.#world.draw.chance(500)) run.raft.persisted(at(done, done.length - 1).number);
    else for (const { number } of done) run.raft.persisted(number);
    if (this.#world.flaw !== "sends-early") for (const ready of done) this.#sendPromises(ready);
  }

  #sendPromises(ready: Ready): void {
    for (const message of ready.messagesAfterPersist) this.#world.send(message);
  }

  /** The state machine takes in some of what it was handed. */
  applyDone(): void {
    const run = this.#run;
    assert(run !== undefined && run.applying.length > 0, "only what was handed out is applied");
    run.applyDue = false;
    const entries = run.applying.splice(0, this.#world.draw.between(1, run.applying.length));
    this.#apply(run, entries);
    run.raft.applied(at(entries, entries.length - 1).index);
    this.#look(run);
    if (run.applying.length > 0) this.#wakeApply(run);
  }

  #apply(run: Run, entries: readonly Entry[]): void {
    const { jury, coverage } = this.#world;
    if (entries.length === 0) return;
    jury.applied(this.id, entries);
    for (const entry of entries) {
      if (this.#machine === "durable") this.#durableAppliedIndex = entry.index;
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
    this.#wakeTurn(run);
  }

  #wakeTurn(run: Run): void {
    // Now and then, also ask a node that says it has nothing to do.
    if (run.turnDue || (!run.raft.hasReady && !this.#world.draw.chance(5))) return;
    run.turnDue = true;
    this.#wake("turn", run, this.#world.host.turnDelayMax);
  }

  #wakeDisk(run: Run): void {
    if (run.diskDue) return;
    run.diskDue = true;
    this.#wake("disk", run, this.#world.host.diskDelayMax * this.diskSlowness);
  }

  #wakeApply(run: Run): void {
    if (run.applyDue || run.applying.length === 0) return;
    run.applyDue = true;
    this.#wake("apply", run, this.#world.host.applyDelayMax);
  }

  #wake(kind: "turn" | "disk" | "apply", run: Run, delayMax: number): void {
    const { draw } = this.#world;
    this.#world.wake(kind, this.id, run.incarnation, delayMax > 0 ? draw.below(delayMax + 1) : 0);
  }
}

function isEmpty(ready: Ready): boolean {
  const { messages, messagesAfterPersist, entries, hardState, committed, reads } = ready;
  if (hardState !== undefined || entries.length > 0 || committed.length > 0) return false;
  return messages.length === 0 && messagesAfterPersist.length === 0 && reads.length === 0;
}
