import {
  type Entry,
  entryOverheadBytes,
  none,
  type PeerStatus,
  type RaftOptions,
  type Status,
} from "@quorate/core";
import { type Disks, type Judge, Violation } from "../judge.ts";

const mebi = 2 ** 20;

/** More than a change of the configuration takes in a world of at most ten nodes. */
const changeBytes = 150;

/**
 * I13: what a leader believes of its followers is bounded: matchIndex < nextIndex ≤ last + 1, no more
 * on the way than the window allows, and every acknowledged entry is on the follower's real disk for
 * as long as no newer term has been heard of there.
 */
export class ProgressBounds implements Judge {
  readonly invariant = "I13";
  readonly #disks: Disks;
  readonly #countMax: number;
  readonly #bytesMax: number;

  /** `options` are those of all nodes. */
  constructor(disks: Disks, options: RaftOptions) {
    const { inflightCountMax = 256, inflightBytesMax = 16 * mebi } = options;
    const { messageBytesMax = mebi / 4, commandBytesMax = 4 * mebi } = options;
    this.#disks = disks;
    this.#countMax = inflightCountMax;
    // The message that crosses the limit is still sent, and one large entry travels alone.
    const largestBytes = Math.max(
      messageBytesMax,
      commandBytesMax + entryOverheadBytes,
      changeBytes,
    );
    this.#bytesMax = inflightBytesMax - 1 + largestBytes;
  }

  stepped(before: Status, after: Status, log: readonly Entry[]): void {
    const sameReign = before.role === "leader" && before.term === after.term;
    for (const peer of after.progress) {
      const { id, matchIndex, nextIndex, inflightCount, inflightBytes } = peer;
      const bounded = matchIndex < nextIndex && nextIndex <= after.last.index + 1;
      if (!bounded || inflightCount > this.#countMax || inflightBytes > this.#bytesMax) {
        throw new Violation(
          "I13",
          `node ${after.id}, with last ${after.last.index}, has match=${matchIndex} ` +
            `next=${nextIndex} inflight=${inflightCount}, ${inflightBytes} bytes, for node ${id}`,
        );
      }
      const was = sameReign ? before.progress.find((other) => other.id === id) : undefined;
      const earlier = was?.matchIndex ?? none;
      // Whoever is added may have lost its disk since it was a member before.
      if (was === undefined && matchIndex > none) {
        throw new Violation("I13", `node ${after.id} counts on node ${id} from the beginning`);
      }
      if (matchIndex < earlier) {
        throw new Violation("I13", `node ${after.id} took back what node ${id} acknowledged`);
      }
      if (matchIndex > earlier) this.#checkMatch(after, peer, log);
    }
  }

  #checkMatch(leader: Status, { id, matchIndex: index }: PeerStatus, log: readonly Entry[]): void {
    if (this.#disks.termOf(id) > leader.term) return;
    const term = log[index - 1]?.term ?? none;
    if (this.#disks.holds(id, { term, index })) return;
    throw new Violation(
      "I13",
      `node ${leader.id} counts on node ${id} for ${term}/${index}, which its disk lacks`,
    );
  }
}
