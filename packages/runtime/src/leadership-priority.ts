import { isJoint, type LogIndex, type NodeId, none, type Status, type Ticks } from "@quorate/core";

/** How many election timeouts a leader leads, and waits after an attempt, before it hands over. */
const patienceTimeouts = 10;

/** How many times as long it waits at most. */
const backoffMax = 64;

/** What is known of the members beside the core's status. */
export interface Preferences {
  /** How much a member should rather lead than others; 0 for one that is not known. */
  priorityOf(id: NodeId): number;
  /** Whether there is a connection to a member. */
  isConnected(id: NodeId): boolean;
}

/**
 * Decides when a leader hands over to a voter of higher priority. It never costs the group a leader that
 * works: the other must be connected, be heard from, and have had everything that was committed a tick
 * ago, so that it can take over at once. Nor much of its time: a leader leads for ten election timeouts
 * first, and waits for twenty after an attempt before it makes another; each doubles that, up to 640,
 * until none was made for twice that long. So preferred members that do not stay do little harm.
 */
export class LeadershipPriority {
  readonly #patienceTicks: Ticks;
  readonly #preferences: Preferences;
  #isLeader = false;
  #leadsTicks: Ticks = 0;
  /** Since the last attempt. */
  #restTicks: Ticks = Number.POSITIVE_INFINITY;
  /** What to multiply the patience with until the next attempt. */
  #backoff = 1;
  /** What was committed at the last look, if it was a tick ago. */
  #commitIndex: LogIndex = Number.POSITIVE_INFINITY;

  constructor(electionTimeoutTicks: Ticks, preferences: Preferences) {
    this.#patienceTicks = patienceTimeouts * electionTimeoutTicks;
    this.#preferences = preferences;
  }

  /** Lets `count` ticks pass, in which this node led or not. */
  onTicks(count: Ticks, isLeader: boolean): void {
    this.#leadsTicks = isLeader && this.#isLeader ? this.#leadsTicks + count : 0;
    this.#isLeader = isLeader;
    this.#restTicks += count;
    if (this.#restTicks > 2 * backoffMax * this.#patienceTicks) this.#backoff = 1;
    if (!this.isDue) this.#commitIndex = Number.POSITIVE_INFINITY;
  }

  /** Whether it is time to look for another leader. */
  get isDue(): boolean {
    const waitTicks = this.#backoff * this.#patienceTicks;
    return this.#leadsTicks >= this.#patienceTicks && this.#restTicks >= waitTicks;
  }

  /** To whom the leader with this status should hand over, or `none`. To be asked every tick when due. */
  choose(status: Status): NodeId {
    const knownIndex = this.#commitIndex;
    this.#commitIndex = status.commitIndex;
    if (isJoint(status.confState)) return none;
    let best: NodeId = none;
    let most = this.#preferences.priorityOf(status.id);
    for (const { id, isVoter, kind, matchIndex, recentlyActive } of status.progress) {
      const isReady = isVoter && kind === "replicate" && recentlyActive && matchIndex >= knownIndex;
      if (!isReady || !this.#preferences.isConnected(id)) continue;
      const priority = this.#preferences.priorityOf(id);
      if (priority <= most) continue;
      best = id;
      most = priority;
    }
    return best;
  }

  /** An attempt was made, whatever comes of it. */
  onAttempt(): void {
    this.#restTicks = 0;
    this.#commitIndex = Number.POSITIVE_INFINITY;
    this.#backoff = Math.min(backoffMax, 2 * this.#backoff);
  }
}
