import {
  type MemberChange,
  type Message,
  newConfChange,
  RaftError,
  type RaftNode,
  type Ready,
  SeededRandom,
} from "@quorate/core";
import { expect, test } from "vitest";
import { FlightReplay } from "../src/flight/flight-replay.ts";
import { RecordedNode } from "../src/flight/recorded-node.ts";

/** A node under random calls, with the messages to choose from and the Readys under way. */
interface Driven {
  readonly node: RecordedNode;
  readonly inbox: Message[];
  readonly writing: Ready[];
}

const limits = { inflightCountMax: 4, messageBytesMax: 256, applyBytesMax: 512 };
const changes: readonly MemberChange["kind"][] = ["add-voter", "add-learner", "remove"];

/** One random call; what it sends is returned. */
function call({ node, inbox, writing }: Driven, random: SeededRandom): readonly Message[] {
  switch (random.below(16)) {
    case 0:
      node.tick();
      return [];
    case 1:
      node.readIndex();
      return [];
    case 2:
      callSeldom(node, random);
      return [];
    case 3:
    case 4:
    case 5:
      for (let each = random.below(6); each >= 0; each--) {
        node.propose(new Uint8Array(random.below(3) === 0 ? 8 : random.below(200)));
      }
      return [];
    case 6:
    case 7:
    case 8: {
      const ready = node.ready();
      // Now and then a Ready is thrown away, or something else happens first.
      if (random.below(8) === 0) return [];
      if (random.below(8) === 0) node.tick();
      node.accept(ready);
      writing.push(ready);
      return ready.messages;
    }
    case 9:
    case 10: {
      const ready = writing.shift();
      if (ready === undefined) return [];
      node.persisted(ready.number);
      const last = ready.committed.at(-1) ?? ready.snapshot;
      if (last !== undefined) node.applied(last.index);
      return ready.messagesAfterPersist;
    }
    default: {
      // Mostly in order: else nobody would get far.
      const place = random.below(10) === 0 ? random.below(inbox.length + 1) : 0;
      const [message] = inbox.splice(place, 1);
      if (message !== undefined) node.step(message);
      return [];
    }
  }
}

/** What happens now and then. */
function callSeldom(node: RaftNode, random: SeededRandom): void {
  const id = 1 + random.below(3);
  switch (random.below(24)) {
    case 0: {
      const changed = Array.from({ length: random.below(3) }, (_, offset) => {
        return { kind: changes[random.below(3)] ?? "remove", id: 1 + ((id + offset) % 3) };
      });
      const transition = random.below(2) === 0 ? "auto" : "explicit";
      node.proposeChange(newConfChange(changed, transition, new Uint8Array(random.below(30))));
      return;
    }
    case 1: {
      const snapshot = node.snapshotPoint();
      node.compact(snapshot, Math.max(0, snapshot.index - random.below(400)));
      return;
    }
    case 2:
      node.transferLeadership(random.below(4));
      return;
    case 3:
      node.stepDown();
      return;
    case 4:
      node.forgetLeader();
      return;
    case 5:
      node.campaign();
      return;
    case 6:
    case 7:
    case 8:
      node.reportUnreachable(id);
      return;
    case 9:
    case 10:
      node.reportSnapshot(id, random.below(2) === 0);
      return;
    default:
      node.tick();
  }
}

/** All that decides what a node does, but for what entries hold: of older ones not even the kind is told. */
function futureOf(fingerprint: string): string {
  return fingerprint.replaceAll(/(command|no-op|conf-change):[0-9a-f]*/g, "");
}

/** Plays what `node` kept: how many states it passes, or undefined if nothing was kept. */
function play(node: RecordedNode): number | undefined {
  let replay: FlightReplay;
  try {
    replay = new FlightReplay(node.flightRecord());
  } catch (error) {
    // Between a Ready and its `accept` nothing can be begun.
    expect(error).toBeInstanceOf(RaftError);
    return undefined;
  }
  let lookCount = 0;
  for (let step = replay.next(); step !== undefined; step = replay.next()) {
    if (step.input.startsWith("look")) lookCount += 1;
  }
  expect(replay.verdict).toEqual({ kind: "same" });
  const fingerprint = node.fingerprint({ commandsByLength: true });
  expect(futureOf(replay.fingerprint())).toBe(futureOf(fingerprint));
  return lookCount;
}

test("a replay of random calls ends as the node, whatever room there was, and however long its log", () => {
  let longest = 0;
  const lookCounts = new Map<number | undefined, number>();
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed);
    const bytes = [2048, 4096, 16_384][seed % 3] ?? 0;
    const group = [1, 2, 3].map((id): Driven => {
      const node = new RecordedNode(id, [1, 2, 3], { seed, ...limits }, bytes);
      return { node, inbox: [], writing: [] };
    });
    let away = 0;
    for (let turn = 0; turn < 6000; turn++) {
      if (random.below(1000) === 0) away = random.below(5);
      const driven = group[random.below(3)];
      if (driven === undefined || (driven.node.id === away && random.below(4) > 0)) continue;
      try {
        for (const message of call(driven, random)) {
          if (message.to === away || message.from === away) continue;
          const inbox = group[message.to - 1]?.inbox;
          if (inbox !== undefined && inbox.length < 64) inbox.push(message);
        }
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
      }
      if (turn % 500 !== 499) continue;
      const { node } = driven;
      longest = Math.max(longest, node.lastIndex - node.status().firstIndex);
      const lookCount = play(node);
      lookCounts.set(lookCount, (lookCounts.get(lookCount) ?? 0) + 1);
    }
  }
  expect(longest).toBeGreaterThan(500);
  expect(lookCounts.get(2)).toBeGreaterThan(100);
  expect(lookCounts.get(undefined)).toBeGreaterThan(10);
});
