import { assert, type NodeId, none, RaftError, type RaftNode } from "@quorate/core";
import {
  type Call as CallFrame,
  type CallResult,
  encodeCall,
  encodeCallResult,
  encodeFrame,
} from "@quorate/wire";
import { listen } from "./abort-signal.ts";
import { abortOf, Call, type CallReply, expiryOf, type Method } from "./call.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Forwarding, RequestId } from "./forwarding.ts";
import type { Clock, Timer } from "./ports.ts";
import type { CallOptions } from "./replica.ts";

/** How many calls may be accepted and not settled; beyond it they are refused as `busy`. */
export const callCountMax = 1024;

/** The numbers of the methods, which go on the wire. */
export const methods = {
  changeMembers: 1,
  transferLeadership: 2,
  lend: 3,
  tellDigests: 4,
} as const;

/** What the table of calls works with. */
export interface CallsHost {
  readonly node: RaftNode;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly forwarding: Forwarding;
  /** How long a refused call waits before it is made again, in milliseconds. */
  readonly retryMs: number;
  /** Why no call can be taken now, or not one with these options; undefined if it can. */
  refusal(options: CallOptions): RaftError | undefined;
  /** Gives a frame to the network; false if it certainly did not leave. */
  send(to: NodeId, chunks: readonly Uint8Array[]): boolean;
  /** Runs `work`, which came from outside, as an event of its own. */
  resume(work: () => void): void;
}

/** The codes by which a node says that another one, or itself a little later, may do what was asked. */
const retryable: ReadonlySet<string> = new Set([
  "not_leader",
  "leader_not_ready",
  "transferring",
  "disk_full",
]);

/**
 * What replicas ask of their leader beside commands. A call works on every replica: the leader performs
 * it, another forwards it; refused for want of a leader, it waits for one, until its deadline.
 *
 * It is handed over at most once: after that, only an answer that says it was refused lets it be made
 * again. So a method need not be idempotent, though it serves its callers if it is.
 */
export class Calls {
  readonly #host: CallsHost;
  readonly #methods = new Map<number, Method>();
  /** The methods that are not the leader's alone. */
  readonly #anyones = new Set<number>();
  readonly #waiting = new Set<Call>();
  readonly #performed = new Set<Call>();
  readonly #forwarded = new Map<RequestId, Call>();
  #retry: Timer | undefined;
  readonly #onExpired = (call: Call): void => {
    this.#settle(call, expiryOf(call, this.#host.node.leader));
  };

  constructor(host: CallsHost) {
    this.#host = host;
  }

  /** How many are pending. */
  get count(): number {
    return this.#waiting.size + this.#performed.size + this.#forwarded.size;
  }

  /**
   * Says what a leader does for calls of method `number`, or what whoever is asked does. Each is said once,
   * before any call.
   */
  define(number: number, method: Method, by: "leader" | "anyone" = "leader"): void {
    assert(!this.#methods.has(number), "a method is defined once");
    this.#methods.set(number, method);
    if (by === "anyone") this.#anyones.add(number);
  }

  /**
   * Makes a call of this replica's own user. `timeoutMs` is the time that it has unless `options` say
   * otherwise. The payload is taken over: never change it.
   */
  submit(
    method: number,
    payload: Uint8Array,
    options: CallOptions,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const refusal = this.#host.refusal(options);
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      this.#host.resume(() =>
        this.#submit(
          { method, payload, timeoutMs: options.timeoutMs ?? timeoutMs },
          options,
          (result) => {
            if (result instanceof RaftError) reject(result);
            else resolve(result);
          },
        ),
      );
    });
  }

  /** A `call` frame came from `peer`. One that comes twice is taken once. */
  onCall(peer: NodeId, frame: CallFrame): void {
    const { requestId } = frame;
    if (!this.#host.forwarding.isNew(peer, requestId)) return;
    const reply: CallReply = (result) => this.#answer(peer, requestId, result);
    const call = this.#accept(frame, reply, true);
    if (call !== undefined) this.#dispatch(call);
  }

  /** A `call-result` frame came from `peer`. */
  onResult(peer: NodeId, result: CallResult): void {
    const call = this.#forwarded.get(result.requestId);
    if (call === undefined || call.place.kind !== "forwarded") return;
    if (call.place.leader !== peer) return;
    this.#onOutcome(
      call,
      result.ok
        ? result.result
        : new RaftError(result.code, result.message, { leader: result.leader }),
    );
  }

  /** The connection to `peer` was lost, and perhaps the calls handed to it, or its answers. */
  onDisconnected(peer: NodeId): void {
    for (const call of [...this.#forwarded.values()]) {
      if (call.place.kind !== "forwarded" || call.place.leader !== peer) continue;
      const lost = `the connection to leader ${peer} was lost`;
      this.#settle(call, new RaftError("leadership_lost", lost));
    }
  }

  /** Makes what waits again: a leader may be known, or can be reached, now. */
  retry(): void {
    if (this.#host.node.leader === none) return;
    const now = this.#host.clock.now();
    // A copy, since what is refused again waits again.
    for (const call of [...this.#waiting]) {
      if (call.place.kind !== "waiting") continue;
      // Deadlines are noticed late.
      if (call.deadlineAt <= now) this.#onExpired(call);
      else this.#dispatch(call);
    }
  }

  /** Settles everything: `untouched` for calls that were never handed over, `pending` for the rest. */
  stop(untouched: RaftError, pending: RaftError): void {
    this.#retry?.cancel();
    for (const call of [...this.#waiting]) this.#settle(call, untouched);
    for (const call of [...this.#performed]) {
      const told = call.place.kind === "performed" && call.place.performance?.end("stopped");
      this.#settle(call, told instanceof RaftError ? told : pending);
    }
    for (const call of [...this.#forwarded.values()]) this.#settle(call, pending);
  }

  #submit(asked: Asked, { signal }: CallOptions, reply: CallReply): void {
    const call = this.#accept(asked, reply, false);
    if (call === undefined) return;
    if (signal !== undefined) {
      const unlisten = listen(signal, () =>
        this.#host.resume(() => {
          if (call.place.kind !== "settled") this.#settle(call, abortOf(call, signal.reason));
        }),
      );
      if (unlisten instanceof RaftError) {
        this.#settle(call, unlisten);
        return;
      }
      call.unlisten = unlisten;
    }
    this.#dispatch(call);
  }

  #accept(asked: Asked, reply: CallReply, remote: boolean): Call | undefined {
    if (this.count >= callCountMax) {
      reply(new RaftError("busy", `${this.count} calls are pending`));
      return undefined;
    }
    const { timeoutMs } = asked;
    const deadlineAt = this.#host.clock.now() + timeoutMs;
    const call = new Call(this.#onExpired, asked, reply, remote, deadlineAt);
    call.deadlineKey = this.#host.deadlines.add(call, timeoutMs);
    this.#waiting.add(call);
    return call;
  }

  /** Performs or hands over a waiting call, if there is someone to do it. */
  #dispatch(call: Call): void {
    const { role, leader, id } = this.#host.node;
    if (role === "leader" || this.#anyones.has(call.method)) this.#perform(call);
    else if (!call.remote) this.#forward(call);
    else this.#settle(call, new RaftError("not_leader", `node ${id} does not lead`, { leader }));
  }

  #perform(call: Call): void {
    const method = this.#methods.get(call.method);
    if (method === undefined) {
      this.#settle(call, new RaftError("unknown_message", `there is no method ${call.method}`));
      return;
    }
    const timeoutMs = Math.max(1, Math.ceil(call.deadlineAt - this.#host.clock.now()));
    const place: Call["place"] = { kind: "performed", performance: undefined };
    this.#leave(call);
    call.place = place;
    this.#performed.add(call);
    try {
      place.performance = method(call.payload, timeoutMs, (result) => {
        if (call.place === place) this.#onOutcome(call, result);
      });
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.#onOutcome(call, error);
    }
  }

  #forward(call: Call): void {
    const { leader } = this.#host.node;
    const leftMs = call.deadlineAt - this.#host.clock.now();
    if (leader === none || leftMs <= 0) {
      this.#wait(call);
      return;
    }
    const requestId = this.#host.forwarding.newRequestId();
    const { method, payload } = call;
    // The leader is given a little less, so that its answer, which knows more, comes in time.
    const timeoutMs = Math.ceil(leftMs - Math.min(leftMs / 8, 250));
    const chunks = encodeFrame("call", encodeCall({ requestId, method, payload, timeoutMs }));
    if (!this.#host.send(leader, chunks)) {
      this.#wait(call);
      return;
    }
    this.#leave(call);
    call.place = { kind: "forwarded", leader, requestId };
    this.#forwarded.set(requestId, call);
  }

  /** What the leader says of `call`: that it is done, that it failed, or that another should do it. */
  #onOutcome(call: Call, result: Uint8Array | RaftError): void {
    const isRefused = result instanceof RaftError && retryable.has(result.code);
    if (call.remote || !isRefused) {
      this.#settle(call, result);
      return;
    }
    call.lastRefusal = result;
    this.#leave(call);
    this.#wait(call);
  }

  #answer(peer: NodeId, requestId: RequestId, result: Uint8Array | RaftError): void {
    const payload =
      result instanceof RaftError
        ? encodeCallResult({
            requestId,
            ok: false,
            code: result.code,
            message: result.message.slice(result.code.length + 2),
            leader: result.leader,
          })
        : encodeCallResult({ requestId, ok: true, result });
    // If it is lost, the peer's deadline settles the call.
    this.#host.send(peer, encodeFrame("call-result", payload));
  }

  /** Lets a call wait: for a leader to be known, which `retry` is called for, or for a moment. */
  #wait(call: Call): void {
    call.place = { kind: "waiting" };
    this.#waiting.add(call);
    this.#retry ??= this.#host.clock.setTimer(this.#host.retryMs, () => {
      this.#retry = undefined;
      this.#host.resume(() => this.retry());
    });
  }

  #settle(call: Call, result: Uint8Array | RaftError): void {
    if (call.place.kind === "settled") return;
    this.#leave(call);
    call.place = { kind: "settled" };
    this.#host.deadlines.remove(call, call.deadlineKey);
    call.unlisten?.();
    call.reply(result);
  }

  /** Takes a call out of the table of its place. */
  #leave(call: Call): void {
    switch (call.place.kind) {
      case "waiting":
        this.#waiting.delete(call);
        break;
      case "performed":
        this.#performed.delete(call);
        break;
      case "forwarded":
        this.#forwarded.delete(call.place.requestId);
        break;
      case "settled":
        break;
    }
  }
}

/** What is asked for, and how long the caller waits, in milliseconds. */
interface Asked {
  readonly method: number;
  readonly payload: Uint8Array;
  readonly timeoutMs: number;
}
