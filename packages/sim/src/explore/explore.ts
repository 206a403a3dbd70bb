import { type NodeId, RaftNode, type RaftOptions } from "@quorate/core";
import { Violation } from "../judge.ts";
import { type Bound, validateBound } from "./bound.ts";
import { Counterexample } from "./counterexample.ts";
import { Frontier } from "./frontier.ts";
import type { CreateNode } from "./model-node.ts";
import { type GroupStep, replay, type Replayed } from "./replay.ts";
import type { HostFlaw } from "./seat-step.ts";
import { Space, stateLengthMax } from "./space.ts";
import { nowhere, StateSet } from "./state-set.ts";
import type { Hash } from "./text-hash.ts";

/** How to explore. */
export interface ExploreOptions {
  /**
   * How many different states to keep at most, at about 24 bytes each, and 100 more for each that waits
   * to be explored.
   *
   * @default 10 million
   */
  readonly statesMax?: number;

  /**
   * How many inputs may gather at a node before its host asks what to do. With 1 it asks at once after
   * each; with more, a Ready can hold what came of several, and there are many more states. At least 1.
   *
   * @default 1
   */
  readonly gatherMax?: number;

  /**
   * How many writes of a node may be under way at a time: with one more, the oldest is done at once.
   * With 0 a write is done when it is asked for, and a crash loses nothing.
   *
   * @default `Infinity`
   */
  readonly writesMax?: number;

  /** Options of the nodes, in the place of those that `modelOptions` chooses. */
  readonly raft?: RaftOptions;

  /** Makes the nodes, for tests with broken ones. The default makes a `RaftNode`. */
  readonly createNode?: CreateNode;

  /** A deliberate defect of every host, for tests of the invariants. */
  readonly flaw?: HostFlaw;

  /** Called with the state of affairs, once for every 65,536 states that were explored. */
  readonly onProgress?: (progress: ExploreReport) => void;
}

/** What an exploration has covered. */
export interface ExploreReport {
  readonly bound: Bound;
  /** Whether every schedule within the bound was covered, of whatever length. */
  readonly complete: boolean;
  /** Every schedule of up to this many steps was covered. */
  readonly depth: number;
  /** Different states that were found, those that differ in the nodes' names alone counted once. */
  readonly states: number;
  /** Steps that were taken, from all states that were explored. */
  readonly transitions: number;
  /** States that were found and not explored. */
  readonly waiting: number;
  /** Different states of a single machine, and different messages. */
  readonly seats: number;
  readonly messages: number;
}

/**
 * The options of nodes that are explored. Timers never fire by themselves, since a campaign or a
 * heartbeat at any moment is a step of its own; there is no pre-vote and no check-quorum, which only
 * keep elections from happening; and one entry travels in a message, so that two can be torn apart.
 */
export const modelOptions: RaftOptions = {
  electionTimeoutTicks: 2 ** 40,
  heartbeatTicks: 1,
  preVote: false,
  checkQuorum: false,
  messageBytesMax: 1,
  seed: 1,
};

const progressInterval = 65_536;

/**
 * Searches every schedule of a small group of real nodes, breadth first, and judges every step. Within
 * the bound, messages are lost, delayed and reordered without limit, nodes campaign and send heartbeats
 * at any moment, and disks finish their writes at any moment, or lose them in a crash. Throws a
 * `Counterexample` with the shortest schedule that breaks an invariant.
 *
 * What is left out, and why nothing is lost by it: `docs/internals/exploration.md`.
 */
export function explore(bound: Bound, options: ExploreOptions = {}): ExploreReport {
  validateBound(bound);
  return new Exploration(bound, options).run();
}

class Exploration {
  readonly #bound: Bound;
  readonly #voters: readonly NodeId[];
  readonly #onProgress: ExploreOptions["onProgress"];
  readonly #space: Space;
  readonly #seen: StateSet;
  readonly #frontier = new Frontier();
  readonly #state = new Int32Array(stateLengthMax);
  readonly #next = new Int32Array(stateLengthMax);
  #depth = 0;
  #transitions = 0;
  #isCut = false;

  constructor(bound: Bound, options: ExploreOptions) {
    const voters: NodeId[] = Array.from({ length: bound.nodes }, (_, offset) => offset + 1);
    const create = options.createNode ?? newCreator(options.raft);
    const {
      gatherMax = 1,
      writesMax = Infinity,
      flaw,
      statesMax = 10_000_000,
      onProgress,
    } = options;
    const isSet = bound.duplicates === Infinity;
    this.#bound = bound;
    this.#voters = voters;
    this.#onProgress = onProgress;
    this.#space = new Space(bound, { voters, create, gatherMax, writesMax, flaw, isSet });
    this.#seen = new StateSet(statesMax);
  }

  run(): ExploreReport {
    const length = this.#space.writeFirst(this.#state);
    const { low, high } = this.#space.hashOf(this.#state, length);
    this.#seen.add(low, high, nowhere);
    this.#frontier.push(this.#state, length);
    let explored = 0;
    while (this.#frontier.count > 0 && !this.#isCut) {
      const level = this.#frontier.count;
      for (let left = level; left > 0 && !this.#isCut; left--) {
        this.#exploreNext();
        explored += 1;
        if (explored % progressInterval === 0) this.#onProgress?.(this.#report());
      }
      if (!this.#isCut && this.#frontier.count > 0) this.#depth += 1;
    }
    return this.#report();
  }

  #exploreNext(): void {
    const length = this.#frontier.shift(this.#state);
    const number = this.#state[0] ?? 0;
    try {
      this.#space.expand(this.#state, length, (low, high) => this.#visit(number, low, high));
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      throw this.#retrace(number, error);
    }
  }

  #visit(from: number, low: number, high: number): void {
    this.#transitions += 1;
    if (this.#seen.isFull) {
      this.#isCut = true;
      return;
    }
    const number = this.#seen.add(low, high, from);
    if (number === nowhere) return;
    this.#frontier.push(this.#next, this.#space.writeNext(this.#next, number));
  }

  #report(): ExploreReport {
    return {
      bound: this.#bound,
      complete: !this.#isCut && this.#frontier.count === 0,
      depth: this.#depth,
      states: this.#seen.count,
      transitions: this.#transitions,
      waiting: this.#frontier.count,
      seats: this.#space.seating.seats.count,
      messages: this.#space.seating.messages.count,
    };
  }

  /**
   * Goes the way to state `number` again, now with every step noted, takes the step that breaks the
   * invariant, and leaves out what is not needed for it. The names of the nodes may be others than
   * before, but the same for all steps.
   */
  #retrace(number: number, violation: Violation): Counterexample {
    this.#space.keepsSilent = true;
    const steps: GroupStep[] = [];
    let length = this.#space.writeFirst(this.#state);
    for (const hash of this.#seen.pathTo(number)) length = this.#follow(length, hash, steps);
    try {
      this.#space.expand(this.#state, length, () => {});
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      steps.push(this.#space.step);
    }
    const play = (part: readonly GroupStep[]): Replayed | undefined => {
      return replay(this.#space.seating, this.#voters, part);
    };
    const fails = (part: readonly GroupStep[]): boolean => {
      return play(part)?.violation?.invariant === violation.invariant;
    };
    const needed = withoutNeedless(steps, fails);
    const { violation: broken = violation, lines = [] } = play(needed) ?? {};
    return new Counterexample(broken, lines, this.#bound);
  }

  /** Takes the step to the state with hash `hash`, notes it and what follows silently. */
  #follow(length: number, hash: Hash, steps: GroupStep[]): number {
    let nextLength = 0;
    this.#space.expand(this.#state, length, (low, high) => {
      if (nextLength > 0 || low !== hash.low || high !== hash.high) return;
      nextLength = this.#space.writeNext(this.#next, 0);
      steps.push(this.#space.step, ...this.#space.silentSteps);
    });
    this.#state.set(this.#next.subarray(0, nextLength));
    return nextLength;
  }
}

/** `steps` without those that it `fails` without, tried one by one from the end until none is left. */
function withoutNeedless(
  steps: readonly GroupStep[],
  fails: (part: readonly GroupStep[]) => boolean,
): readonly GroupStep[] {
  let kept = steps;
  for (let offset = steps.length - 1; offset >= 0; offset--) {
    const candidate = kept.toSpliced(offset, 1);
    if (fails(candidate)) kept = candidate;
  }
  return kept;
}

function newCreator(options: RaftOptions = {}): CreateNode {
  return (id, voters, storage) =>
    new RaftNode(id, voters, { ...modelOptions, ...options, storage });
}
