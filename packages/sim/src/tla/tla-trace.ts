import {
  assert,
  type Entry,
  isUpToDate,
  type LogIndex,
  type Message,
  type NodeId,
  none,
  RaftError,
  type RaftOptions,
  type Ready,
  type Status,
} from "@quorate/core";
import type { Observer } from "../judge.ts";
import { isSpoken, Numbering, type TlaSpoken } from "./numbering.ts";
import { Page } from "./page.ts";
import { Post } from "./post.ts";
import { Scribe } from "./scribe.ts";
import { TracedNode } from "./traced-node.ts";

/** What a trace for TLC is made of. */
export interface TlaTraceOptions {
  /** The options of all nodes; `preVote` must be false. */
  readonly raft: RaftOptions;
  /** Is given the lines of the trace, without their ends, by `finish`. */
  readonly write: (line: string) => void;
}

/** The number of the first line. All have as many digits, so that sorting lines as text keeps their order. */
const firstLine = 1_000_000_001;

/**
 * Writes a run in the vocabulary of etcd/raft's trace specification, so that TLC can tell whether it is one
 * that the specification allows. `docs/internals/traces.md` says how, and what is left out or moved.
 *
 * Nothing is written before `finish`: only then is it known what a crash left, and what was repeated.
 */
export class TlaTrace implements Observer {
  readonly #write: (line: string) => void;
  readonly #page = new Page();
  readonly #post = new Post();
  readonly #nodes = new Map<NodeId, TracedNode>();
  #scribe: Scribe | undefined;
  /** A step whose cause is not known yet. */
  #step: { readonly before: Status; readonly after: Status } | undefined;
  #stopped: string | undefined;
  #isFinished = false;

  /** Throws `invalid_options` for a run with pre-vote, which the specification does not have. */
  constructor({ raft, write }: TlaTraceOptions) {
    if (raft.preVote !== false) {
      const why = "the TLA+ specification has no pre-vote: trace a run with preVote: false";
      throw new RaftError("invalid_options", why);
    }
    this.#write = write;
  }

  /** Why the trace ends before the run does, if so: for what came next the specification has no words. */
  get stopped(): string | undefined {
    return this.#stopped;
  }

  started(status: Status, log: readonly Entry[]): void {
    this.#settle();
    if (this.#stopped !== undefined) return;
    const node = this.#nodes.get(status.id);
    if (node === undefined) {
      this.#begin(status, log);
    } else if (node.restart(status, log)) {
      this.#scribe?.writeRestart(status);
    } else {
      this.#stop(`node ${status.id} lost in a crash what others had heard of`);
    }
  }

  #begin(status: Status, log: readonly Entry[]): void {
    if (log.length > 0 || status.term > 0) {
      this.#stop(`node ${status.id} ran before the trace began`);
      return;
    }
    this.#scribe ??= new Scribe(new Numbering(status.voters), this.#page, this.#post);
    this.#scribe.writeBootstrap(status.id);
    this.#nodes.set(status.id, new TracedNode(status, log));
  }

  crashed(node: NodeId): void {
    this.#settle();
    this.#nodes.get(node)?.crash();
  }

  stepped(before: Status, after: Status): void {
    this.#settle();
    this.#step = { before, after };
  }

  appended(status: Status, log: readonly Entry[], after: LogIndex): void {
    this.#nodes.get(status.id)?.append(log, after);
    if (log.slice(after).some(({ kind }) => kind === "conf-change")) {
      this.#stop(`node ${status.id} appended a change of the configuration`);
    }
  }

  truncated(before: Status, _after: Status, removed: readonly Entry[]): void {
    this.#nodes.get(before.id)?.truncate(removed.length);
  }

  received(before: Status, after: Status, message: Message): void {
    const step = this.#step;
    assert(step?.after === after, "what a node receives makes it step");
    this.#step = undefined;
    if (message.kind === "request-vote-response" && before.commitIndex < after.commitIndex) {
      this.#stop(`node ${after.id} learned what is committed from a refusal`);
    }
    this.#tell(after.id, (node, scribe) => {
      const isHeard = isSpoken(message) && !isLost(before, after, message);
      const copy = isHeard ? this.#post.take(message) : undefined;
      if (isHeard && copy !== undefined) {
        scribe.writeReceived(node, { before, after }, message, copy);
      } else if (message.kind === "propose" || isQuiet(before, after)) {
        scribe.writeStep(node, before, after);
      } else {
        this.#stop(`node ${node.id} was moved by a ${message.kind} that the specification lacks`);
      }
      node.status = after;
      scribe.keepMoment(node);
    });
  }

  readied(status: Status, ready: Ready): void {
    this.#settle();
    this.#tell(status.id, (node, scribe) => {
      const reason = scribe.writeReady(node, ready);
      if (reason !== undefined) this.#stop(reason);
    });
  }

  sent(message: Message): void {
    this.#settle();
    if (message.kind === "install-snapshot" || message.kind === "timeout-now") {
      this.#stop(`node ${message.from} sent a ${message.kind}`);
    }
    // A request for votes waits for the disk, and so does the candidate's own vote.
    if (message.kind !== "request-vote") return;
    this.#tell(message.from, (node, scribe) => {
      if (node.status.term === message.term) scribe.writeOwnVote(node);
    });
  }

  /**
   * Writes the trace; later calls do nothing. To be called when the run is over, however it ended. If the
   * trace was `stopped`, a last line with another tag says why.
   */
  finish(): void {
    this.#settle();
    if (this.#isFinished) return;
    this.#isFinished = true;
    for (const node of this.#nodes.values()) node.finish();
    let line = firstLine;
    for (const event of this.#page.events()) {
      const { message, prop, ...rest } = event;
      this.#write(JSON.stringify({ tag: "trace", line, event: { ...rest, msg: message, prop } }));
      line += 1;
    }
    if (this.#stopped !== undefined) {
      this.#write(JSON.stringify({ tag: "stopped", line, reason: this.#stopped }));
    }
  }

  /** Writes the step that waits. Nothing claimed to have caused it: the node took it on its own. */
  #settle(): void {
    const step = this.#step;
    if (step === undefined) return;
    this.#step = undefined;
    const { before, after } = step;
    this.#tell(after.id, (node, scribe) => {
      scribe.writeStep(node, before, after);
      node.status = after;
      scribe.keepMoment(node);
    });
  }

  /** Lets `act` write about a node, unless the trace was stopped. */
  #tell(id: NodeId, act: (node: TracedNode, scribe: Scribe) => void): void {
    const node = this.#nodes.get(id);
    if (this.#stopped !== undefined || node === undefined || this.#scribe === undefined) return;
    act(node, this.#scribe);
  }

  #stop(reason: string): void {
    this.#stopped ??= reason;
  }
}

/**
 * Whether a message that arrived is lost as far as the specification goes: one that a node ignores while it
 * follows a leader, where the specification would vote. It changes nothing, and nobody needs its answer.
 */
function isLost(before: Status, after: Status, message: TlaSpoken): boolean {
  if (message.kind !== "request-vote") return false;
  if (message.term > after.term) return true;
  const isRefused = message.term === before.term && before.vote === none && after.vote === none;
  return isRefused && isUpToDate(message.last, before.last);
}

/** Whether nothing happened but, at most, that a node stopped to campaign or to lead. */
function isQuiet(before: Status, after: Status): boolean {
  if (before.term !== after.term || before.vote !== after.vote) return false;
  if (before.last.index !== after.last.index || before.last.term !== after.last.term) return false;
  if (before.commitIndex !== after.commitIndex) return false;
  if (after.role !== "leader") return true;
  const matches = ({ progress }: Status): string =>
    progress.map(({ matchIndex }) => matchIndex).join();
  return before.role === "leader" && matches(before) === matches(after);
}
