import { type NodeId, none, RaftError } from "@quorate/core";
import { encodeForward, encodeForwardResult, encodeFrame } from "@quorate/wire";
import type { Network, Random } from "./ports.ts";
import type { Applied } from "./replica.ts";

/** Names one request to another replica among all of one run of a replica. At least 1. */
export type RequestId = number;

/**
 * How many request ids of each peer are remembered, to drop a frame that the network delivers twice.
 * TCP never does; a network that does must do it within so many other requests.
 */
export const recentRequestCountMax = 8192;

/**
 * Hands commands to the leader, and answers to those who handed theirs here.
 *
 * A command is handed over at most once: after the frame was given to the network, only an answer
 * that says it was refused lets the sender try again, under another id. So a frame that arrives twice
 * must be taken once, even if the first was refused.
 */
export class Forwarding {
  readonly #network: Network;
  #lastRequestId: RequestId;
  /** The newest request ids of each peer, oldest first. */
  readonly #recent = new Map<NodeId, Set<RequestId>>();

  constructor(network: Network, random: Random) {
    this.#network = network;
    // Ids start anywhere in [0, 2^52), so that an answer meant for an earlier run finds nothing.
    this.#lastRequestId = random.uint32() * 2 ** 20 + (random.uint32() >>> 12);
  }

  /** Names a request of any kind as no other of this run is named. */
  newRequestId(): RequestId {
    return ++this.#lastRequestId;
  }

  /** Hands `command` to `leader`; its id, or `none` if it certainly did not leave. */
  send(leader: NodeId, command: Uint8Array, timeoutMs: number): RequestId {
    const requestId = this.newRequestId();
    const payload = encodeForward({ requestId, command, timeoutMs });
    return this.#network.send(leader, encodeFrame("forward", payload)) ? requestId : none;
  }

  /** Whether `peer`'s request is seen for the first time. */
  isNew(peer: NodeId, requestId: RequestId): boolean {
    const recent = this.#recent.get(peer);
    if (recent === undefined) {
      this.#recent.set(peer, new Set([requestId]));
      return true;
    }
    if (recent.has(requestId)) return false;
    recent.add(requestId);
    if (recent.size > recentRequestCountMax) {
      for (const oldest of recent) {
        recent.delete(oldest);
        break;
      }
    }
    return true;
  }

  /** Forgets what `peer`, which is no member any more, asked for: it is not listened to again. */
  forget(peer: NodeId): void {
    this.#recent.delete(peer);
  }

  /** Tells `peer` what became of its request. If that is lost, the peer's deadline settles it. */
  answer(peer: NodeId, requestId: RequestId, result: Applied | RaftError): void {
    const payload =
      result instanceof RaftError
        ? encodeForwardResult({
            requestId,
            ok: false,
            code: result.code,
            message: result.message.slice(result.code.length + 2),
            leader: result.leader,
          })
        : encodeForwardResult({ requestId, ok: true, ...result });
    this.#network.send(peer, encodeFrame("forward-result", payload));
  }
}
