import {
  type CompleteOptions,
  completeOptions,
  encodeConfState,
  type EntryId,
  type HardState,
  type HandoverImage,
  type LogImage,
  type LogIndex,
  type NodeId,
  type NodeImage,
  RaftError,
  type RaftOptions,
  type Snapshot,
  type StepDownReason,
} from "@quorate/core";
import { decodeSnapshot, encodeSnapshot } from "@quorate/wire";
import { readEntries, writeEntries } from "./entry-code.ts";
import { readMessage, writeId, writeMessage } from "./message-code.ts";
import type { OlderEntries } from "./older-entries.ts";
import { readRole, writeRole } from "./role-code.ts";
import { malformed, TapeReader } from "./tape-reader.ts";
import { TapeWriter } from "./tape-writer.ts";

const reasons: readonly (StepDownReason | undefined)[] = [
  undefined,
  "newer-term",
  "no-quorum",
  "removed",
  "asked",
];

/** Writes all of `image`: first where its log begins to be told, and of commands how long they are. */
export function writeImage(tape: TapeWriter, image: NodeImage): void {
  tape.number(image.log.from);
  tape.number(image.id);
  writeOptions(tape, image.options);
  tape.prefixed(encodeConfState(image.confState));
  tape.number(image.confIndex);
  writeSnapshot(tape, image.snapshot);
  writeSnapshot(tape, image.restoring);
  writeLog(tape, image.log, image.appliedIndex);
  tape.number(image.applyingChanges.length);
  for (const change of image.applyingChanges) {
    tape.number(change.index);
    writeEntries(tape, [change], 0);
  }
  writeOutbox(tape, image);
  for (const value of numbersOf(image)) tape.number(value);
  tape.number(reasons.indexOf(image.stepDownReason));
  writeHardState(tape, image.handedHardState);
  writeHardState(tape, image.persistedHardState);
  writeRole(tape, image.role);
  writeHandover(tape, image.handover);
}

/** The fields that are numbers, in the order in which they are written. */
function numbersOf(image: NodeImage): readonly number[] {
  return [
    image.randomState,
    image.term,
    image.vote,
    image.commitIndex,
    image.applyingIndex,
    image.appliedIndex,
    image.applyingBytes,
    image.ticks,
    image.leaderHeardAt,
    image.electionElapsedTicks,
    image.electionTimeoutTicks,
    image.heartbeatElapsedTicks,
    image.nextReadId,
  ];
}

function readNumbers(tape: TapeReader) {
  return {
    randomState: tape.number(),
    term: tape.number(),
    vote: tape.number(),
    commitIndex: tape.number(),
    applyingIndex: tape.number(),
    appliedIndex: tape.number(),
    applyingBytes: tape.number(),
    ticks: tape.number(),
    leaderHeardAt: tape.number(),
    electionElapsedTicks: tape.number(),
    electionTimeoutTicks: tape.number(),
    heartbeatElapsedTicks: tape.number(),
    nextReadId: tape.number(),
  };
}

/**
 * Reads an image, with the whole log: of entries that it leaves out, `older` may know how long they are.
 * Throws `malformed`.
 */
export function readImage(tape: TapeReader, older: OlderEntries): NodeImage {
  const from = tape.number();
  const id = tape.number();
  const options = readOptions(tape, id);
  const confState = tape.confState();
  const confIndex = tape.number();
  const snapshot = readSnapshot(tape);
  const restoring = readSnapshot(tape);
  const log = readLog(tape, from, older);
  const applyingChanges = tape.list(() => readEntries(tape, tape.number(), true)).flat();
  const outbox = {
    messages: tape.list(() => readMessage(tape, true)),
    messagesAfterPersist: tape.list(() => readMessage(tape, true)),
    reads: tape.list(() => ({ readId: tape.number(), index: tape.number() })),
  };
  const numbers = readNumbers(tape);
  if (numbers.commitIndex > log.base.index + log.entries.length) {
    throw malformed("more is committed than is in the log");
  }
  const stepDownReason = reasons[tape.number()];
  const handedHardState = readHardState(tape);
  const persistedHardState = readHardState(tape);
  const role = readRole(tape, options.inflight);
  const handover = readHandover(tape);
  return {
    id,
    options,
    confState,
    confIndex,
    snapshot,
    restoring,
    log,
    applyingChanges,
    outbox,
    ...numbers,
    stepDownReason,
    handedHardState,
    persistedHardState,
    role,
    handover,
  };
}

/** Where the log begins to be told that is in `image`, which was written. Throws `malformed`. */
export function fromOf(image: Uint8Array): LogIndex {
  return new TapeReader(image).number();
}

/** The bytes of `image`. `likelyBytes` of room are tried first. */
export function encodeImage(image: NodeImage, likelyBytes: number): Uint8Array {
  for (let bytes = likelyBytes; ; bytes *= 2) {
    const tape = new TapeWriter(new Uint8Array(bytes));
    writeImage(tape, image);
    if (tape.fits) return tape.bytes.subarray(0, tape.offset);
  }
}

function writeOptions(tape: TapeWriter, options: CompleteOptions): void {
  tape.number(options.electionTimeoutTicks);
  tape.number(options.heartbeatTicks);
  tape.flag(options.preVote);
  tape.flag(options.checkQuorum);
  tape.flag(options.leaseReads);
  tape.number(options.campaignDelayTicks);
  tape.flag(options.forwardProposals);
  tape.number(options.commandBytesMax);
  tape.number(options.messageBytesMax);
  tape.number(options.applyBytesMax);
  tape.number(options.uncommittedBytesMax);
  tape.number(options.inflight.countMax);
  tape.number(options.inflight.bytesMax);
  tape.number(options.pendingReadCountMax);
  tape.number(options.seed);
}

/** Options that no node has, such as limits of 0, are malformed: the core would go round in circles. */
function readOptions(tape: TapeReader, id: NodeId): CompleteOptions {
  const options: RaftOptions = {
    electionTimeoutTicks: tape.number(),
    heartbeatTicks: tape.number(),
    preVote: tape.flag(),
    checkQuorum: tape.flag(),
    leaseReads: tape.flag(),
    campaignDelayTicks: tape.number(),
    forwardProposals: tape.flag(),
    commandBytesMax: tape.number(),
    messageBytesMax: tape.number(),
    applyBytesMax: tape.number(),
    uncommittedBytesMax: tape.number(),
    inflightCountMax: tape.number(),
    inflightBytesMax: tape.number(),
    pendingReadCountMax: tape.number(),
    seed: tape.number(),
  };
  try {
    return completeOptions(id, options);
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    throw malformed(error.message);
  }
}

function writeLog(tape: TapeWriter, log: LogImage, appliedIndex: number): void {
  writeId(tape, log.base);
  tape.number(log.terms.length);
  for (const first of log.terms) writeId(tape, first);
  writeEntries(tape, log.entries, appliedIndex);
  tape.number(log.handedIndex);
  tape.number(log.persistedIndex);
  tape.number(log.writes.length);
  for (const { number, lastIndex } of log.writes) {
    tape.number(number);
    tape.number(lastIndex);
  }
}

function readLog(tape: TapeReader, from: LogIndex, older: OlderEntries): LogImage {
  const base = tape.id();
  const terms = tape.list((): EntryId => tape.id());
  const newer = readEntries(tape, from, true);
  const handedIndex = tape.number();
  const persistedIndex = tape.number();
  const writes = tape.list(() => ({ number: tape.number(), lastIndex: tape.number() }));
  const entries = older.fill(base, terms, from, tape).concat(newer);
  let { term } = base;
  for (const entry of entries) {
    if (entry.term < term) throw malformed("the terms of the log decrease");
    ({ term } = entry);
  }
  return { base, from: base.index + 1, terms: [], entries, handedIndex, persistedIndex, writes };
}

function writeOutbox(tape: TapeWriter, { outbox }: NodeImage): void {
  for (const messages of [outbox.messages, outbox.messagesAfterPersist]) {
    tape.number(messages.length);
    for (const message of messages) writeMessage(tape, message);
  }
  tape.number(outbox.reads.length);
  for (const { readId, index } of outbox.reads) {
    tape.number(readId);
    tape.number(index);
  }
}

function writeSnapshot(tape: TapeWriter, snapshot: Snapshot | undefined): void {
  tape.flag(snapshot !== undefined);
  if (snapshot !== undefined) tape.prefixed(encodeSnapshot(snapshot));
}

function readSnapshot(tape: TapeReader): Snapshot | undefined {
  return tape.flag() ? decodeSnapshot(tape.bytes()) : undefined;
}

function writeHardState(tape: TapeWriter, { term, vote, commitIndex }: HardState): void {
  tape.number(term);
  tape.number(vote);
  tape.number(commitIndex);
}

function readHardState(tape: TapeReader): HardState {
  return { term: tape.number(), vote: tape.number(), commitIndex: tape.number() };
}

function writeHandover(tape: TapeWriter, { madeNumber, pending }: HandoverImage): void {
  tape.number(madeNumber);
  tape.number(pending.length);
  for (const { number, lastNumber, hardState } of pending) {
    tape.number(number);
    tape.number(lastNumber);
    tape.flag(hardState !== undefined);
    if (hardState !== undefined) writeHardState(tape, hardState);
  }
}

function readHandover(tape: TapeReader): HandoverImage {
  const madeNumber = tape.number();
  const pending = tape.list(() => ({
    number: tape.number(),
    lastNumber: tape.number(),
    hardState: tape.flag() ? readHardState(tape) : undefined,
  }));
  return { madeNumber, pending };
}
