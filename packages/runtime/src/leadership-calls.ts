import { isSafe, type NodeId, none, RaftError } from "@quorate/core";
import { encodeRecord, ProtoReader } from "@quorate/wire";
import type { Method } from "./call.ts";
import { type Calls, methods } from "./calls.ts";
import type { Leadership } from "./leadership.ts";
import type { CallOptions } from "./replica.ts";

/**
 * What a leader does when it is asked to hand over. Both the call and its answer are a protobuf message
 * `{ uint64 node = 1; }`: to whom, `none` for anybody, and who leads then.
 */
export function transferMethod(leadership: Leadership): Method {
  return (payload, _, reply) => {
    const forget = leadership.transfer(decodeNode(payload), (result) => {
      reply(result instanceof RaftError ? result : encodeNode(result));
    });
    return {
      end: () => {
        forget();
        // The core goes on with it for a while.
        return undefined;
      },
    };
  };
}

/** Asks whoever leads to hand over to `to`, or to anybody, and tells who leads then. */
export async function transferLeadership(
  calls: Calls,
  to: NodeId | undefined,
  options: CallOptions,
  timeoutMs: number,
): Promise<NodeId> {
  if (to !== undefined && (!isSafe(to) || to < 1)) {
    throw new RaftError("invalid_argument", `a node's id is at least 1: got ${String(to)}`);
  }
  const payload = encodeNode(to ?? none);
  return decodeNode(await calls.submit(methods.transferLeadership, payload, options, timeoutMs));
}

/** The payload of the call, or of its answer. */
export function encodeNode(id: NodeId): Uint8Array {
  // A number alone is one chunk.
  const [bytes = new Uint8Array(0)] = encodeRecord([id]);
  return bytes;
}

/** Whom the call, or its answer, names. Throws `malformed`. */
export function decodeNode(bytes: Uint8Array): NodeId {
  const reader = new ProtoReader(bytes);
  let id: NodeId = none;
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x08) id = reader.number();
    else reader.skipUnknown(tag, 1);
  }
  return id;
}
