import { atLeastOne, refuse } from "./check-option.ts";
import type { StateMachine } from "./state-machine.ts";

/** How often the states of replicas are compared. */
export interface DigestOptions {
  /**
   * The states of a state machine with `digest` are compared after every entry of the log whose index is
   * divisible by this: a power of two, from 1 to 2^30. Replicas with different values compare where the
   * larger one does.
   *
   * @default 4096
   */
  readonly digestEveryCount?: number;
}

const everyCountMax = 2 ** 30;

/** Fills in the default. Throws `invalid_options` for a value of the wrong type or range. */
export function validateDigestOptions(options: DigestOptions): Required<DigestOptions> {
  const digestEveryCount = atLeastOne("digestEveryCount", options.digestEveryCount ?? 4096);
  // Only so all multiples of a larger one are multiples of a smaller one.
  if (digestEveryCount > everyCountMax || !Number.isInteger(Math.log2(digestEveryCount))) {
    refuse(`digestEveryCount must be a power of two up to 2^30: got ${digestEveryCount}`);
  }
  return { digestEveryCount };
}

/** Which indexes are agreed, all multiples of it; 0: none. */
export function digestEveryCountOf(
  options: Required<DigestOptions> & {
    readonly stateMachine: Pick<StateMachine<never, unknown>, "digest">;
  },
): number {
  return options.stateMachine.digest === undefined ? 0 : options.digestEveryCount;
}
