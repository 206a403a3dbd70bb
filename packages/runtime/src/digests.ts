import {
  type Entry,
  type LogIndex,
  membersOf,
  type NodeId,
  RaftError,
  type RaftNode,
  type Term,
} from "@quorate/core";
import { type Disk, markDiverged } from "@quorate/wal";
import {
  decodeDigests,
  digestBytesMax,
  encodeCall,
  encodeDigests,
  encodeFrame,
  forwardTimeoutMsMax,
  type StateDigest,
} from "@quorate/wire";
import type { Interlude } from "./apply-queue.ts";
import { methods } from "./calls.ts";
import { type DigestOptions, digestEveryCountOf } from "./digest-options.ts";
import type { Events } from "./events.ts";
import { differing } from "./digest-verdict.ts";
import { failureOf } from "./failure.ts";
import type { Forwarding } from "./forwarding.ts";
import type { Network } from "./ports.ts";
import type { DigestStatus } from "./replica.ts";
import type { LoopDoor } from "./replica-parts.ts";
import type { StateMachine } from "./state-machine.ts";

/**
 * How many digests a replica keeps of its own, and of each other member. As far as these reach, members
 * may be apart and still be compared.
 */
export const keptDigestCount = 16;

/** What digests are made of, and where they are told. */
export interface DigestsOptions extends Required<DigestOptions> {
  readonly stateMachine: Pick<StateMachine<never, unknown>, "digest">;
  readonly network: Pick<Network, "send">;
  readonly disk: Disk;
}

/** What the digests of a replica work with. */
export interface DigestsHost {
  readonly node: RaftNode;
  readonly events: Pick<Events, "emit">;
  readonly forwarding: Pick<Forwarding, "newRequestId">;
  readonly door: Pick<LoopDoor, "fail" | "resume">;
  /** Queues what is to be done between applies, and sees to it. */
  interrupt(interlude: Interlude): void;
}

/** A digest in a form that is compared. */
interface Told {
  readonly index: LogIndex;
  readonly term: Term;
  /** Hexadecimal. */
  readonly text: string;
}

/**
 * Compares this replica's state with what the others made of the same log. At every agreed index the state
 * machine digests its state, and every member tells every other:
 *
 *     applied up to an agreed index ──► digest ──► kept, told ──► compared with what was told
 *                                                                       │
 *                              a majority of the voters has another ────┴──► mark on the disk, failed
 *
 * One frame to each member and index holds all digests that are kept, and one more follows each new
 * connection, so one that is lost is made up for by the next. Nothing is sent while nothing is applied.
 *
 * A replica stops only if a majority agrees on another digest than its own. Where none does, nobody can
 * say who is right, and to stop would end the service and make no answer right: all go on, and tell.
 */
export class Digests {
  readonly #options: DigestsOptions;
  /** Which indexes are agreed, all multiples of it; 0: none, nothing is compared. */
  readonly #everyCount: number;
  readonly #host: DigestsHost;
  /** The newest of this replica, ascending. Of the state that it has now: a restored one begins anew. */
  #own: StateDigest[] = [];
  readonly #told = new Map<NodeId, readonly Told[]>();
  /** What was told of in an event, by index: that, and who differed. */
  readonly #reported = new Map<LogIndex, string>();
  /** Settles when the disk is marked or cannot be; never rejects. */
  #marking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: DigestsOptions, host: DigestsHost) {
    this.#options = options;
    this.#everyCount = digestEveryCountOf(options);
    this.#host = host;
  }

  /** What is known of who agrees; undefined as long as there is no digest of this replica. */
  get status(): DigestStatus | undefined {
    const newest = this.#own.at(-1);
    if (newest === undefined) return undefined;
    const { index, term, digest } = newest;
    const others = this.#others();
    const newestOf = new Map(others.map((id) => [id, this.#agreementOf(id)]));
    const those = (wanted: boolean | undefined): readonly NodeId[] =>
      others.filter((id) => newestOf.get(id) === wanted);
    const agree = those(true);
    return {
      index,
      term,
      digest: hexOf(digest),
      agree,
      differ: those(false),
      unknown: those(undefined),
    };
  }

  /** An entry was applied. If its index is agreed, the state is as of it until the next apply begins. */
  onEntryApplied({ index, term }: Entry): void {
    if (this.#everyCount === 0 || index % this.#everyCount !== 0) return;
    this.#host.interrupt({ run: () => this.#take(index, term), onStopped: () => {} });
  }

  /** The state was replaced by another, of which nothing is known yet. */
  onRestored(): void {
    this.#own = [];
    this.#reported.clear();
  }

  /** `from` told its digests. Throws `malformed`. Who is no member is not listened to. */
  onTold(from: NodeId, payload: Uint8Array): void {
    const digests = decodeDigests(payload);
    if (this.#everyCount === 0 || !this.#others().includes(from)) return;
    const told = digests.map(({ index, term, digest }) => ({ index, term, text: hexOf(digest) }));
    this.#told.set(from, told.slice(-keptDigestCount));
    const others = new Set(this.#others());
    for (const id of this.#told.keys()) if (!others.has(id)) this.#told.delete(id);
    for (const own of this.#own) this.#judge(own);
  }

  /** A connection to `peer` was made, which may have missed what was told before. */
  onConnected(peer: NodeId): void {
    if (this.#own.length > 0) this.#tell([peer]);
  }

  /** Compares nothing more. Resolves when nothing is left running. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#marking;
  }

  #others(): readonly NodeId[] {
    const { id, confState } = this.#host.node;
    return membersOf(confState).filter((member) => member !== id);
  }

  /** Between applies: asks the state machine. */
  #take(index: LogIndex, term: Term): void | Promise<void> {
    const { stateMachine } = this.#options;
    const { door } = this.#host;
    if (this.#isStopped) return;
    let digest: unknown;
    try {
      digest = stateMachine.digest?.();
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (digest instanceof Uint8Array) {
      this.#onTaken(index, term, digest);
      return;
    }
    return Promise.resolve(digest).then(
      (given) => door.resume(() => this.#onTaken(index, term, given)),
      (error: unknown) => door.resume(() => this.#fail(error)),
    );
  }

  #onTaken(index: LogIndex, term: Term, given: unknown): void {
    if (this.#isStopped) return;
    if (!(given instanceof Uint8Array) || given.length < 1 || given.length > digestBytesMax) {
      this.#fail(new TypeError(`digest must return a Uint8Array of 1 to ${digestBytesMax} bytes`));
      return;
    }
    const own = { index, term, digest: given.slice() };
    this.#own.push(own);
    const forgotten = this.#own.length > keptDigestCount ? this.#own.shift() : undefined;
    if (forgotten !== undefined) this.#reported.delete(forgotten.index);
    this.#tell(this.#others());
    this.#judge(own);
  }

  #tell(members: readonly NodeId[]): void {
    const payload = encodeDigests(this.#own);
    for (const member of members) {
      const requestId = this.#host.forwarding.newRequestId();
      const call = {
        requestId,
        method: methods.tellDigests,
        payload,
        timeoutMs: forwardTimeoutMsMax,
      };
      // What is lost is made up for by the next.
      this.#options.network.send(member, encodeFrame("call", encodeCall(call)));
    }
  }

  #judge(own: StateDigest): void {
    if (this.#isStopped) return;
    const { node, events } = this.#host;
    const { index, term } = own;
    const known = new Map([[node.id, hexOf(own.digest)]]);
    for (const id of this.#others()) {
      const told = this.#told.get(id)?.find((each) => isOf(each, own));
      if (told !== undefined) known.set(id, told.text);
    }
    if (new Set(known.values()).size < 2) return;
    const wrong = differing(node.confState, known);
    const digests = [...known].map(([id, digest]) => ({ id, digest }));
    const report = JSON.stringify([digests, wrong]);
    if (this.#reported.get(index) !== report) {
      this.#reported.set(index, report);
      events.emit({ kind: "diverged", index, term, digests, wrong });
    }
    if (wrong.includes(node.id)) this.#stopServing(own, known);
  }

  /** The state of this replica is not the group's: nothing that it says from here on can be trusted. */
  #stopServing({ index, term }: StateDigest, known: ReadonlyMap<NodeId, string>): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    const { node, door } = this.#host;
    const others = [...known].filter(([id]) => id !== node.id);
    const theirs = others.map(([id, digest]) => `node ${id} has ${digest}`).join(", ");
    const detail =
      `after entry ${index} of term ${term} the state of node ${node.id} has the digest ` +
      `${known.get(node.id) ?? ""}, and ${theirs}`;
    // A disk that takes no mark lets the node start again; then it finds out again.
    this.#marking = markDiverged(this.#options.disk, detail).catch(() => undefined);
    door.fail(new RaftError("diverged", detail));
  }

  /** Whether the newest state that both digested is the same; undefined if there is none such. */
  #agreementOf(id: NodeId): boolean | undefined {
    const told = this.#told.get(id) ?? [];
    for (const own of this.#own.toReversed()) {
      const same = told.find((each) => isOf(each, own));
      if (same !== undefined) return same.text === hexOf(own.digest);
    }
    return undefined;
  }

  #fail(error: unknown): void {
    if (!this.#isStopped) this.#host.door.fail(failureOf("state_machine_failed", error));
  }
}

/** Whether `told` is of the same entry as `own`: then both are of what should be one state. */
function isOf(told: Told, own: StateDigest): boolean {
  return told.index === own.index && told.term === own.term;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
