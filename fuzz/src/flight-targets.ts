import { FlightReplay, RecordedNode } from "@quorate/runtime";
import { decodeFlight, encodeFlight } from "@quorate/runtime/testing";
import { type Target, target } from "./target.ts";

/** A flight record of two parts, with something of everything in it. */
export const flight: ReturnType<typeof decodeFlight> = decodeFlight(record());

function record(): Uint8Array {
  const node = new RecordedNode(1, [1, 2, 3], { preVote: false, messageBytesMax: 64 }, 2048);
  const way = { from: 2, to: 1, term: 1 } as const;
  node.campaign();
  node.advance(node.ready());
  node.step({ kind: "request-vote-response", ...way, granted: true });
  for (let each = 1; each < 80; each++) {
    node.advance(node.ready());
    node.step({ kind: "append-entries-response", ...way, matchIndex: node.lastIndex });
    node.propose(new Uint8Array(each));
    if (each % 7 === 0) node.readIndex();
    if (each % 9 === 0) node.compact(node.snapshotPoint(), Math.max(0, node.appliedIndex - 20));
  }
  return node.flightRecord();
}

/** A state in which a node follows, and waits for a read. */
function following(): Uint8Array {
  const node = new RecordedNode(1, [1, 2, 3], {}, 2048);
  node.step({ kind: "heartbeat", from: 2, to: 1, term: 1, commitIndex: 0, readRound: 1 });
  node.advance(node.ready());
  node.readIndex();
  return decodeFlight(node.flightRecord()).end ?? new Uint8Array(0);
}

/** One in which it is no leader yet. */
function campaigning(): Uint8Array {
  const node = new RecordedNode(1, [1, 2, 3], {}, 2048);
  node.campaign();
  node.advance(node.ready());
  return decodeFlight(node.flightRecord()).end ?? new Uint8Array(0);
}

/** Plays a record forward and back. */
function play(file: typeof flight): void {
  const replay = new FlightReplay(encodeFlight(file));
  for (let count = 0; count < 8; count++) replay.next();
  replay.goTo(replay.stepCount);
  for (const position of [replay.stepCount >> 1, 0]) {
    replay.describe();
    replay.fingerprint();
    replay.goTo(position);
  }
}

const [first = { image: new Uint8Array(0), inputs: new Uint8Array(0) }, ...more] = flight.parts;

const images = [first.image, flight.end ?? first.image, following(), campaigning()];

/** Everything that reads a flight record, behind right checksums. What is wrong in it may also be played. */
export const flightTargets: readonly Target[] = [
  target((image) => play({ ...flight, parts: [{ ...first, image }, ...more] }), images, {
    name: "FlightReplay, image",
    share: 0.02,
  }),
  target((inputs) => play({ ...flight, parts: [{ ...first, inputs }, ...more] }), [first.inputs], {
    name: "FlightReplay, inputs",
    share: 0.02,
  }),
  target((end) => play({ ...flight, end }), images, {
    name: "FlightReplay, end",
    share: 0.02,
  }),
];
