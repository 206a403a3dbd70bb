import { RaftError, RaftNode, SeededRandom } from "@quorate/core";
import { expect, test } from "vitest";
import { decodeFlight, encodeFlight, type FlightFile } from "../src/flight/flight-file.ts";
import { FlightReplay } from "../src/flight/flight-replay.ts";
import { encodeImage } from "../src/flight/image-code.ts";
import { RecordedNode } from "../src/flight/recorded-node.ts";

/** A record of two halves, with something of everything in it. */
function newRecord(): Uint8Array {
  const node = new RecordedNode(1, [1, 2, 3], { preVote: false, messageBytesMax: 64 }, 2048);
  node.campaign();
  node.advance(node.ready());
  node.step({ kind: "request-vote-response", from: 2, to: 1, term: 1, granted: true });
  for (let each = 1; each < 80; each++) {
    node.advance(node.ready());
    node.step({
      kind: "append-entries-response",
      from: 2,
      to: 1,
      term: 1,
      matchIndex: node.lastIndex,
    });
    node.propose(new Uint8Array(each));
    if (each % 7 === 0) node.readIndex();
    if (each % 9 === 0) node.compact(node.snapshotPoint(), Math.max(0, node.appliedIndex - 20));
  }
  return node.flightRecord();
}

/** `file` with some bytes changed, cut or doubled, behind right checksums. */
function damaged(file: FlightFile, random: SeededRandom): Uint8Array {
  // Mostly one piece, so that many can still be played.
  const damage = (bytes: Uint8Array): Uint8Array => {
    const copy = Uint8Array.from(bytes);
    if (random.below(4) > 0) return copy;
    for (let each = random.below(4); each > 0; each--) {
      copy[random.below(copy.length)] = random.below(3) === 0 ? 0xff : random.below(256);
    }
    if (random.below(8) === 0) return copy.subarray(0, random.below(copy.length));
    return copy;
  };
  const parts = file.parts.map(({ image, inputs }) => {
    return { image: damage(image), inputs: damage(inputs) };
  });
  return encodeFlight({ ...file, parts, end: file.end && damage(file.end) });
}

/** Plays `bytes` as far as they go; false if they are refused. */
function survives(bytes: Uint8Array): boolean {
  try {
    const replay = new FlightReplay(bytes);
    for (let count = 0; count < 40; count++) replay.next();
    replay.goTo(replay.stepCount);
    replay.goTo(0);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(RaftError);
    return false;
  }
}

test("a damaged record is refused, or played to some end, but never breaks anything", () => {
  const file = decodeFlight(newRecord());
  const random = new SeededRandom(1);
  let playedCount = 0;
  const roundCount = 1000;
  for (let round = 0; round < roundCount; round++) {
    if (survives(damaged(file, random))) playedCount += 1;
  }
  expect(playedCount).toBeGreaterThan(100);
  expect(playedCount).toBeLessThan(roundCount - 100);
});

test("a record of a node with options that no node has is refused", () => {
  const file = decodeFlight(newRecord());
  const image = new RaftNode(1, [1, 2, 3]).image();
  const options = { ...image.options, messageBytesMax: 0 };
  const first = { image: encodeImage({ ...image, options }, 4096), inputs: new Uint8Array(0) };
  const record = encodeFlight({ ...file, parts: [first] });
  expect(() => new FlightReplay(record)).toThrow(/^malformed: .* messageBytesMax must be/);
});

test("a record of a node that has committed more than its log holds is refused", () => {
  const { parts, ...file } = decodeFlight(newRecord());
  const image = encodeImage({ ...new RaftNode(1, [1, 2, 3]).image(), commitIndex: 1 }, 4096);
  const record = encodeFlight({ ...file, parts: parts.map(({ inputs }) => ({ image, inputs })) });
  expect(() => new FlightReplay(record)).toThrow(/^malformed: .* more is committed than/);
});

test("the fingerprint of a replay is short, however long the commands are", () => {
  const node = new RecordedNode(1, [1], {}, 2048);
  node.campaign();
  node.advance(node.ready());
  node.propose(new Uint8Array(4 * 1024 * 1024));
  const replay = new FlightReplay(node.flightRecord());
  replay.goTo(replay.stepCount);
  expect(replay.verdict).toEqual({ kind: "same" });
  expect(replay.fingerprint()).toContain("command:4194304");
  expect(replay.fingerprint().length).toBeLessThan(1000);
});

test("a record in which any byte is changed, or that is cut short, is refused", () => {
  const record = newRecord();
  for (let offset = 0; offset < record.length; offset += 3) {
    const changed = Uint8Array.from(record);
    changed[offset] = (changed[offset] ?? 0) ^ 0x10;
    expect(() => new FlightReplay(changed), `byte ${offset}`).toThrow(RaftError);
    expect(() => new FlightReplay(record.subarray(0, offset))).toThrow(RaftError);
  }
});
