import { RaftError } from "@quorate/core";
import { decodeForward, decodeForwardResult, decodeFrame, type Frame } from "@quorate/wire";
import { expect, test } from "vitest";
import { Forwarding, recentRequestCountMax } from "./forwarding.ts";
import type { Network } from "./ports.ts";
import { SeededRandom } from "./testing.ts";

/** A network that keeps what it is given. */
function newNetwork(accepts: boolean): { network: Network; sent: { to: number; frame: Frame }[] } {
  const sent: { to: number; frame: Frame }[] = [];
  const network: Network = {
    open: async () => {},
    send: (to, chunks) => {
      if (accepts) sent.push({ to, frame: decodeFrame(chunks) });
      return accepts;
    },
    setPeers: () => {},
    setRemoved: () => {},
    close: async () => {},
  };
  return { network, sent };
}

test("Forwarding.send gives every request an id of its own, from a random start", () => {
  const { network, sent } = newNetwork(true);
  const one = new Forwarding(network, new SeededRandom(1));
  const other = new Forwarding(network, new SeededRandom(2));
  const first = one.send(3, Uint8Array.of(7), 1000);
  expect(one.send(3, Uint8Array.of(7), 1000)).toBe(first + 1);
  expect(other.send(3, Uint8Array.of(7), 1000)).not.toBe(first);
  const [{ to, frame } = { to: 0, frame: { type: "raft", payload: new Uint8Array() } }] = sent;
  expect(to).toBe(3);
  expect(decodeForward(frame.payload)).toEqual({
    requestId: first,
    command: Uint8Array.of(7),
    timeoutMs: 1000,
  });
});

test("Forwarding.send gives no id to what did not leave", () => {
  const { network } = newNetwork(false);
  expect(new Forwarding(network, new SeededRandom(1)).send(3, Uint8Array.of(7), 1000)).toBe(0);
});

test("Forwarding.answer tells a result, or an error with its code, text and leader", () => {
  const { network, sent } = newNetwork(true);
  const forwarding = new Forwarding(network, new SeededRandom(1));
  forwarding.answer(2, 5, { index: 9, result: Uint8Array.of(1) });
  forwarding.answer(2, 6, new RaftError("not_leader", "ask another", { leader: 3 }));
  expect(sent.map(({ frame }) => decodeForwardResult(frame.payload))).toEqual([
    { requestId: 5, ok: true, index: 9, result: Uint8Array.of(1) },
    { requestId: 6, ok: false, code: "not_leader", message: "ask another", leader: 3 },
  ]);
});

test("Forwarding.isNew knows the newest requests of each peer, and a bounded number", () => {
  const forwarding = new Forwarding(newNetwork(true).network, new SeededRandom(1));
  expect(forwarding.isNew(1, 1)).toBe(true);
  expect(forwarding.isNew(1, 1)).toBe(false);
  expect(forwarding.isNew(2, 1)).toBe(true);
  for (let id = 2; id <= recentRequestCountMax; id++) forwarding.isNew(1, id);
  expect(forwarding.isNew(1, 1)).toBe(false);
  expect(forwarding.isNew(1, recentRequestCountMax + 1)).toBe(true);
  expect(forwarding.isNew(1, 2)).toBe(false);
  expect(forwarding.isNew(1, 1)).toBe(true);
});

test("Forwarding.forget knows nothing of a peer's requests any more", () => {
  const forwarding = new Forwarding(newNetwork(true).network, new SeededRandom(1));
  forwarding.isNew(1, 1);
  forwarding.isNew(2, 1);
  forwarding.forget(1);
  expect(forwarding.isNew(1, 1)).toBe(true);
  expect(forwarding.isNew(2, 1)).toBe(false);
});
