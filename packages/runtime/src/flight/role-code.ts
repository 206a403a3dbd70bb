import {
  Inflights,
  type Leader,
  type NodeId,
  type Peer,
  type Progress,
  type Role,
  unreachable,
} from "@quorate/core";
import type { TapeReader } from "./tape-reader.ts";
import type { TapeWriter } from "./tape-writer.ts";

const roles: readonly Role["kind"][] = ["follower", "pre-candidate", "candidate", "leader"];
const progresses: readonly Progress["kind"][] = ["probe", "replicate", "snapshot"];

/** Writes a role with all that it needs. */
export function writeRole(tape: TapeWriter, role: Role): void {
  tape.number(roles.indexOf(role.kind));
  switch (role.kind) {
    case "follower":
      tape.number(role.leader);
      writeNumbers(tape, role.reads);
      break;
    case "pre-candidate":
    case "candidate":
      tape.number(role.votes.size);
      for (const [id, granted] of role.votes) {
        tape.number(id);
        tape.flag(granted);
      }
      break;
    case "leader":
      writeLeader(tape, role);
      break;
    default:
      unreachable(role);
  }
}

/** Reads a role, of a node with these limits. Throws `malformed`. */
export function readRole(tape: TapeReader, limits: Inflights["limits"]): Role {
  const kind = tape.choice(roles);
  switch (kind) {
    case "follower":
      return { kind, leader: tape.number(), reads: readNumbers(tape) };
    case "pre-candidate":
    case "candidate":
      return { kind, votes: new Map(tape.list(() => [tape.number(), tape.flag()] as const)) };
    case "leader":
      return readLeader(tape, limits);
    default:
      return unreachable(kind);
  }
}

function writeLeader(tape: TapeWriter, leader: Leader): void {
  tape.number(leader.peers.size);
  for (const [id, peer] of leader.peers) writePeer(tape, id, peer);
  tape.number(leader.uncommittedBytes);
  tape.number(leader.readRounds.length);
  for (const { round, index, requests } of leader.readRounds) {
    tape.number(round);
    tape.number(index);
    tape.number(requests.length);
    for (const { from, readId } of requests) {
      tape.number(from);
      tape.number(readId);
    }
  }
  tape.number(leader.readRound);
  tape.number(leader.offeredRound);
  tape.number(leader.pendingReadCount);
  tape.number(leader.pendingConfIndex);
  tape.flag(leader.transfer !== undefined);
  if (leader.transfer !== undefined) {
    tape.number(leader.transfer.to);
    tape.number(leader.transfer.elapsedTicks);
  }
  tape.flag(leader.transferBegun);
  tape.flag(leader.retirement !== undefined);
  if (leader.retirement !== undefined) {
    tape.number(leader.retirement.index);
    writeNumbers(tape, leader.retirement.toldRounds);
  }
}

function readLeader(tape: TapeReader, limits: Inflights["limits"]): Leader {
  return {
    kind: "leader",
    peers: new Map(tape.list(() => readPeer(tape, limits))),
    uncommittedBytes: tape.number(),
    readRounds: tape.list(() => ({
      round: tape.number(),
      index: tape.number(),
      requests: tape.list(() => ({ from: tape.number(), readId: tape.number() })),
    })),
    readRound: tape.number(),
    offeredRound: tape.number(),
    pendingReadCount: tape.number(),
    pendingConfIndex: tape.number(),
    transfer: tape.flag() ? { to: tape.number(), elapsedTicks: tape.number() } : undefined,
    transferBegun: tape.flag(),
    retirement: tape.flag() ? { index: tape.number(), toldRounds: readNumbers(tape) } : undefined,
  };
}

function writePeer(tape: TapeWriter, id: NodeId, peer: Peer): void {
  const { progress } = peer;
  tape.number(id);
  tape.flag(peer.recentlyActive);
  tape.number(peer.confirmedRound);
  tape.number(progresses.indexOf(progress.kind));
  tape.number(progress.matchIndex);
  tape.number(progress.nextIndex);
  switch (progress.kind) {
    case "probe":
      tape.flag(progress.awaiting);
      break;
    case "replicate": {
      const { window } = progress.inflights;
      tape.flag(progress.nudge);
      tape.number(window.length);
      for (const { lastIndex, bytes } of window) {
        tape.number(lastIndex);
        tape.number(bytes);
      }
      break;
    }
    case "snapshot":
      tape.number(progress.pendingIndex);
      break;
    default:
      unreachable(progress);
  }
}

function readPeer(tape: TapeReader, limits: Inflights["limits"]): readonly [NodeId, Peer] {
  const id = tape.number();
  const recentlyActive = tape.flag();
  const confirmedRound = tape.number();
  const progress = readProgress(tape, limits);
  return [id, { progress, recentlyActive, confirmedRound }];
}

function readProgress(tape: TapeReader, limits: Inflights["limits"]): Progress {
  const kind = tape.choice(progresses);
  const tracked = { matchIndex: tape.number(), nextIndex: tape.number() };
  switch (kind) {
    case "probe":
      return { kind, ...tracked, awaiting: tape.flag() };
    case "replicate": {
      const nudge = tape.flag();
      const window = tape.list(() => ({ lastIndex: tape.number(), bytes: tape.number() }));
      return { kind, ...tracked, nudge, inflights: Inflights.holding(limits, window) };
    }
    case "snapshot":
      return { kind, ...tracked, pendingIndex: tape.number() };
    default:
      return unreachable(kind);
  }
}

function writeNumbers(tape: TapeWriter, numbers: ReadonlyMap<number, number>): void {
  tape.number(numbers.size);
  for (const [key, value] of numbers) {
    tape.number(key);
    tape.number(value);
  }
}

function readNumbers(tape: TapeReader): Map<number, number> {
  return new Map(tape.list(() => [tape.number(), tape.number()] as const));
}
