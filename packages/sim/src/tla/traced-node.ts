import {
  assert,
  type Entry,
  type LogIndex,
  type NodeId,
  type Status,
  type Term,
} from "@quorate/core";
import type { TlaSpoken } from "./numbering.ts";
import type { Place } from "./page.ts";
import type { Durable, ReadyMark } from "./post.ts";
import type { TlaMessage } from "./tla-event.ts";

/** What a leader could say in a heartbeat at some moment, and where in the trace that is. */
export interface Moment {
  readonly place: Place;
  readonly status: Status;
  /** Who had acknowledged anything to it in its term. */
  readonly heard: ReadonlySet<NodeId>;
}

/** A message of a node to itself. */
export interface Note {
  readonly message: TlaSpoken;
  readonly told: TlaMessage;
}

/** What an answer is to. `stale`: to what an old leader sent. */
export type AnswerKind = "vote" | "append" | "heartbeat" | "stale";

/** What a trace keeps of one node. */
export class TracedNode {
  readonly id: NodeId;
  /** After the last step that was written. */
  status: Status;
  /** When it could have made the heartbeats that are not handed out yet, oldest first. */
  moments: Moment[] = [];
  /** What it said to itself and is not handed out yet. */
  notes: Note[] = [];
  /** Whether its vote for itself in its latest candidacy was counted. */
  hasOwnVote = false;
  /** Who acknowledged anything to it in its term. */
  heard: Set<NodeId> = new Set();
  #isUp = true;
  /** The term of each entry of the log, from the first. */
  #terms: Term[];
  /** The Readys of this run, oldest first. */
  #readys: ReadyMark[] = [];
  /** What its disk held when it started. */
  #start: Durable;
  /** Where it asked for votes, by voter and term. */
  readonly #voteRequests = new Map<string, Place>();
  /** How many answers it owes, by kind, receiver and term. */
  readonly #owed = new Map<string, number>();

  constructor(status: Status, log: readonly Entry[]) {
    this.id = status.id;
    this.status = status;
    this.#terms = log.map(({ term }) => term);
    this.#start = durableOf(status);
  }

  /** The entries of `log` after index `after` are new. */
  append(log: readonly Entry[], after: LogIndex): void {
    for (const { term } of log.slice(after)) this.#terms.push(term);
  }

  /** The last `count` entries are gone. */
  truncate(count: number): void {
    this.#terms.length -= count;
  }

  /** Whether it could make heartbeats now that it could not make at any moment kept. */
  get hasNewMoment(): boolean {
    const { status, heard } = this;
    if (status.role !== "leader") return false;
    const last = this.moments.at(-1);
    if (last === undefined || last.heard.size !== heard.size) return true;
    const { term, commitIndex } = last.status;
    if (term !== status.term || commitIndex !== status.commitIndex) return true;
    return status.progress.some(
      ({ matchIndex }, offset) => last.status.progress[offset]?.matchIndex !== matchIndex,
    );
  }

  keepMoment(place: Place): void {
    this.moments.push({ place, status: this.status, heard: new Set(this.heard) });
  }

  keepVoteRequest(to: NodeId, term: Term, place: Place): void {
    this.#voteRequests.set(`${to} ${term}`, place);
  }

  /** Where it asked `to` for its vote in `term`. */
  voteRequest(to: NodeId, term: Term): Place | undefined {
    return this.#voteRequests.get(`${to} ${term}`);
  }

  /** Takes note that an answer must follow. */
  owe(kind: AnswerKind, to: NodeId, term: Term): void {
    const key = `${kind} ${to} ${term}`;
    this.#owed.set(key, (this.#owed.get(key) ?? 0) + 1);
  }

  /** Whether such an answer was owed; it no longer is. */
  pay(kind: AnswerKind, { to, term }: { readonly to: NodeId; readonly term: Term }): boolean {
    const key = `${kind} ${to} ${term}`;
    const count = this.#owed.get(key) ?? 0;
    if (count > 0) this.#owed.set(key, count - 1);
    return count > 0;
  }

  /** What a Ready taken now leaves on the disk. */
  get durable(): Durable {
    return durableOf(this.status);
  }

  /** A host took a Ready, and with it all that waited to be handed out. */
  takeReady(mark: ReadyMark): void {
    this.#readys.push(mark);
    this.moments = [];
    this.notes = [];
  }

  /** Its memory is gone, and with it all that was not handed out. */
  crash(): void {
    this.#isUp = false;
    this.moments = [];
    this.notes = [];
    this.#voteRequests.clear();
    this.#owed.clear();
  }

  /**
   * Starts again, after writing the Readys that survived the crash. False, and nothing is changed, if what
   * is left cannot be told: it lost something after what depends on it had taken effect elsewhere.
   */
  restart(status: Status, log: readonly Entry[]): boolean {
    assert(!this.#isUp, "a node is down before it starts again");
    // The specification cuts the log as it was in memory, at the length that is durable.
    const lastTerm = status.last.index === 0 ? 0 : this.#terms[status.last.index - 1];
    if (lastTerm !== status.last.term) return false;
    const needed = this.#readys.findLastIndex(({ isNeeded }) => isNeeded);
    const survived = this.#readys.findLastIndex(({ durable }) => isSame(durable, status));
    if (survived < needed || (survived < 0 && !isSame(this.#start, status))) return false;
    for (const { place } of this.#readys.slice(0, survived + 1)) place.count = 1;
    this.#isUp = true;
    this.status = status;
    this.#terms = log.map(({ term }) => term);
    this.#readys = [];
    this.hasOwnVote = false;
    this.heard = new Set();
    this.#start = durableOf(status);
    return true;
  }

  /** The trace ends: writes all Readys of this run. */
  finish(): void {
    for (const { place } of this.#readys) place.count = 1;
  }
}

function durableOf({ term, vote, last, commitIndex }: Status): Durable {
  return { term, vote, last, commitIndex };
}

function isSame(a: Durable, b: Durable): boolean {
  if (a.term !== b.term || a.vote !== b.vote || a.commitIndex !== b.commitIndex) return false;
  return a.last.index === b.last.index && a.last.term === b.last.term;
}
