import type { NodeId } from "@quorate/core";
import type { StateMachine } from "@quorate/runtime";
import { Draw } from "../draw.ts";
import type { CallRecord } from "./call.ts";

/** What a client asks of the service. `label` says it to people, in the text of a failure. */
export type AppCall<Query> =
  | {
      readonly kind: "write";
      readonly command: Uint8Array;
      /**
       * Whether clients make the call again though it may have taken effect: the state machine must know
       * the command again.
       *
       * @default false
       */
      readonly repeats?: boolean;
      readonly label?: string;
    }
  | {
      readonly kind: "read";
      readonly query: Query;
      /**
       * See `ReadOptions.consistency`. In worlds whose clocks are not to be trusted, a `lease` read is made
       * as a linearizable one.
       *
       * @default "linearizable"
       */
      readonly consistency?: "linearizable" | "lease" | "local";
      /**
       * See `ReadOptions.stalenessMsMax`. In worlds whose clocks are not to be trusted, there is no bound.
       *
       * @default no bound
       */
      readonly stalenessMsMax?: number;
      /**
       * Whether the read is to see all that its client was told before: see `ReadOptions.atLeast`.
       *
       * @default false
       */
      readonly seesOwn?: boolean;
      readonly label?: string;
    };

/** What is known when a call is made. */
export interface Told<Query> {
  readonly seed: number;
  readonly node: NodeId;
  readonly number: number;
  /** The world's own time, in milliseconds. */
  readonly nowMs: number;
  /** All calls before, and how they ended. */
  readonly records: readonly CallRecord<Query, unknown>[];
}

/** A service under simulation: its state machine, what its clients do, and what it is supposed to do. */
export interface App<Query, Answer> {
  /** Makes a new state machine, empty. Called at every start of every replica. */
  stateMachine(): StateMachine<Query, Answer>;

  /**
   * The `number`-th call that a client makes, from 1 on. All its choices are to come from `draw`: it is
   * asked again for the same call when a run is repeated.
   */
  workload(draw: Draw, number: number): AppCall<Query>;

  /**
   * The call as it is made, if more must be known for that than its number: what other calls were told, say.
   *
   * @default as it is
   */
  prepared?(call: AppCall<Query>, told: Told<Query>): AppCall<Query>;

  /**
   * What there is to be seen in the result of a write, as coverage calls it.
   *
   * @default nothing
   */
  happening?(call: AppCall<Query>, result: Uint8Array): string | undefined;

  /**
   * Makes what the service is judged by: a state machine so simple that it is right. It is given the
   * commands of the log one at a time, in one piece and without faults, and each result and answer that
   * a client got must be its own.
   *
   * @default `stateMachine`: the service must at least do alone what it does replicated.
   */
  model?(): StateMachine<Query, Answer>;

  /**
   * The whole state of a machine, as a text: replicas that applied the same commands must agree on it.
   * Without it they are compared by their results and answers alone.
   */
  fingerprint?(machine: StateMachine<Query, Answer>): string;

  /**
   * How a machine comes to differ from all others: by something in its state that no command put there, and
   * that no command, query or fingerprint sees. Only its digest tells of it, and what is saved of it has it.
   *
   * @default no machine ever differs
   */
  readonly stray?: Stray<Query, Answer>;
}

/** What no command put into a state. */
export interface Stray<Query, Answer> {
  /** Puts it there, for good. */
  leave(machine: StateMachine<Query, Answer>): void;
  /** Whether it is there. */
  isIn(machine: StateMachine<Query, Answer>): boolean;
}

/** Sets the draws of calls apart from all others. */
const callStream = 1_000_000;

/** The call of this number in the world of `seed`. */
export function callOf<Query, Answer>(
  app: App<Query, Answer>,
  seed: number,
  number: number,
): AppCall<Query> {
  return app.workload(new Draw(seed, callStream + number), number);
}
