import { isErrorCode, type NodeId, RaftError } from "@quorate/core";
import type { Introduction, PeerBook } from "@quorate/runtime";
import {
  decodeRefusal,
  decodeWelcome,
  encodeFrame,
  encodeHello,
  encodeRefusal,
  encodeWelcome,
  type Hello,
  protocolVersion,
} from "@quorate/wire";
import { isPeerAddress } from "./address.ts";

/** The largest frame of a handshake, in bytes. Nothing larger is read before it is over. */
export const handshakeFrameBytesMax = 4096;

/** Who a node is, as it says in every handshake. */
export interface Identity {
  readonly id: NodeId;
  /** Names the group. Nodes of other groups are refused. */
  readonly clusterId: string;
  /** Names the node's log: 16 bytes, drawn when the log was created. */
  readonly incarnation: Uint8Array;
  /** Where the others reach it; undefined if it cannot say. */
  readonly address: string | undefined;
}

/** A connection that one side refused, and why. */
export interface RefusedConnection {
  /** `incoming`: this node refused the connection; `outgoing`: the other side refused this node's. */
  readonly direction: "incoming" | "outgoing";
  /** The peer that was meant, or the name that the other side gave itself; `none` if it gave none. */
  readonly peer: NodeId;
  /** Where the other side is. */
  readonly address: string;
  /** Why, in words that name both sides of the contradiction; `error.code` tells kinds apart. */
  readonly error: RaftError;
}

/**
 * What the sender of `hello` says of itself. An address that cannot be one counts as not said. Keeps
 * no bytes of `hello`.
 */
export function introductionOf(hello: Hello): Introduction {
  const { from: id, address = "", incarnation } = hello;
  return { id, address: isPeerAddress(address) ? address : "", incarnation: incarnation.slice() };
}

/** Why the sender of `hello` may not come in to a node that has `book`, or undefined if it may. */
export function checkHello(
  hello: Hello,
  own: Pick<Identity, "id" | "clusterId">,
  book: PeerBook,
): RaftError | undefined {
  if (hello.protocolVersion !== protocolVersion) {
    return new RaftError(
      "unsupported_version",
      `node ${own.id} speaks version ${protocolVersion} of the protocol, not ${hello.protocolVersion}`,
    );
  }
  if (hello.clusterId !== own.clusterId) {
    return new RaftError(
      "wrong_identity",
      `node ${own.id} belongs to cluster "${own.clusterId}", not to "${hello.clusterId}"`,
    );
  }
  if (hello.to !== own.id) {
    return new RaftError("wrong_recipient", `this is node ${own.id}, not node ${hello.to}`);
  }
  return book.refusal(introductionOf(hello));
}

/** The frame by which `own` introduces itself to `peer`. */
export function helloFrame(own: Identity, peer: NodeId): Uint8Array {
  const { id: from, clusterId, incarnation, address } = own;
  const hello = { protocolVersion, clusterId, from, to: peer, incarnation, address };
  return Buffer.concat(encodeFrame("hello", encodeHello(hello)));
}

/** The frame that lets a peer in, and that tells it from time to time that this node is there. */
export function welcomeFrame(): Uint8Array {
  return Buffer.concat(encodeFrame("welcome", encodeWelcome({ protocolVersion })));
}

/** Why a welcome cannot be taken, or undefined if it can. Throws `malformed`. */
export function checkWelcome(payload: Uint8Array): RaftError | undefined {
  const version = decodeWelcome(payload).protocolVersion;
  if (version === protocolVersion) return undefined;
  return new RaftError(
    "unsupported_version",
    `the peer speaks version ${version} of the protocol, not ${protocolVersion}`,
  );
}

/** The frame that turns a connection away because of `error`. */
export function refusalFrame(error: RaftError): Uint8Array {
  // The message of an error begins with its code, and will again where it is read.
  const message = error.message.slice(`${error.code}: `.length);
  return Buffer.concat(encodeFrame("refusal", encodeRefusal({ code: error.code, message })));
}

/** The error that a refusal tells of. Throws `malformed`. */
export function readRefusal(payload: Uint8Array): RaftError {
  const { code, message } = decodeRefusal(payload);
  if (isErrorCode(code)) return new RaftError(code, message);
  return new RaftError(
    "unsupported_version",
    `refused with the unknown code "${code}": ${message}`,
  );
}

/** How many refusals are remembered, so that they are not told twice. */
const reportedCountMax = 1024;
/** How many refusals of those who connect are passed on in a minute: they can make up any name. */
const incomingPerMinuteMax = 100;
const minuteMs = 60_000;

/**
 * Passes each distinct refusal on once: by direction, peer and code. A connection that succeeds makes the
 * next refusal of that peer news again. Of those who connect, who may be strangers, so many are passed on
 * in a minute; the others when there is room.
 */
export class RefusalReporter {
  readonly #report: (refusal: RefusedConnection) => void;
  readonly #now: () => number;
  /** What was passed on, the oldest first. */
  readonly #reported = new Set<string>();
  #minuteEnd = 0;
  #minuteCount = 0;

  /** `now` is a monotonic clock, in milliseconds. */
  constructor(report: (refusal: RefusedConnection) => void, now: () => number) {
    this.#report = report;
    this.#now = now;
  }

  refused(refusal: RefusedConnection): void {
    const { direction, peer, error } = refusal;
    const key = `${direction} ${peer} ${error.code}`;
    if (this.#reported.has(key) || (direction === "incoming" && !this.#hasRoom())) return;
    this.#reported.add(key);
    const [oldest = key] = this.#reported;
    if (this.#reported.size > reportedCountMax) this.#reported.delete(oldest);
    this.#report(refusal);
  }

  succeeded(direction: RefusedConnection["direction"], peer: NodeId): void {
    const prefix = `${direction} ${peer} `;
    for (const key of this.#reported) if (key.startsWith(prefix)) this.#reported.delete(key);
  }

  #hasRoom(): boolean {
    const now = this.#now();
    if (now >= this.#minuteEnd) {
      this.#minuteEnd = now + minuteMs;
      this.#minuteCount = 0;
    }
    this.#minuteCount += 1;
    return this.#minuteCount <= incomingPerMinuteMax;
  }
}
