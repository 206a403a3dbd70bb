import { fingerprintMessage, type Message, type NodeId, none } from "@quorate/core";
import { Violation } from "../judge.ts";
import type { Cost } from "./bound.ts";
import { Catalogue } from "./catalogue.ts";
import type { Fact } from "./fact.ts";
import { newSeat, type Seat, seatText } from "./seat.ts";
import { type HostRules, type SeatInput, stepSeat } from "./seat-step.ts";

/** What a step of one seat leads to, in numbers. */
export interface Transition {
  readonly seat: number;
  readonly sent: readonly number[];
  readonly facts: readonly Fact[];
  /** Whether nothing came of it. */
  readonly isIdle: boolean;
}

/** A step that a seat can take by itself, and what it takes from the budget. */
export interface Move {
  readonly input: SeatInput;
  readonly cost: Cost | undefined;
  /** Where it leads; worked out when it is first asked for. */
  to: Transition | undefined;
}

/** What is known of one seat, whatever the others do. */
interface Place {
  readonly moves: readonly Move[];
  readonly deliveries: Map<number, Transition>;
  /** Answers of this term and older can mean nothing to the node any more, also after a crash. */
  readonly deafTerm: number;
  /** The same, of votes. */
  readonly electedTerm: number;
}

/** What is known of one message. */
interface Letter {
  readonly message: Message;
  readonly input: SeatInput;
  /** Where the seat that it goes to stands. */
  readonly to: number;
  readonly isAnswer: boolean;
  readonly isVote: boolean;
}

/**
 * All seats and messages of an exploration, under small numbers, and what each can do to the other.
 * A step depends on its seat alone, so it is worked out once, by running the node, and looked up ever
 * after.
 */
export class Seating {
  readonly seats: Catalogue<Seat>;
  readonly messages: Catalogue<Message>;
  readonly #rules: HostRules;
  readonly #terms: number;
  readonly #places: (Place | undefined)[] = [];
  readonly #letters: (Letter | undefined)[] = [];

  /** Seats of nodes that campaign up to term `terms`. */
  constructor(rules: HostRules, names: readonly (readonly NodeId[])[], terms: number) {
    this.#rules = rules;
    this.#terms = terms;
    this.seats = new Catalogue(names, seatText);
    this.messages = new Catalogue(names, fingerprintMessage);
  }

  /** The seats that a group starts with. */
  first(): readonly number[] {
    const { voters, create } = this.#rules;
    return voters.map((id) => this.seats.idOf(newSeat(id, voters, create)));
  }

  /** What seat `id` can do by itself. */
  movesOf(id: number): readonly Move[] {
    return this.#placeOf(id).moves;
  }

  /** What `move` of seat `id` leads to. */
  follow(id: number, move: Move): Transition {
    return (move.to ??= this.#transition(id, move.input));
  }

  /** What delivering message `messageId` to seat `id` leads to. */
  deliver(id: number, messageId: number): Transition {
    const { deliveries } = this.#placeOf(id);
    let transition = deliveries.get(messageId);
    if (transition === undefined) {
      transition = this.#transition(id, this.letterOf(messageId).input);
      deliveries.set(messageId, transition);
    }
    return transition;
  }

  /**
   * What `input` leads to at seat `id`, or undefined if it is not possible there: a message that is not
   * among `sent`, or a move that the seat has not.
   */
  take(id: number, input: SeatInput, sent: ReadonlySet<number>): Transition | undefined {
    if (input.kind === "deliver") {
      const messageId = this.messages.idOf(input.message);
      return sent.has(messageId) ? this.deliver(id, messageId) : undefined;
    }
    const move = this.movesOf(id).find(({ input: { kind, ...rest } }) => {
      if (kind !== input.kind) return false;
      return input.kind !== "crash" || ("keep" in rest && rest.keep === input.keep);
    });
    return move && this.follow(id, move);
  }

  /** What is known of message `id`. */
  letterOf(id: number): Letter {
    return (this.#letters[id] ??= newLetter(this.messages.at(id)));
  }

  /**
   * Whether a message to seat `id` can be forgotten: an answer to what the node asked in a term in which
   * it will never ask again, not even after a crash, and which indeed changes nothing now.
   */
  isStale(id: number, messageId: number): boolean {
    const { message, isAnswer, isVote } = this.letterOf(messageId);
    if (!isAnswer) return false;
    const { deafTerm, electedTerm } = this.#placeOf(id);
    if (message.term > deafTerm && !(isVote && message.term <= electedTerm)) return false;
    try {
      return this.deliver(id, messageId).isIdle;
    } catch (error) {
      // It stays, and will be found out when it is delivered.
      if (error instanceof Violation) return false;
      throw error;
    }
  }

  #placeOf(id: number): Place {
    return (this.#places[id] ??= this.#newPlace(this.seats.at(id)));
  }

  #newPlace(seat: Seat): Place {
    const { raft, disk } = seat;
    const durable = disk.hardState.term;
    const asks = raft.term === durable && (raft.role === "candidate" || raft.role === "leader");
    return {
      moves: this.#movesOf(seat),
      deliveries: new Map(),
      deafTerm: asks ? durable - 1 : durable,
      electedTerm: asks && raft.role === "leader" ? durable : none,
    };
  }

  #movesOf({ raft, writes, reportedCount }: Seat): readonly Move[] {
    const moves: Move[] = [];
    const add = (input: SeatInput, cost?: Cost): void => {
      moves.push({ input, cost, to: undefined });
    };
    if (raft.role === "leader") {
      add({ kind: "propose" }, "entries");
      add({ kind: "heartbeat" }, "heartbeats");
    } else if (raft.term < this.#terms) {
      add({ kind: "campaign" });
    }
    if (raft.hasReady) add({ kind: "turn" });
    if (writes.length > reportedCount) add({ kind: "persist" });
    for (let keep = 0; keep <= writes.length; keep++) add({ kind: "crash", keep }, "crashes");
    return moves;
  }

  #transition(id: number, input: SeatInput): Transition {
    const { seat, sent, facts } = stepSeat(this.seats.at(id), input, this.#rules);
    const next = this.seats.idOf(seat);
    const ids = sent.map((message) => this.messages.idOf(message));
    const isIdle = next === id && ids.length === 0 && facts.length === 0;
    return { seat: next, sent: this.#rules.isSet ? [...new Set(ids)] : ids, facts, isIdle };
  }
}

function newLetter(message: Message): Letter {
  const isVote = message.kind === "request-vote-response";
  const input: SeatInput = { kind: "deliver", message };
  return { message, input, to: message.to - 1, isVote, isAnswer: isVote || isProgress(message) };
}

/** Whether a message answers a leader. */
function isProgress({ kind }: Message): boolean {
  return (
    kind === "append-entries-response" ||
    kind === "append-entries-rejection" ||
    kind === "heartbeat-response"
  );
}
