import { type Message, type NodeId, none, type PreVote, type RequestVote } from "@quorate/core";
import type { ElectionReport, VoteRefusal } from "./observations.ts";
import type { Clock } from "./ports.ts";

/** The answer of one voter that was asked. */
type Answer = "granted" | VoteRefusal["reason"] | undefined;

interface Election {
  readonly kind: ElectionReport["kind"];
  readonly term: number;
  readonly beganMs: number;
  readonly answers: Map<NodeId, Answer>;
}

/** Remembers the last election that this node began, and how it was answered. */
export class ElectionWatch {
  readonly #clock: Clock;
  #election: Election | undefined;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** This node says `message`. */
  onSent(message: Message): void {
    if (message.kind === "pre-vote" || message.kind === "request-vote") this.#onAsked(message);
  }

  /** This node was told `message`, in time or too late. */
  onHeard(message: Message): void {
    if (message.kind !== "pre-vote-response" && message.kind !== "request-vote-response") return;
    const { from, term, granted } = message;
    const election = this.#election;
    const kind = message.kind === "pre-vote-response" ? "pre-vote" : "vote";
    if (election?.kind !== kind || !election.answers.has(from)) return;
    if (election.answers.get(from) !== undefined) return;
    // A grant of another term is an answer to another election.
    if (granted && term !== election.term) return;
    election.answers.set(from, granted ? "granted" : refusalIn(election, term));
  }

  /** There is a leader: elections are counted anew. */
  onLed(): void {
    this.#count = 0;
  }

  /** The last election; undefined if there was none. */
  report(): ElectionReport | undefined {
    if (this.#election === undefined) return undefined;
    const { kind, term, beganMs, answers } = this.#election;
    const granted: NodeId[] = [];
    const refused: VoteRefusal[] = [];
    const silent: NodeId[] = [];
    for (const [voter, answer] of [...answers].sort(([a], [b]) => a - b)) {
      if (answer === undefined) silent.push(voter);
      else if (answer === "granted") granted.push(voter);
      else refused.push({ voter, reason: answer });
    }
    const agoMs = this.#clock.now() - beganMs;
    return { kind, term, agoMs, count: this.#count, granted, refused, silent };
  }

  /** The requests of one election go to each voter once. */
  #onAsked({ kind: asked, term, to }: PreVote | RequestVote): void {
    const kind = asked === "pre-vote" ? "pre-vote" : "vote";
    const present = this.#election;
    if (present?.kind === kind && present.term === term && !present.answers.has(to)) {
      present.answers.set(to, undefined);
      return;
    }
    // The campaign that follows a pre-vote which was won is one election with it.
    const isSecondPart = kind === "vote" && present?.kind === "pre-vote" && present.term === term;
    if (!isSecondPart || this.#count === none) this.#count++;
    const beganMs = this.#clock.now();
    this.#election = { kind, term, beganMs, answers: new Map([[to, undefined]]) };
  }
}

/**
 * Why a voter in `term` refused. One in an older term than a pre-vote asks about is bound by nothing, so
 * it can have refused only because of its log (§5.4.1).
 */
function refusalIn(election: Election, term: number): VoteRefusal["reason"] {
  if (term > election.term) return "newer-term";
  return election.kind === "pre-vote" && term < election.term ? "log-ahead" : "vote-given";
}
