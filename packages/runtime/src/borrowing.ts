import { at, type Entry, type NodeId, RaftError } from "@quorate/core";
import type { Damage, MissingEntries } from "@quorate/wal";
import { decodeCallResult, encodeCall, encodeFrame, type Frame } from "@quorate/wire";
import { methods } from "./calls.ts";
import { decodeLent, encodeLoan } from "./lending.ts";
import type { Clock, Network, Random, Receiver } from "./ports.ts";

/** What a borrower works with. */
export interface BorrowerHost {
  readonly clock: Clock;
  readonly random: Random;
  send: Network["send"];
}

/** Entries that this node has lost, and that are to be had from other members. */
export interface Missing extends MissingEntries {
  /** The file and the byte where they were. */
  readonly place: string;
}

/** A damage that was mended. */
export interface Mended {
  /** The file and the byte. */
  readonly place: string;
  /** Which entries were had from elsewhere, and from which member; undefined if none were needed. */
  readonly lent: (MissingEntries & { readonly by: NodeId }) | undefined;
}

/** Of how many nodes it is remembered what they said. */
const answerCountMax = 32;

/** How long one member has to answer, and how long it is left alone before it is asked again. */
const answerMs = 2_000;
const pauseMs = 500;
/** How many bytes are taken of one member for one damage: no batch of a log holds more. */
const borrowedBytesMax = 2 ** 30;

/**
 * Asks the members that can be reached for entries that this node has lost, before there is a replica: one
 * after the other, until one gives what fits.
 */
export class Borrower {
  readonly #host: BorrowerHost;
  readonly #connected = new Set<NodeId>();
  /** Takes the answer that is waited for, if it comes from whom it should. */
  #onAnswer: (from: NodeId, frame: Frame) => void = () => {};
  #lastRequestId: number;
  /** Ends a pause: somebody else may know more. */
  #onNews: () => void = () => {};
  /** Ends the wait for an answer. */
  #onStopped: () => void = () => {};
  #isStopped = false;
  /** What the members said last that could not help, by their ids; the one that said it longest ago first. */
  readonly #answers = new Map<NodeId, string>();

  /** What the network is to deliver to. All that is not an answer is dropped, as if it were lost. */
  readonly receiver: Receiver = {
    onFrame: (from, frame) => {
      if (frame.type === "call-result") this.#onAnswer(from, frame);
    },
    onConnected: (peer) => {
      this.#connected.add(peer);
      this.#onNews();
    },
    onDisconnected: (peer) => {
      this.#connected.delete(peer);
    },
    onRemoved: () => {},
    onPeerSeen: () => {},
  };

  constructor(host: BorrowerHost) {
    this.#host = host;
    // As for other requests: an answer meant for an earlier run finds nothing.
    this.#lastRequestId = host.random.uint32() * 2 ** 20 + (host.random.uint32() >>> 12);
  }

  /** What the members said, for people. */
  get answers(): string {
    const texts = [...this.#answers].map(([peer, text]) => `node ${peer}: ${text}`);
    return texts.length === 0 ? "no member could be asked" : texts.join(", ");
  }

  /** Asks nobody any more. `mend` resolves at once, with undefined if it still lacks something. */
  stop(): void {
    this.#isStopped = true;
    this.#onNews();
    this.#onStopped();
  }

  /** Mends a damage in one of `ways` with what some member has; undefined if none has it until `deadline`. */
  async mend(ways: readonly Damage[], deadline: number): Promise<Mended | undefined> {
    while (!this.#isOver(deadline)) {
      // Not a copy: who connects while another is asked comes next.
      for (const by of this.#connected) {
        if (this.#isOver(deadline)) break;
        for (const { place, missing, mend } of ways) {
          if (missing === undefined) continue;
          const entries = await this.#borrow(by, missing, deadline);
          if (entries === undefined) continue;
          if (await mend(entries)) return { place, lent: { ...missing, by } };
          this.#note(by, "its entries are not those that were here");
        }
      }
      await this.#pause(Math.min(pauseMs, deadline - this.#host.clock.now()));
    }
    return undefined;
  }

  #isOver(deadline: number): boolean {
    return this.#isStopped || this.#host.clock.now() >= deadline;
  }

  /** All that is `missing`, as `peer` has it; undefined if it does not, or does not answer. */
  async #borrow(
    peer: NodeId,
    missing: MissingEntries,
    deadline: number,
  ): Promise<Entry[] | undefined> {
    const entries: Entry[] = [];
    let bytes = 0;
    try {
      for (let first = missing.first; first <= missing.last;) {
        const answer = await this.#ask(peer, encodeLoan({ ...missing, first }), deadline);
        bytes += answer.length;
        if (bytes > borrowedBytesMax) throw new RaftError("malformed", "it gave too much");
        const lent = decodeLent(answer);
        if (!areConsecutive(lent, first, missing.last)) {
          throw new RaftError("malformed", "it gave other entries than it was asked for");
        }
        for (const entry of lent) entries.push(entry);
        first += lent.length;
      }
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.#note(peer, error.message);
      return undefined;
    }
    return entries;
  }

  async #ask(peer: NodeId, payload: Uint8Array, deadline: number): Promise<Uint8Array> {
    const { clock, send } = this.#host;
    const timeoutMs = Math.min(answerMs, Math.ceil(deadline - clock.now()));
    if (timeoutMs <= 0) throw new RaftError("unavailable", "time was up before it gave all");
    const requestId = ++this.#lastRequestId;
    const call = encodeCall({ requestId, method: methods.lend, payload, timeoutMs });
    return await new Promise((resolve, reject) => {
      const settle = (result: Uint8Array | RaftError): void => {
        this.#onAnswer = () => {};
        this.#onStopped = () => {};
        timer.cancel();
        if (result instanceof RaftError) reject(result);
        else resolve(result);
      };
      const timer = clock.setTimer(timeoutMs, () => {
        settle(new RaftError("unavailable", `it did not answer within ${timeoutMs} ms`));
      });
      this.#onAnswer = (from, frame) => {
        const result = from === peer ? resultOf(frame, requestId) : undefined;
        if (result !== undefined) settle(result);
      };
      this.#onStopped = () => settle(new RaftError("unavailable", "nobody waits for it any more"));
      if (this.#isStopped || !send(peer, encodeFrame("call", call))) {
        settle(new RaftError("unavailable", "it cannot be reached"));
      }
    });
  }

  /** Remembers what `peer` said: of the newest, since strangers may come under ever other ids. */
  #note(peer: NodeId, text: string): void {
    this.#answers.delete(peer);
    this.#answers.set(peer, text);
    const [oldest = peer] = this.#answers.keys();
    if (this.#answers.size > answerCountMax) this.#answers.delete(oldest);
  }

  async #pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#isStopped) return;
    await new Promise<void>((resolve) => {
      const timer = this.#host.clock.setTimer(ms, () => resolve());
      this.#onNews = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#onNews = () => {};
  }
}

/** What `frame` answers to `requestId`; undefined if it answers another. */
function resultOf(frame: Frame, requestId: number): Uint8Array | RaftError | undefined {
  try {
    const result = decodeCallResult(frame.payload);
    if (result.requestId !== requestId) return undefined;
    return result.ok ? result.result : new RaftError(result.code, result.message);
  } catch (error) {
    if (error instanceof RaftError) return error;
    throw error;
  }
}

function areConsecutive(entries: readonly Entry[], first: number, last: number): boolean {
  return (
    entries.length > 0 &&
    entries.every(({ index }, place) => index === first + place) &&
    at(entries, entries.length - 1).index <= last
  );
}
