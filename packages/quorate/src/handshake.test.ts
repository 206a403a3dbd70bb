import { RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import { RefusalReporter, type RefusedConnection } from "./handshake.ts";

const error = new RaftError("wrong_identity", "of another group");

function reporter(): {
  readonly told: RefusedConnection[];
  readonly refusals: RefusalReporter;
  pass(ms: number): void;
} {
  const told: RefusedConnection[] = [];
  let now = 5;
  const refusals = new RefusalReporter(
    (refusal) => told.push(refusal),
    () => now,
  );
  return { told, refusals, pass: (ms) => (now += ms) };
}

test("a refusal is told once, and again after a connection has succeeded", () => {
  const { told, refusals } = reporter();
  const refusal: RefusedConnection = { direction: "outgoing", peer: 2, address: "a:1", error };
  refusals.refused(refusal);
  refusals.refused(refusal);
  expect(told).toEqual([refusal]);
  refusals.succeeded("outgoing", 2);
  refusals.refused(refusal);
  expect(told).toHaveLength(2);
});

test("strangers who make up names are told of so often in a minute, and keep nothing else quiet", () => {
  const { told, refusals, pass } = reporter();
  const stranger = (peer: number): RefusedConnection => ({
    ...{ direction: "incoming", peer, address: "b:2", error },
  });
  for (let peer = 1; peer <= 5000; peer++) refusals.refused(stranger(peer));
  expect(told).toHaveLength(100);
  refusals.refused({ direction: "outgoing", peer: 2, address: "a:1", error });
  expect(told).toHaveLength(101);
  pass(60_000);
  refusals.refused(stranger(4000));
  expect(told.at(-1)).toEqual(stranger(4000));
});
