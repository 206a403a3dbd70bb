import { membersOf, votersOf } from "./conf-state.ts";
import { copyRole } from "./copy-state.ts";
import type { HandoverImage } from "./handover.ts";
import type { LogIndex } from "./ids.ts";
import { Log, type LogImage } from "./log.ts";
import { Outbox, type OutboxImage } from "./outbox.ts";
import { SeededRandom } from "./random.ts";
import type { RaftState } from "./state.ts";

/** What is told of a state in another form, or follows from the rest. */
type Retold = "log" | "outbox" | "random" | "voters" | "peers";

/**
 * All that a node is, as a value that can be written down: another made of it does the same on every
 * call from here on. See `RaftState` for the fields.
 */
export interface NodeImage extends Omit<RaftState, Retold> {
  readonly log: LogImage;
  readonly outbox: OutboxImage;
  /** See `SeededRandom.state`. */
  readonly randomState: number;
  readonly handover: HandoverImage;
}

/**
 * What `state` and `handover` come to. Of the log it holds the entries from `from` on, and those before
 * them whose kind or length the node itself may still look at; of the others, their terms. Shares with
 * the node only what never changes.
 */
export function imageOf(state: RaftState, handover: HandoverImage, from: LogIndex): NodeImage {
  const { log, outbox, random, voters: _voters, peers: _peers, ...rest } = state;
  return {
    ...rest,
    role: copyRole(state.role),
    log: log.image(Math.min(from, firstWanted(state))),
    outbox: outbox.copy(),
    randomState: random.state,
    handover,
  };
}

/** The first entry that is not behind the node: it is to be counted, written, applied or announced. */
function firstWanted({
  appliedIndex,
  commitIndex,
  handedHardState,
  ...state
}: RaftState): LogIndex {
  const { handedIndex, persistedIndex } = state.log;
  const behind = Math.min(appliedIndex, commitIndex, handedIndex, persistedIndex);
  const { persistedHardState } = state;
  return Math.min(behind, handedHardState.commitIndex, persistedHardState.commitIndex) + 1;
}

/** The state that `image` is of. Its log must leave nothing out. */
export function stateOfImage(image: NodeImage): RaftState {
  const { log, outbox, randomState, handover: _handover, ...rest } = image;
  return {
    ...rest,
    role: copyRole(image.role),
    voters: votersOf(image.confState),
    peers: membersOf(image.confState).filter((id) => id !== image.id),
    log: Log.fromImage(log),
    outbox: Outbox.fromImage(outbox),
    random: SeededRandom.at(randomState),
  };
}
