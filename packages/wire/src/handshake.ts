import { type NodeId, none, RaftError } from "@quorate/core";
import { addressBytesMax, addressFlaw } from "./address.ts";
import { malformed, ProtoReader, viewOf } from "./protobuf.ts";
import { encodeRecord, readText } from "./record.ts";
import { encodeUtf8, nameFlaw } from "./utf8.ts";

/**
 * The version of what follows a handshake: the types of frames and their payloads. To be raised when an
 * older node would misunderstand a newer one. In all versions it is field 1 of `Hello` and `Welcome`.
 */
export const protocolVersion = 2;

/** The longest cluster id, in bytes of UTF-8. */
export const clusterIdBytesMax = 255;

/**
 * What keeps `clusterId` from naming a cluster, to complete "a cluster id …", or undefined: it must be
 * text of 1 to `clusterIdBytesMax` bytes of UTF-8, without half a surrogate pair.
 */
export function clusterIdFlaw(clusterId: unknown): string | undefined {
  return nameFlaw(clusterId, clusterIdBytesMax);
}

/** How long an incarnation is, in bytes. */
export const incarnationBytes = 16;

/** The longest error code on the wire, in bytes. */
export const errorCodeBytesMax = 64;

/** The longest error message on the wire, in bytes of UTF-8. A longer one is cut. */
export const errorMessageBytesMax = 1024;

/** Opens a connection: who calls, whom, and on behalf of what. */
export interface Hello {
  readonly protocolVersion: number;
  /** The cluster that the caller belongs to: see `clusterIdFlaw`. */
  readonly clusterId: string;
  /** The caller. At least 1. */
  readonly from: NodeId;
  /** Whom the caller believes to have reached. At least 1. */
  readonly to: NodeId;
  /** Drawn when the caller's store was created: it tells a wiped disk from the old one. */
  readonly incarnation: Uint8Array;
  /** Where the caller can be reached itself, if it says so: see `addressFlaw`. */
  readonly address?: string | undefined;
}

/** Accepts a `Hello`: frames may follow. */
export interface Welcome {
  readonly protocolVersion: number;
}

/** Turns a `Hello` down. The connection ends with it. */
export interface Refusal {
  /** An `ErrorCode`, perhaps one that this version does not know: see `isErrorCode`. */
  readonly code: string;
  /** For people. */
  readonly message: string;
}

/**
 * The payload of a `hello` frame, as chunks. Throws `invalid_argument` if the cluster id is empty or
 * too long, an id is `none`, the incarnation has not `incarnationBytes`, or the address is none.
 */
export function encodeHello(hello: Hello): Uint8Array[] {
  const flaw = flawOf(hello);
  if (flaw !== undefined) throw new RaftError("invalid_argument", flaw);
  return encodeRecord([
    hello.protocolVersion,
    encodeUtf8(hello.clusterId, clusterIdBytesMax),
    hello.from,
    hello.to,
    hello.incarnation,
    hello.address === undefined ? undefined : encodeUtf8(hello.address, addressBytesMax),
  ]);
}

/** The `Hello` in the payload of a frame; its incarnation aliases it. Throws `malformed`. */
export function decodeHello(payload: Uint8Array): Hello {
  const reader = new ProtoReader(payload);
  let version = 0;
  let clusterId = "";
  let from: NodeId = none;
  let to: NodeId = none;
  let incarnation = viewOf(payload, 0, 0);
  let address: string | undefined;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        version = reader.number();
        break;
      case 0x12:
        clusterId = readText(reader, clusterIdBytesMax);
        break;
      case 0x18:
        from = reader.number();
        break;
      case 0x20:
        to = reader.number();
        break;
      case 0x2a:
        incarnation = reader.bytes();
        break;
      case 0x32:
        address = readText(reader, addressBytesMax);
        break;
      default:
        reader.skipUnknown(tag, 6);
    }
  }
  const hello = { protocolVersion: version, clusterId, from, to, incarnation, address };
  const flaw = flawOf(hello);
  if (flaw !== undefined) throw malformed(flaw);
  return hello;
}

function flawOf(hello: Hello): string | undefined {
  if (hello.from === none || hello.to === none) return "a hello names both nodes";
  if (hello.incarnation.length !== incarnationBytes) {
    return `an incarnation has ${incarnationBytes} bytes, not ${hello.incarnation.length}`;
  }
  const clusterFlaw = clusterIdFlaw(hello.clusterId);
  if (clusterFlaw !== undefined) return `a cluster id ${clusterFlaw}`;
  if (hello.address === undefined) return undefined;
  const flaw = addressFlaw(hello.address);
  return flaw === undefined ? undefined : `an address ${flaw}`;
}

/** The payload of a `welcome` frame, as chunks. */
export function encodeWelcome(welcome: Welcome): Uint8Array[] {
  return encodeRecord([welcome.protocolVersion]);
}

/** The `Welcome` in the payload of a frame. Throws `malformed`. */
export function decodeWelcome(payload: Uint8Array): Welcome {
  const reader = new ProtoReader(payload);
  let version = 0;
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x08) version = reader.number();
    else reader.skipUnknown(tag, 1);
  }
  return { protocolVersion: version };
}

/** The payload of a `refusal` frame, as chunks. Code and message are cut to what the wire carries. */
export function encodeRefusal(refusal: Refusal): Uint8Array[] {
  return encodeRecord([
    encodeUtf8(refusal.code, errorCodeBytesMax),
    encodeUtf8(refusal.message, errorMessageBytesMax),
  ]);
}

/** The `Refusal` in the payload of a frame. Throws `malformed`. */
export function decodeRefusal(payload: Uint8Array): Refusal {
  const reader = new ProtoReader(payload);
  let code = "";
  let message = "";
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        code = readText(reader, errorCodeBytesMax);
        break;
      case 0x12:
        message = readText(reader, errorMessageBytesMax);
        break;
      default:
        reader.skipUnknown(tag, 2);
    }
  }
  return { code, message };
}
