import {
  type Entry,
  type LogIndex,
  type NodeId,
  none,
  RaftError,
  type RaftNode,
} from "@quorate/core";
import type { ForwardResult } from "@quorate/wire";
import { listen } from "./abort-signal.ts";
import { CommandCopier } from "./command-copier.ts";
import type { Deadlines } from "./deadlines.ts";
import type { RequestId } from "./forwarding.ts";
import type { Clock, Timer } from "./ports.ts";
import { abortOf, expiryOf, Proposal, type Reply, settled, waiting } from "./proposal.ts";
import type { ProposalWatch } from "./proposal-watch.ts";
import type { AbortSignalLike, Applied } from "./replica.ts";

/** What may be pending at once, and how long refused commands wait. */
export interface ProposalLimits {
  readonly proposalCountMax: number;
  readonly proposalBytesMax: number;
  readonly commandBytesMax: number;
  readonly retryMs: number;
}

/** What the table of proposals works with. */
export interface ProposalsHost {
  readonly node: RaftNode;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Why this replica takes no command now, or undefined if it does. */
  refusal(): RaftError | undefined;
  /** Hands a command to another node; the id of the request, or `none` if it did not leave. */
  forward(leader: NodeId, command: Uint8Array, timeoutMs: number): RequestId;
  /** The core has new work. */
  wake(): void;
  /** Runs `work`, which a timer delayed, as an event of its own. */
  resume(work: () => void): void;
  /** Follows commands through their stages, if anybody wants to know. */
  readonly watch?: ProposalWatch<Proposal> | undefined;
}

/** The codes by which a node says that another one, or itself a little later, may take the command. */
const retryable: ReadonlySet<string> = new Set([
  "not_leader",
  "leader_not_ready",
  "transferring",
  "disk_full",
]);

/** The commands that were accepted and are not settled. */
export class Proposals {
  /** What became of those of this replica's own users that are settled. */
  readonly outcomes: { applied: number; notApplied: number; unknown: number } = {
    applied: 0,
    notApplied: 0,
    unknown: 0,
  };
  readonly #host: ProposalsHost;
  readonly #limits: ProposalLimits;
  #count = 0;
  #bytes = 0;
  readonly #waiting = new Set<Proposal>();
  readonly #proposed = new Map<LogIndex, Proposal>();
  readonly #forwarded = new Map<RequestId, Proposal>();
  readonly #copier = new CommandCopier();
  #retry: Timer | undefined;
  readonly #onExpired = (proposal: Proposal): void => {
    this.#settle(proposal, expiryOf(proposal, this.#host.node));
  };

  constructor(limits: ProposalLimits, host: ProposalsHost) {
    this.#host = host;
    this.#limits = limits;
  }

  /** How many are pending. */
  get count(): number {
    return this.#count;
  }

  /** Takes a copy of a command of this replica's own user; without a leader it waits for one. */
  submit(
    command: Uint8Array,
    timeoutMs: number,
    signal: AbortSignalLike | undefined,
    reply: Reply,
  ): void {
    const proposal = this.#accept(command, timeoutMs, reply, false);
    if (proposal === undefined) return;
    if (signal !== undefined) {
      const unlisten = listen(signal, () =>
        this.#host.resume(() => this.#settle(proposal, abortOf(proposal, signal.reason))),
      );
      if (unlisten instanceof RaftError) {
        this.#settle(proposal, unlisten);
        return;
      }
      proposal.unlisten = unlisten;
    }
    this.#dispatch(proposal);
  }

  /** Takes a command that another node handed here because this one leads; refused if it does not. */
  submitRemote(command: Uint8Array, timeoutMs: number, reply: Reply): void {
    const proposal = this.#accept(command, timeoutMs, reply, true);
    if (proposal !== undefined) this.#dispatch(proposal);
  }

  /** Tries again what waits for a leader: one may be known now. */
  retry(): void {
    if (this.#host.node.leader === none) return;
    const now = this.#host.clock.now();
    for (const proposal of this.#waiting) {
      // Deadlines are noticed late; one that can no longer be met must not hold up those behind it.
      if (proposal.deadlineAt <= now) this.#onExpired(proposal);
      else if (!this.#dispatch(proposal)) return;
    }
  }

  /** `entry` was applied, with `result`: settles the command that was proposed at its index, if any. */
  onEntryApplied(entry: Entry, result: Uint8Array | undefined): void {
    const proposal = this.#proposed.get(entry.index);
    if (proposal === undefined || proposal.place.kind !== "proposed") return;
    // The index alone proves nothing: another leader may have put its entry there (§5.3).
    if (proposal.place.term === entry.term && result !== undefined) {
      this.#settle(proposal, { index: entry.index, result });
      return;
    }
    const { index, term } = proposal.place;
    const message = `index ${index} was proposed in term ${term} and committed in term ${entry.term}`;
    this.#settle(proposal, new RaftError("superseded", message));
  }

  /** The log up to `index` was replaced by a snapshot: what was in it of this replica's will not be told. */
  onRestored(index: LogIndex): void {
    for (const [at, proposal] of [...this.#proposed]) {
      if (at > index) continue;
      const message = `a snapshot took the place of index ${at}, and whatever was there`;
      this.#settle(proposal, new RaftError("leadership_lost", message));
    }
  }

  /** `peer` says what became of a command that was handed to it. */
  onResult(peer: NodeId, result: ForwardResult): void {
    const proposal = this.#forwarded.get(result.requestId);
    if (proposal === undefined || proposal.place.kind !== "forwarded") return;
    if (proposal.place.leader !== peer) return;
    if (result.ok) {
      this.#settle(proposal, { index: result.index, result: result.result });
      return;
    }
    const error = new RaftError(result.code, result.message, { leader: result.leader });
    if (!retryable.has(result.code)) {
      this.#settle(proposal, error);
      return;
    }
    proposal.lastRefusal = error;
    this.#leave(proposal);
    this.#wait(proposal);
  }

  /** The connection to `peer` was lost, and perhaps the commands handed to it, or its answers. */
  onDisconnected(peer: NodeId): void {
    for (const proposal of this.#forwarded.values()) {
      if (proposal.place.kind !== "forwarded" || proposal.place.leader !== peer) continue;
      this.#settle(
        proposal,
        new RaftError("leadership_lost", `the connection to leader ${peer} was lost`),
      );
    }
  }

  /** Settles everything: `untouched` for commands that were never handed over, `pending` for the rest. */
  stop(untouched: RaftError, pending: RaftError): void {
    this.#retry?.cancel();
    for (const proposal of [...this.#waiting]) this.#settle(proposal, untouched);
    for (const proposal of [...this.#proposed.values()]) this.#settle(proposal, pending);
    for (const proposal of [...this.#forwarded.values()]) this.#settle(proposal, pending);
  }

  #accept(
    command: Uint8Array,
    timeoutMs: number,
    reply: Reply,
    remote: boolean,
  ): Proposal | undefined {
    const own = this.#refusal(command) ?? (remote ? command : this.#copier.copy(command));
    if (own instanceof RaftError) {
      if (!remote) this.#tally(own);
      reply(own);
      return undefined;
    }
    const deadlineAt = this.#host.clock.now() + timeoutMs;
    const proposal = new Proposal(this.#onExpired, own, reply, remote, deadlineAt);
    proposal.deadlineKey = this.#host.deadlines.add(proposal, timeoutMs);
    this.#count++;
    this.#bytes += own.length;
    this.#host.watch?.accepted(proposal);
    return proposal;
  }

  #refusal(command: Uint8Array): RaftError | undefined {
    const { proposalCountMax, proposalBytesMax, commandBytesMax } = this.#limits;
    if (command.length > commandBytesMax) {
      return new RaftError(
        "too_large",
        `a command may have ${commandBytesMax} bytes: got ${command.length}`,
      );
    }
    if (this.#count >= proposalCountMax) {
      return new RaftError("busy", `${this.#count} proposals are pending`);
    }
    if (this.#count > 0 && this.#bytes + command.length > proposalBytesMax) {
      return new RaftError("busy", `${this.#bytes} bytes of proposals are pending`);
    }
    return this.#host.refusal();
  }

  /** Hands a waiting command over, if there is someone to take it. False if it waits on. */
  #dispatch(proposal: Proposal): boolean {
    const refusal = this.#host.refusal();
    if (refusal !== undefined) {
      this.#settle(proposal, refusal);
      return true;
    }
    if (this.#host.node.role === "leader") return this.#propose(proposal);
    if (!proposal.remote) return this.#forward(proposal);
    const { leader, id } = this.#host.node;
    this.#settle(proposal, new RaftError("not_leader", `node ${id} does not lead`, { leader }));
    return true;
  }

  #propose(proposal: Proposal): boolean {
    const { node } = this.#host;
    let index: LogIndex;
    try {
      index = node.propose(proposal.command);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      if (error.code === "transferring" && !proposal.remote) {
        // The next leader takes it, or this one if there is none.
        proposal.lastRefusal = error;
        this.#wait(proposal);
        return false;
      }
      this.#settle(proposal, error);
      return true;
    }
    const replaced = this.#proposed.get(index);
    if (replaced !== undefined) {
      // Its entry is gone from this log, but may live on in another's.
      this.#settle(replaced, new RaftError("leadership_lost", `index ${index} was overwritten`));
    }
    this.#leave(proposal);
    proposal.place = { kind: "proposed", index, term: node.term };
    this.#proposed.set(index, proposal);
    this.#host.watch?.proposed(proposal, index);
    this.#host.wake();
    return true;
  }

  #forward(proposal: Proposal): boolean {
    const { leader } = this.#host.node;
    const timeoutMs = Math.ceil(proposal.deadlineAt - this.#host.clock.now());
    const requestId =
      leader === none || timeoutMs < 1
        ? none
        : this.#host.forward(leader, proposal.command, timeoutMs);
    if (requestId === none) {
      this.#wait(proposal);
      return false;
    }
    this.#leave(proposal);
    proposal.place = { kind: "forwarded", leader, requestId };
    this.#forwarded.set(requestId, proposal);
    return true;
  }

  /** Lets a proposal wait: for a leader to be known, which `retry` is called for, or for a moment. */
  #wait(proposal: Proposal): void {
    proposal.place = waiting;
    this.#waiting.add(proposal);
    this.#retry ??= this.#host.clock.setTimer(this.#limits.retryMs, () => {
      this.#retry = undefined;
      this.#host.resume(() => this.retry());
    });
  }

  #settle(proposal: Proposal, result: Applied | RaftError): void {
    if (proposal.place.kind === "settled") return;
    this.#leave(proposal);
    proposal.place = settled;
    this.#count--;
    this.#bytes -= proposal.command.length;
    this.#host.deadlines.remove(proposal, proposal.deadlineKey);
    this.#host.watch?.settled(proposal, !(result instanceof RaftError));
    proposal.unlisten?.();
    if (!proposal.remote) this.#tally(result);
    proposal.reply(result);
  }

  #tally(result: Applied | RaftError): void {
    if (!(result instanceof RaftError)) this.outcomes.applied++;
    else if (result.outcome === "not-applied") this.outcomes.notApplied++;
    else this.outcomes.unknown++;
  }

  /** Takes a proposal out of the table of its place. */
  #leave(proposal: Proposal): void {
    switch (proposal.place.kind) {
      case "waiting":
        this.#waiting.delete(proposal);
        break;
      case "proposed":
        this.#proposed.delete(proposal.place.index);
        break;
      case "forwarded":
        this.#forwarded.delete(proposal.place.requestId);
        break;
      case "settled":
        break;
    }
  }
}
