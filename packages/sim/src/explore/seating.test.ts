import { expect, test } from "vitest";
import {
  at,
  emptyStorage,
  fingerprintMessage,
  type Message,
  type NodeId,
  RaftNode,
  SeededRandom,
} from "@quorate/core";
import { renamings } from "./catalogue.ts";
import { modelOptions } from "./explore.ts";
import { newSeat, type Seat, seatText } from "./seat.ts";
import { type HostRules, type SeatInput, stepSeat } from "./seat-step.ts";
import { Seating } from "./seating.ts";

const voters: readonly NodeId[] = [1, 2, 3];
const names = renamings(3);

function rules(gatherMax: number, isSet: boolean): HostRules {
  return {
    voters,
    create: (id, all, storage) => new RaftNode(id, all, { ...modelOptions, storage }),
    gatherMax,
    writesMax: Infinity,
    flaw: undefined,
    isSet,
  };
}

const same = (id: NodeId): NodeId => id;

/** Where a random group may go next: a seat, and what it can do there. */
function choose(
  seating: Seating,
  ids: readonly number[],
  sent: readonly Message[],
  random: SeededRandom,
): { slot: number; input: SeatInput } {
  const message = sent[random.below(2 * sent.length + 1)];
  if (message !== undefined) return { slot: message.to - 1, input: { kind: "deliver", message } };
  const slot = random.below(3);
  const moves = seating.movesOf(at(ids, slot));
  const { input } = at(moves, random.below(moves.length));
  // Seldom, or nothing is ever finished.
  if (input.kind === "crash" && random.below(4) > 0) return choose(seating, ids, sent, random);
  return { slot, input };
}

test.each([
  [1, true],
  [1, false],
  [3, true],
])("what is looked up is what the nodes do (gatherMax %i, set %s)", (gatherMax, isSet) => {
  const own = rules(gatherMax, isSet);
  const seating = new Seating(own, names, 4);
  for (let seed = 0; seed < 30; seed++) {
    const random = new SeededRandom(seed);
    // The same run three times: looked up, by nodes that go their own way, and by renamed ones.
    const ids = [...seating.first()];
    const seats = voters.map((id) => newSeat(id, voters, own.create));
    const nameOf = (id: NodeId): NodeId => at(at(names, seed % 6), id - 1);
    const others = voters.map((id) => newSeat(id, voters, own.create));
    const sent: Message[] = [];
    const numbers = new Set<number>();
    for (let turn = 0; turn < 120; turn++) {
      const { slot, input } = choose(seating, ids, sent, random);
      const transition = seating.take(at(ids, slot), input, numbers);
      if (transition === undefined) throw new Error("the step is possible");
      ids[slot] = transition.seat;

      const outcome = stepSeat(at(seats, slot), input, own);
      seats[slot] = outcome.seat;
      expect(seatText(seating.seats.at(transition.seat), same)).toBe(seatText(outcome.seat, same));
      expect(new Set(transition.sent.map((id) => seating.messages.at(id)).map(text))).toEqual(
        new Set(outcome.sent.map(text)),
      );

      // What gathers in a node is in the order of the peers, so some equal groups are told apart.
      if (gatherMax === 1) {
        const place = nameOf(slot + 1) - 1;
        const other = stepSeat(at(others, place), renamed(input, nameOf), own);
        others[place] = other.seat;
        expect(seatText(outcome.seat, nameOf)).toBe(seatText(other.seat, same));
      }

      sent.push(...outcome.sent);
      for (const message of outcome.sent) numbers.add(seating.messages.idOf(message));
    }
  }
  // The runs went somewhere, and met again.
  expect(seating.seats.count).toBeGreaterThan(200);
  expect(seating.seats.count).toBeLessThan(30 * 120);
});

function text(message: Message): string {
  return fingerprintMessage(message);
}

function renamed(input: SeatInput, nameOf: (id: NodeId) => NodeId): SeatInput {
  if (input.kind !== "deliver") return input;
  const { message } = input;
  return {
    kind: "deliver",
    message: { ...message, from: nameOf(message.from), to: nameOf(message.to) },
  };
}

test("seatText tells every part of a seat", () => {
  const seat = newSeat(1, voters, (id, all) => new RaftNode(id, all, { storage: emptyStorage }));
  const write = { number: 1, hardState: undefined, entries: [], mustSync: false, promises: [] };
  const hardState = { term: 1, vote: 0, commitIndex: 0 };
  const entry = { term: 1, index: 1, kind: "no-op", data: new Uint8Array(0) } as const;
  const promise: Message = { kind: "heartbeat-response", from: 1, to: 2, term: 1, readRound: 0 };
  const different: readonly Partial<Seat>[] = [
    {},
    { disk: { ...seat.disk, hardState } },
    { disk: { ...seat.disk, entries: [entry] } },
    { disk: { ...seat.disk, entries: [{ ...entry, term: 2 }] } },
    { writes: [write] },
    { writes: [{ ...write, hardState }] },
    { writes: [{ ...write, entries: [entry] }] },
    { writes: [{ ...write, mustSync: true }] },
    { writes: [{ ...write, promises: [promise] }] },
    { writes: [write, write] },
    { writes: [write], reportedCount: 1 },
    { promised: { term: 1, vote: 0 } },
    { promised: { term: 1, vote: 2 } },
    { gatheredCount: 1 },
  ];
  const texts = different.map((part) => seatText({ ...seat, ...part }, same));
  expect(new Set(texts).size).toBe(different.length);
  // The number of a write means nothing.
  expect(seatText({ ...seat, writes: [{ ...write, number: 7 }] }, same)).toBe(texts[4]);
});
