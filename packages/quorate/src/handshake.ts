import { isErrorCode, type NodeId, RaftError } from "@quorate/core";
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

/** The largest frame of a handshake, in bytes. Nothing larger is read before it is over. */
export const handshakeFrameBytesMax = 4096;

/** Who a node is, as it says in every handshake. */
export interface Identity {
  readonly id: NodeId;
  /** Names the group. Nodes of other groups are refused. */
  readonly clusterId: string;
  /** Names the node's log: 16 bytes, drawn when the log was created. */
  readonly incarnation: Uint8Array;
}

/** A connection that one side refused, and why. */
export interface RefusedConnection {
  /** `incoming`: this node refused the connection; `outgoing`: the other side refused this node's. */
  readonly direction: "incoming" | "outgoing";
  /** The peer meant or named, or `none` if it said no name that this node knows. */
  readonly peer: NodeId;
  /** Where the other side is. */
  readonly address: string;
  /** Why, in words that name both sides of the contradiction; `error.code` tells kinds apart. */
  readonly error: RaftError;
}

/** What a hello is judged by. */
export interface HelloRules {
  readonly own: Identity;
  /** Whether `id` names another node of the group. */
  readonly isPeer: (id: NodeId) => boolean;
  /** The incarnation that `peer` came with before, if it did. */
  readonly knownIncarnation: (peer: NodeId) => Uint8Array | undefined;
}

/** Why the sender of `hello` may not come in, or undefined if it may. */
export function checkHello(hello: Hello, rules: HelloRules): RaftError | undefined {
  const { own, isPeer, knownIncarnation } = rules;
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
  if (!isPeer(hello.from)) {
    return new RaftError("stranger", `node ${own.id} knows no other node ${hello.from}`);
  }
  const known = knownIncarnation(hello.from);
  if (known !== undefined && Buffer.compare(known, hello.incarnation) !== 0) {
    // It voted for, and acknowledged, what it no longer knows: it could help elect a second leader.
    return new RaftError(
      "wrong_identity",
      `node ${hello.from} came with another log than before: ` +
        "a node that lost its disk must not come back under the same id",
    );
  }
  return undefined;
}

/** The frame by which `own` introduces itself to `peer`. */
export function helloFrame(own: Identity, peer: NodeId): Uint8Array {
  const { id, clusterId, incarnation } = own;
  const hello = encodeHello({ protocolVersion, clusterId, from: id, to: peer, incarnation });
  return Buffer.concat(encodeFrame("hello", hello));
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

/**
 * Passes each distinct refusal on once: by direction, peer and code, of which there are few whatever
 * strangers send. A connection that succeeds makes the next refusal of that peer news again.
 */
export class RefusalReporter {
  readonly #report: (refusal: RefusedConnection) => void;
  readonly #reported = new Set<string>();

  constructor(report: (refusal: RefusedConnection) => void) {
    this.#report = report;
  }

  refused(refusal: RefusedConnection): void {
    const key = `${refusal.direction} ${refusal.peer} ${refusal.error.code}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#report(refusal);
  }

  succeeded(direction: RefusedConnection["direction"], peer: NodeId): void {
    const prefix = `${direction} ${peer} `;
    for (const key of this.#reported) if (key.startsWith(prefix)) this.#reported.delete(key);
  }
}
