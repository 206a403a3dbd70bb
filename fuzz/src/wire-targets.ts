import {
  decodeConfChange,
  decodeConfState,
  encodeConfChange,
  encodeConfState,
} from "@quorate/core";
import * as wire from "@quorate/wire";
import { type DecoderOf, join, type Target, target } from "./target.ts";
import {
  command,
  entries,
  frames,
  joint,
  member,
  messages,
  payloads,
  simple,
  snapshot,
  table,
  told,
} from "./wire-samples.ts";

const ofMessages = ["malformed", "unknown_message"];
const ofFrames = ["malformed", "unsupported_version", "too_large"];

/** All decoders of the package: one that is missing here does not compile. */
const decoders: Readonly<Record<DecoderOf<typeof wire>, Target>> = {
  decodeMessage: target(wire.decodeMessage, messages.map(wire.encodeMessage), {
    codes: ofMessages,
    encode: wire.encodeMessage,
  }),
  decodeBatch: target(wire.decodeBatch, payloads.raft, {
    codes: ofMessages,
    encode: wire.encodeBatch,
  }),
  decodeEntry: target(wire.decodeEntry, entries.map(wire.encodeEntry), {
    encode: wire.encodeEntry,
  }),
  decodeHardState: target(
    wire.decodeHardState,
    [wire.encodeHardState({ term: 300, vote: 2, commitIndex: 70_000 })],
    { encode: wire.encodeHardState },
  ),
  decodeHello: target(wire.decodeHello, payloads.hello, { encode: wire.encodeHello }),
  decodeWelcome: target(wire.decodeWelcome, payloads.welcome, { encode: wire.encodeWelcome }),
  decodeRefusal: target(wire.decodeRefusal, payloads.refusal, { encode: wire.encodeRefusal }),
  decodeForward: target(wire.decodeForward, payloads.forward, { encode: wire.encodeForward }),
  decodeForwardResult: target(wire.decodeForwardResult, payloads["forward-result"], {
    encode: wire.encodeForwardResult,
  }),
  decodeCall: target(wire.decodeCall, payloads.call, { encode: wire.encodeCall }),
  decodeCallResult: target(wire.decodeCallResult, payloads["call-result"], {
    encode: wire.encodeCallResult,
  }),
  decodeSnapshot: target(wire.decodeSnapshot, [wire.encodeSnapshot(snapshot)], {
    encode: wire.encodeSnapshot,
  }),
  decodeSnapshotOffer: target(wire.decodeSnapshotOffer, payloads["snapshot-offer"], {
    encode: wire.encodeSnapshotOffer,
  }),
  decodeSnapshotChunk: target(wire.decodeSnapshotChunk, payloads["snapshot-chunk"], {
    encode: wire.encodeSnapshotChunk,
  }),
  decodeSnapshotReceipt: target(wire.decodeSnapshotReceipt, payloads["snapshot-receipt"], {
    encode: wire.encodeSnapshotReceipt,
  }),
  decodeMembers: target(wire.decodeMembers, [wire.encodeMembers(table)], {
    encode: wire.encodeMembers,
  }),
  decodeMembersDelta: target(
    wire.decodeMembersDelta,
    [wire.encodeMembersDelta({ set: [member], removed: [3] })],
    { encode: wire.encodeMembersDelta },
  ),
  decodeDigests: target(wire.decodeDigests, [told], { encode: wire.encodeDigests }),
  decodeFrame: target((bytes) => wire.decodeFrame(bytes), frames, {
    name: "decodeFrame",
    codes: ofFrames,
    encode: ({ type, payload }) => wire.encodeFrame(type, [payload]),
  }),
  decodeUtf8: target(wire.decodeUtf8, [Buffer.from("a text, \u00fc, \u20ac, \u{1f600}")], {
    encode: (text) => wire.encodeUtf8(text, Number.POSITIVE_INFINITY),
  }),
};

const change = {
  transition: "auto",
  changes: [
    { kind: "add-voter", id: 4 },
    { kind: "remove", id: 2 },
  ],
  context: command,
} as const;

/** Everything that reads what nodes send one another. */
export const wireTargets: readonly Target[] = [
  ...Object.values(decoders),
  target(decodeConfState, [encodeConfState(joint), encodeConfState(simple)], {
    encode: encodeConfState,
  }),
  target(decodeConfChange, [encodeConfChange(change, simple)], {
    encode: (decoded) => encodeConfChange(decoded.change, decoded.result ?? simple),
  }),
  target(
    (bytes) => {
      const reader = new wire.FrameReader({ frameBytesMax: 4096 });
      const half = bytes.length >> 1;
      return [...reader.push(bytes.subarray(0, half)), ...reader.push(bytes.subarray(half))];
    },
    [...frames, join(frames)],
    { name: "FrameReader", codes: ofFrames },
  ),
];
