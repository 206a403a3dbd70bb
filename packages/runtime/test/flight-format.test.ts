import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FlightReplay } from "../src/flight/flight-replay.ts";
import { RecordedNode } from "../src/flight/recorded-node.ts";

/** The block of the page that is marked `hex record`, without comments. */
function example(): Uint8Array {
  const page = readFileSync(new URL("../FORMAT.md", import.meta.url), "utf8");
  const [, body = ""] = /^```hex record\n(.*?)^```$/ms.exec(page) ?? [];
  return Uint8Array.from(Buffer.from(body.replaceAll(/#.*$/gm, "").replaceAll(/\s/g, ""), "hex"));
}

test("FORMAT.md shows the bytes that are written", () => {
  const node = new RecordedNode(1, [1], { seed: 1 }, 65_536);
  node.campaign();
  node.advance(node.ready());
  expect(Buffer.from(node.flightRecord()).toString("hex")).toBe(
    Buffer.from(example()).toString("hex"),
  );
});

test("FORMAT.md shows bytes that are played as it says", () => {
  const replay = new FlightReplay(example());
  const inputs: string[] = [];
  for (let step = replay.next(); step !== undefined; step = replay.next()) inputs.push(step.input);
  expect(inputs).toEqual([
    "campaign",
    "ready",
    "accept",
    "persisted 1",
    "look at the recorded state",
  ]);
  expect(replay.verdict).toEqual({ kind: "same" });
  expect(replay.status()).toMatchObject({ role: "leader", term: 1, last: { term: 1, index: 1 } });
});
