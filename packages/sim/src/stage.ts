import {
  at,
  type EntryId,
  type LogIndex,
  type Message,
  type NodeId,
  type RaftOptions,
  type Term,
} from "@quorate/core";
import type { Answer } from "./answer.ts";
import type { Cast } from "./cast.ts";
import { newCommand } from "./command.ts";
import { Answers } from "./answers.ts";
import { Campaigns } from "./campaigns.ts";
import { Coverage } from "./coverage.ts";
import type { Flaw } from "./flaw.ts";
import type { Disks, Observer } from "./judge.ts";
import { newJudges } from "./judges.ts";
import { Jury } from "./jury.ts";
import { LeasePromise } from "./lease-promise.ts";
import { messageKinds } from "./message-kind.ts";
import type { Surroundings } from "./host.ts";
import { SimNode } from "./sim-node.ts";
import { QuorumCheck } from "./quorum-check.ts";
import { describeStep, type Step, stepKinds } from "./step.ts";
import { Transfers } from "./transfers.ts";
import { Trace } from "./trace.ts";

/** Who else watches. */
export interface Audience {
  /** Is given every line of the trace. */
  readonly writer?: ((line: string) => void) | undefined;
  /** Are told all that the judges are told. */
  readonly observers?: readonly Observer[] | undefined;
  /** Is given every step that is taken. */
  readonly recorder?: ((step: Step) => void) | undefined;
}

/**
 * Nodes, with their hosts and disks, that take the steps they are told to, while every judge watches.
 * What comes next, and what becomes of messages, is decided elsewhere: by a world drawn from a seed, or
 * by a script.
 */
export class Stage implements Surroundings, Disks {
  readonly cast: Cast;
  readonly raft: RaftOptions;
  readonly flaw: Flaw;
  readonly coverage: Coverage;
  readonly jury: Jury;
  readonly trace: Trace;
  readonly nodes: readonly SimNode[];
  readonly ids: readonly NodeId[];
  /** Where messages go. */
  onSent: (message: Message) => void = () => {};
  readonly #recorder: ((step: Step) => void) | undefined;
  #readCount = 0;

  constructor(cast: Cast, { writer, observers = [], recorder }: Audience = {}) {
    this.cast = cast;
    this.raft = cast.raft;
    this.flaw = cast.flaw;
    this.trace = new Trace(writer);
    this.#recorder = recorder;
    this.coverage = new Coverage((node, entry) => this.node(node).disk.isWriting(entry));
    const judges = newJudges(this, cast.raft);
    const manners = [
      new Answers(),
      new Campaigns(),
      new QuorumCheck(cast.raft),
      new Transfers(cast.raft),
      new LeasePromise(cast.raft),
    ];
    this.jury = new Jury([...judges, ...manners, this.coverage, ...observers]);
    this.nodes = cast.hosts.map((host, offset) => new SimNode(offset + 1, host, this));
    this.ids = this.nodes.map(({ id }) => id);
  }

  node(id: NodeId): SimNode {
    return at(this.nodes, id - 1);
  }

  /** The nodes that are members from the beginning. A node that joins has no peers of its own. */
  get founders(): readonly NodeId[] {
    return this.nodes.filter(({ host }) => !host.joins).map(({ id }) => id);
  }

  /** Takes a step, which must be possible. Returns what a client is told, where a client asked. */
  take(step: Step): Answer | undefined {
    this.#recorder?.(step);
    this.trace.mix(stepKinds.indexOf(step.kind) + 32 * step.node);
    this.trace.line(() => describeStep(step));
    const node = this.node(step.node);
    switch (step.kind) {
      case "start":
        node.start(this.founders, step.seed, step.appliedIndex);
        break;
      case "crash":
        node.crash(step.kept);
        break;
      case "tick":
        node.tick();
        break;
      case "campaign":
        node.call((raft) => raft.campaign());
        break;
      case "unreachable":
        node.call((raft) => raft.reportUnreachable(step.peer));
        break;
      case "deliver": {
        const { kind, from, term } = step.message;
        this.trace.mix(messageKinds.indexOf(kind) + 16 * from + 1024 * term);
        node.receive(step.message);
        break;
      }
      case "propose":
        return node.propose(newCommand(step.command, step.bytes));
      case "read":
        return node.read();
      case "ready":
        node.ready();
        break;
      case "discard":
        node.discard();
        break;
      case "persist":
        node.persist(step.count, step.each, false);
        break;
      case "lie":
        node.persist(step.count, false, true);
        break;
      case "apply":
        node.apply(step.count);
        break;
      case "compact":
        node.compact(step.kept);
        break;
      case "report":
        node.call((raft) => raft.reportSnapshot(step.peer, step.ok));
        break;
      case "change":
        return node.attempt((raft) => raft.proposeChange(step.change));
      case "transfer":
        return node.attempt((raft) => raft.transferLeadership(step.to));
      case "step-down":
        node.call((raft) => raft.stepDown());
        break;
      case "forget-leader":
        return node.attempt((raft) => raft.forgetLeader());
    }
    return undefined;
  }

  send(message: Message): void {
    this.jury.sent(message);
    this.onSent(message);
  }

  nextRead(): number {
    this.#readCount += 1;
    return this.#readCount;
  }

  holds(node: NodeId, id: EntryId): boolean {
    return this.node(node).disk.holds(id);
  }

  termOf(node: NodeId): Term {
    return this.node(node).disk.hardState.term;
  }

  commitOf(node: NodeId): LogIndex {
    const { hardState, snapshotIndex } = this.node(node).disk;
    return Math.max(hardState.commitIndex, snapshotIndex);
  }
}
