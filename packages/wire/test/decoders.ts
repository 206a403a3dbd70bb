import fc from "fast-check";
import {
  decodeConfChange,
  decodeConfState,
  encodeConfChange,
  encodeConfState,
  RaftError,
} from "@quorate/core";
import {
  decodeBatch,
  decodeCall,
  decodeCallResult,
  decodeDigests,
  decodeEntry,
  decodeForward,
  decodeForwardResult,
  decodeHardState,
  decodeHello,
  decodeMembers,
  decodeMembersDelta,
  decodeMessage,
  decodeRefusal,
  decodeSnapshot,
  decodeSnapshotChunk,
  decodeSnapshotOffer,
  decodeSnapshotReceipt,
  decodeWelcome,
  encodeBatch,
  encodeCall,
  encodeCallResult,
  encodeDigests,
  encodeEntry,
  encodeForward,
  encodeForwardResult,
  encodeHardState,
  encodeHello,
  encodeMembers,
  encodeMembersDelta,
  encodeMessage,
  encodeRefusal,
  encodeSnapshot,
  encodeSnapshotChunk,
  encodeSnapshotOffer,
  encodeSnapshotReceipt,
  encodeWelcome,
} from "@quorate/wire";
import {
  callResults,
  calls,
  confChanges,
  confStates,
  entries,
  forwardResults,
  forwards,
  hellos,
  joined,
  memberTables,
  messages,
  numbers,
  refusals,
  snapshotChunks,
  snapshotOffers,
  snapshotReceipts,
  snapshots,
  stateDigests,
} from "./arbitraries.ts";

/** A decoder, and what it is tried with. */
export interface Decoder {
  readonly decode: (bytes: Uint8Array) => unknown;
  /** Bytes that it reads. */
  readonly valid: fc.Arbitrary<Uint8Array>;
  /** The codes that it may throw. */
  readonly codes: readonly string[];
}

const malformedOnly = ["malformed"];
const messageCodes = ["malformed", "unknown_message"];

/** Everything that reads protobuf from other nodes or the disk. */
export const decoders: Record<string, Decoder> = {
  decodeMessage: {
    decode: decodeMessage,
    valid: messages.map(encodeMessage),
    codes: messageCodes,
  },
  decodeBatch: {
    decode: decodeBatch,
    valid: fc.array(messages, { maxLength: 4 }).map((batch) => joined(encodeBatch(batch))),
    codes: messageCodes,
  },
  decodeEntry: { decode: decodeEntry, valid: entries.map(encodeEntry), codes: malformedOnly },
  decodeHardState: {
    decode: decodeHardState,
    valid: fc
      .tuple(numbers, numbers, numbers)
      .map(([term, vote, commitIndex]) => encodeHardState({ term, vote, commitIndex })),
    codes: malformedOnly,
  },
  decodeHello: {
    decode: decodeHello,
    valid: hellos.map((hello) => joined(encodeHello(hello))),
    codes: malformedOnly,
  },
  decodeWelcome: {
    decode: decodeWelcome,
    valid: numbers.map((version) => joined(encodeWelcome({ protocolVersion: version }))),
    codes: malformedOnly,
  },
  decodeRefusal: {
    decode: decodeRefusal,
    valid: refusals.map((refusal) => joined(encodeRefusal(refusal))),
    codes: malformedOnly,
  },
  decodeForward: {
    decode: decodeForward,
    valid: forwards.map((forward) => joined(encodeForward(forward))),
    codes: malformedOnly,
  },
  decodeForwardResult: {
    decode: decodeForwardResult,
    valid: forwardResults.map((result) => joined(encodeForwardResult(result))),
    codes: malformedOnly,
  },
  decodeCall: {
    decode: decodeCall,
    valid: calls.map((call) => joined(encodeCall(call))),
    codes: malformedOnly,
  },
  decodeCallResult: {
    decode: decodeCallResult,
    valid: callResults.map((result) => joined(encodeCallResult(result))),
    codes: malformedOnly,
  },
  decodeSnapshot: {
    decode: decodeSnapshot,
    valid: snapshots.map(encodeSnapshot),
    codes: malformedOnly,
  },
  decodeSnapshotOffer: {
    decode: decodeSnapshotOffer,
    valid: snapshotOffers.map((offer) => joined(encodeSnapshotOffer(offer))),
    codes: malformedOnly,
  },
  decodeSnapshotChunk: {
    decode: decodeSnapshotChunk,
    valid: snapshotChunks.map((chunk) => joined(encodeSnapshotChunk(chunk))),
    codes: malformedOnly,
  },
  decodeSnapshotReceipt: {
    decode: decodeSnapshotReceipt,
    valid: snapshotReceipts.map((receipt) => joined(encodeSnapshotReceipt(receipt))),
    codes: malformedOnly,
  },
  decodeMembers: {
    decode: decodeMembers,
    valid: memberTables.map(encodeMembers),
    codes: malformedOnly,
  },
  decodeMembersDelta: {
    decode: decodeMembersDelta,
    valid: memberTables.map(({ members, removed }) =>
      encodeMembersDelta({ set: members, removed }),
    ),
    codes: malformedOnly,
  },
  decodeDigests: {
    decode: decodeDigests,
    valid: stateDigests.map(encodeDigests),
    codes: malformedOnly,
  },
  decodeConfState: {
    decode: decodeConfState,
    valid: confStates.map(encodeConfState),
    codes: malformedOnly,
  },
  decodeConfChange: {
    decode: decodeConfChange,
    valid: confChanges.map(({ change, result }) => encodeConfChange(change, result)),
    codes: malformedOnly,
  },
};

/** Where the fields of a message begin, and where the last one ends. All tags are of one byte. */
export function fieldOffsets(bytes: Uint8Array): number[] {
  const offsets = [0];
  for (let offset = 0; offset < bytes.length; offsets.push(offset)) {
    const isBytes = ((bytes[offset] ?? 0) & 7) === 2;
    let value = 0;
    let scale = 1;
    for (offset++; ; offset++, scale *= 128) {
      const byte = bytes[offset] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    offset += 1 + (isBytes ? value : 0);
  }
  return offsets;
}

/** What becomes of `bytes`: "decoded", the code of a coded error, or another error as text. */
export function outcomeOf(decoder: Decoder, bytes: Uint8Array): string {
  try {
    decoder.decode(bytes);
    return "decoded";
  } catch (error) {
    return error instanceof RaftError ? error.code : String(error);
  }
}
