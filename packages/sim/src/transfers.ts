import {
  type Entry,
  isMember,
  type LogIndex,
  type Message,
  type NodeId,
  none,
  type RaftOptions,
  type Status,
} from "@quorate/core";
import { type Observer, Violation } from "./judge.ts";

/**
 * Checks how leadership is handed over (thesis §3.10): to a voter; the leader takes no commands meanwhile,
 * and goes on by itself after an election timeout; who is asked to take over campaigns at once; and nobody
 * is loyal to a leader that wants another. No safety depends on it; but it fails, or nothing is served.
 */
export class Transfers implements Observer {
  readonly #ticksMax: number;
  /** For how many ticks each leader has been handing over. */
  readonly #ticks = new Map<NodeId, number>();

  constructor({ electionTimeoutTicks = 10 }: RaftOptions) {
    this.#ticksMax = electionTimeoutTicks;
  }

  started({ id }: Status): void {
    this.#ticks.delete(id);
  }

  ticked({ id }: Status): void {
    const ticks = this.#ticks.get(id);
    if (ticks !== undefined) this.#ticks.set(id, ticks + 1);
  }

  stepped(_: Status, { id, transferTarget, voters }: Status): void {
    if (transferTarget === none) {
      this.#ticks.delete(id);
      return;
    }
    require(voters.includes(transferTarget), `node ${id} hands over to one that cannot lead`);
    const ticks = this.#ticks.get(id);
    if (ticks === undefined) this.#ticks.set(id, 0);
    else require(ticks < this.#ticksMax, `node ${id} hands over for ever`);
  }

  appended({ id, transferTarget }: Status, log: readonly Entry[], after: LogIndex): void {
    if (transferTarget === none) return;
    const command = log.slice(after).find(({ kind }) => kind === "command");
    require(command === undefined, `node ${id} takes a command while it hands over`);
  }

  received(before: Status, after: Status, message: Message): void {
    const { id } = after;
    if (message.kind === "timeout-now" && message.term === before.term) {
      const { confState, appliedIndex, commitIndex } = before;
      // It may not, before it has applied what could be a change of the configuration.
      const may = isMember(confState, id) && !confState.learners.includes(id);
      if (!may || appliedIndex < commitIndex) return;
      require(after.term === message.term + 1, `node ${id} is to take over, and does not campaign`);
    }
    if (message.kind !== "request-vote" || message.transfer !== true) return;
    require(after.term >= message.term, `node ${id} ignores whom its leader wants`);
  }
}

function require(condition: boolean, what: string): void {
  if (!condition) throw new Violation("contract", what);
}
