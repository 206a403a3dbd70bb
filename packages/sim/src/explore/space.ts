import { assert } from "@quorate/core";
import { Violation } from "../judge.ts";
import { type Bound, type Budget, spend, wholeBudget } from "./bound.ts";
import { Catalogue, renamings } from "./catalogue.ts";
import { type Chronicle, chronicleText, emptyChronicle, isKnown, judge } from "./chronicle.ts";
import type { Fact } from "./fact.ts";
import type { HostRules, SeatInput } from "./seat-step.ts";
import { Seating, type Transition } from "./seating.ts";
import type { GroupStep } from "./replay.ts";
import { type Hash, mix } from "./text-hash.ts";

/** The most numbers that a state may take. */
export const stateLengthMax = 4096;

/** Where the parts of a state are; the messages follow the seats. */
const budgetOffset = 1;
const chronicleOffset = 2;
const seatsOffset = 3;

/** Called with the hash of a state that a step leads to. */
export type Visit = (low: number, high: number) => void;

/**
 * All states of a bounded group, and the steps between them. A state is a row of numbers: its own, the
 * budget, the chronicle, a seat for each node, and the messages on their way.
 *
 * The hash of a state is a sum over its parts, so a step costs no more than what it changes. There is
 * one sum for each way to name the nodes, and the least of them stands for the state: groups that are
 * equal but for who is who are one state.
 */
export class Space {
  readonly #rules: HostRules;
  readonly #budget: Budget;
  /** Whether messages are a set that only grows, since every one of them may come again. */
  readonly #isSet: boolean;
  readonly #seating: Seating;
  readonly #chronicles: Catalogue<Chronicle>;
  readonly #messagesOffset: number;
  /** The hashes of the state that is expanded, but for its budget; two halves for each renaming. */
  readonly #sums: Int32Array;
  #state: Int32Array = new Int32Array(0);
  #length = 0;
  // The step that is looked at, and what it changes.
  #slot = 0;
  #input: SeatInput = { kind: "campaign" };
  #nextBudget: Budget = 0;
  #nextSeat = 0;
  #nextChronicle = 0;
  /** Where in the state a message is that the step uses up, or 0. */
  #used = 0;
  /** The messages that the step adds, and where in the state those are that can be forgotten. */
  readonly #added = new Int32Array(stateLengthMax);
  #addedCount = 0;
  readonly #dropped = new Int32Array(stateLengthMax);
  #droppedCount = 0;
  /** What is done at once since nothing is lost by it, after the step; kept only to retrace a way. */
  readonly #silent: GroupStep[] = [];
  /** Whether `silentSteps` are kept, which costs time. */
  keepsSilent = false;
  /** For each message the round in which it was last found in a state; this one is `#round`. */
  #rounds = new Int32Array(1024);
  #round = 0;

  constructor(bound: Bound, rules: HostRules) {
    const names = renamings(bound.nodes);
    this.#rules = rules;
    this.#budget = wholeBudget(bound);
    this.#isSet = rules.isSet;
    this.#seating = new Seating(rules, names, bound.terms);
    this.#chronicles = new Catalogue(names, chronicleText);
    this.#messagesOffset = seatsOffset + bound.nodes;
    this.#sums = new Int32Array(2 * names.length);
  }

  /** The seats and messages of which states are made. */
  get seating(): Seating {
    return this.#seating;
  }

  /** The step that is looked at, or that just broke an invariant. */
  get step(): GroupStep {
    return { slot: this.#slot, input: this.#input };
  }

  /**
   * The silent steps that follow `step`: those that change no seat and only add messages, when any
   * message may come many times. With more messages all the same can happen, and more, so they are
   * taken at once, and the states without them need not be looked at.
   */
  get silentSteps(): readonly GroupStep[] {
    return this.#silent;
  }

  /** Writes the first state, as number 0, to `state` and returns its length. */
  writeFirst(state: Int32Array): number {
    const row = [0, this.#budget, this.#chronicles.idOf(emptyChronicle), ...this.#seating.first()];
    state.set(row);
    return row.length;
  }

  /** The hash of the state in `state`. */
  hashOf(state: Int32Array, length: number): Hash {
    this.#load(state, length);
    this.#nextBudget = state[budgetOffset] ?? 0;
    let hash: Hash = { low: 0, high: 0 };
    this.#visitLeast((low, high) => {
      hash = { low, high };
    });
    return hash;
  }

  /**
   * Calls `visit` for each state that one step leads to from `state`. Within the call, `writeNext` gives
   * that state, and `step` the step. Throws a `Violation` if a step breaks an invariant.
   */
  expand(state: Int32Array, length: number, visit: Visit): void {
    this.#load(state, length);
    const budget = state[budgetOffset] ?? 0;
    for (let slot = 0; slot < this.#rules.voters.length; slot++) {
      this.#slot = slot;
      this.#used = 0;
      const seat = this.#seatAt(slot);
      for (const move of this.#seating.movesOf(seat)) {
        const left = move.cost === undefined ? budget : spend(budget, move.cost);
        if (left === undefined) continue;
        this.#input = move.input;
        this.#nextBudget = left;
        this.#look(this.#seating.follow(seat, move), visit);
      }
    }
    for (let offset = this.#messagesOffset; offset < length; offset++) {
      this.#expandDelivery(offset, budget, visit);
    }
  }

  /** Writes the state that is visited to `next`, as number `number`, and returns its length. */
  writeNext(next: Int32Array, number: number): number {
    next[0] = number;
    next[budgetOffset] = this.#nextBudget;
    next[chronicleOffset] = this.#nextChronicle;
    for (let slot = 0; slot < this.#rules.voters.length; slot++) {
      next[seatsOffset + slot] = this.#seatAt(slot);
    }
    next[seatsOffset + this.#slot] = this.#nextSeat;
    let length = this.#messagesOffset;
    for (let offset = this.#messagesOffset; offset < this.#length; offset++) {
      if (offset === this.#used || this.#isDropped(offset)) continue;
      next[length] = this.#messageAt(offset);
      length += 1;
    }
    for (let offset = 0; offset < this.#addedCount; offset++) {
      next[length] = this.#added[offset] ?? 0;
      length += 1;
    }
    assert(length <= stateLengthMax, "a state has room for its messages");
    return length;
  }

  #seatAt(slot: number): number {
    return this.#state[seatsOffset + slot] ?? 0;
  }

  #messageAt(offset: number): number {
    return this.#state[offset] ?? 0;
  }

  #load(state: Int32Array, length: number): void {
    this.#state = state;
    this.#length = length;
    this.#sums.fill(0);
    this.#add(this.#chronicles.hashes, state[chronicleOffset] ?? 0, 1);
    const { seats, messages } = this.#seating;
    for (let slot = 0; slot < this.#rules.voters.length; slot++) {
      this.#add(seats.hashes, this.#seatAt(slot), 1);
    }
    this.#round += 1;
    if (messages.count > this.#rounds.length) this.#rounds = new Int32Array(2 * messages.count);
    for (let offset = this.#messagesOffset; offset < length; offset++) {
      const id = this.#messageAt(offset);
      this.#add(messages.hashes, id, 1);
      this.#rounds[id] = this.#round;
    }
  }

  #expandDelivery(offset: number, budget: Budget, visit: Visit): void {
    const id = this.#messageAt(offset);
    // Of two equal messages, one is enough to try.
    if (!this.#isSet && this.#isAmong(id, offset)) return;
    const { to, input } = this.#seating.letterOf(id);
    this.#slot = to;
    this.#input = input;
    const transition = this.#seating.deliver(this.#seatAt(to), id);
    // A message that changes nothing may as well stay: with more messages, more can happen.
    if (transition.isIdle) return;
    this.#nextBudget = budget;
    this.#used = this.#isSet ? 0 : offset;
    this.#look(transition, visit);
    const left = this.#isSet ? undefined : spend(budget, "duplicates");
    if (left === undefined) return;
    this.#nextBudget = left;
    this.#used = 0;
    this.#look(transition, visit);
  }

  /** Visits what `transition` leads to from the state that is expanded. */
  #look(transition: Transition, visit: Visit): void {
    this.#nextSeat = transition.seat;
    this.#nextChronicle = this.#judge(transition);
    this.#sort(transition);
    const isNothing = this.#addedCount === 0 && this.#droppedCount === 0 && this.#used === 0;
    if (isNothing && transition.seat === this.#seatAt(this.#slot)) {
      // Repeated heartbeats, above all. A proposal or a crash always changes the seat.
      if (this.#nextChronicle === this.#state[chronicleOffset]) return;
    }
    this.#change(1);
    this.#visitLeast(visit);
    this.#change(-1);
  }

  /** Brings the sums from this state to the next, or with -1 back. */
  #change(sign: 1 | -1): void {
    const { seats, messages } = this.#seating;
    const seat = this.#seatAt(this.#slot);
    if (seat !== this.#nextSeat) {
      this.#add(seats.hashes, seat, -sign);
      this.#add(seats.hashes, this.#nextSeat, sign);
    }
    const chronicle = this.#state[chronicleOffset] ?? 0;
    if (chronicle !== this.#nextChronicle) {
      this.#add(this.#chronicles.hashes, chronicle, -sign);
      this.#add(this.#chronicles.hashes, this.#nextChronicle, sign);
    }
    for (let offset = 0; offset < this.#addedCount; offset++) {
      this.#add(messages.hashes, this.#added[offset] ?? 0, sign);
    }
    for (let offset = 0; offset < this.#droppedCount; offset++) {
      this.#add(messages.hashes, this.#messageAt(this.#dropped[offset] ?? 0), -sign);
    }
    if (this.#used > 0) this.#add(messages.hashes, this.#messageAt(this.#used), -sign);
  }

  #add(hashes: Int32Array, item: number, sign: number): void {
    const sums = this.#sums;
    const start = item * sums.length;
    // A sum in an Int32Array wraps around, as a sum of hashes should.
    for (let offset = 0; offset < sums.length; offset++) {
      sums[offset] = (sums[offset] ?? 0) + sign * (hashes[start + offset] ?? 0);
    }
  }

  #visitLeast(visit: Visit): void {
    const sums = this.#sums;
    let low = sums[0] ?? 0;
    let high = sums[1] ?? 0;
    for (let offset = 2; offset < sums.length; offset += 2) {
      const otherLow = sums[offset] ?? 0;
      const otherHigh = sums[offset + 1] ?? 0;
      if (otherHigh > high || (otherHigh === high && otherLow >= low)) continue;
      low = otherLow;
      high = otherHigh;
    }
    const salt = mix(this.#nextBudget + 0x51ed270b);
    visit((low + salt) | 0, (high + mix(salt)) | 0);
  }

  #judge({ facts }: Transition): number {
    const number = this.#state[chronicleOffset] ?? 0;
    if (facts.length === 0 || this.#areKnown(number, this.#slot, facts)) return number;
    const { seats } = this.#seating;
    const after = this.#rules.voters.map((_, slot) => seats.at(this.#nextSeatAt(slot)));
    const chronicle = this.#chronicles.at(number);
    const next = judge(chronicle, this.#slot + 1, facts, after);
    return next === chronicle ? number : this.#chronicles.idOf(next);
  }

  /** Finds out which messages a step adds to those on their way, and which can be forgotten. */
  #sort({ seat, sent }: Transition): void {
    const seating = this.#seating;
    this.#addedCount = 0;
    this.#droppedCount = 0;
    if (this.keepsSilent) this.#silent.length = 0;
    this.#addSent(sent);
    if (seat !== this.#seatAt(this.#slot)) {
      for (let offset = this.#messagesOffset; offset < this.#length; offset++) {
        const id = this.#messageAt(offset);
        if (offset === this.#used || seating.letterOf(id).to !== this.#slot) continue;
        if (seating.isStale(seat, id)) {
          this.#dropped[this.#droppedCount] = offset;
          this.#droppedCount += 1;
        } else if (this.#isSet) this.#deliverSilently(id);
      }
      if (this.#isSet) this.#moveSilently();
    }
    if (!this.#isSet) return;
    // What is added meanwhile is looked at too.
    for (let offset = 0; offset < this.#addedCount; offset++) {
      this.#deliverSilently(this.#added[offset] ?? 0);
    }
  }

  #addSent(sent: readonly number[]): void {
    for (const id of sent) {
      if (this.#isSet && (this.#rounds[id] === this.#round || this.#isAdded(id))) continue;
      const { to } = this.#seating.letterOf(id);
      if (this.#seating.isStale(this.#nextSeatAt(to), id)) continue;
      this.#added[this.#addedCount] = id;
      this.#addedCount += 1;
    }
  }

  #deliverSilently(id: number): void {
    const { to, input } = this.#seating.letterOf(id);
    let transition: Transition;
    try {
      transition = this.#seating.deliver(this.#nextSeatAt(to), id);
    } catch (error) {
      // It breaks an invariant when it is delivered as a step of its own.
      if (error instanceof Violation) return;
      throw error;
    }
    this.#takeSilently(to, input, transition);
  }

  /** Heartbeats, if there may be any number of them. */
  #moveSilently(): void {
    if (spend(this.#nextBudget, "heartbeats") !== this.#nextBudget) return;
    for (const move of this.#seating.movesOf(this.#nextSeat)) {
      if (move.cost !== "heartbeats") continue;
      this.#takeSilently(this.#slot, move.input, this.#seating.follow(this.#nextSeat, move));
    }
  }

  #takeSilently(slot: number, input: SeatInput, { seat, sent, facts }: Transition): void {
    if (seat !== this.#nextSeatAt(slot) || sent.length === 0) return;
    if (facts.length > 0 && !this.#areKnown(this.#nextChronicle, slot, facts)) return;
    const count = this.#addedCount;
    this.#addSent(sent);
    if (this.keepsSilent && this.#addedCount > count) this.#silent.push({ slot, input });
  }

  /** Whether `facts` of a seat neither add to the chronicle nor contradict it. */
  #areKnown(number: number, slot: number, facts: readonly Fact[]): boolean {
    const chronicle = this.#chronicles.at(number);
    for (const fact of facts) if (!isKnown(chronicle, slot + 1, fact)) return false;
    return true;
  }

  #nextSeatAt(slot: number): number {
    return slot === this.#slot ? this.#nextSeat : this.#seatAt(slot);
  }

  #isAmong(id: number, end: number): boolean {
    for (let offset = this.#messagesOffset; offset < end; offset++) {
      if (this.#state[offset] === id) return true;
    }
    return false;
  }

  #isAdded(id: number): boolean {
    for (let offset = 0; offset < this.#addedCount; offset++) {
      if (this.#added[offset] === id) return true;
    }
    return false;
  }

  #isDropped(offset: number): boolean {
    for (let other = 0; other < this.#droppedCount; other++) {
      if (this.#dropped[other] === offset) return true;
    }
    return false;
  }
}
