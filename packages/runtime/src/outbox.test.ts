import { type Message, newEntry } from "@quorate/core";
import { decodeBatch, decodeFrame } from "@quorate/wire";
import { expect, test } from "vitest";
import { Outbox } from "./outbox.ts";
import type { Network } from "./ports.ts";

function newBench(reachable: (to: number) => boolean): {
  outbox: Outbox;
  frames: { to: number; messages: Message[] }[];
  unreachable: number[];
} {
  const frames: { to: number; messages: Message[] }[] = [];
  const unreachable: number[] = [];
  const network: Network = {
    open: async () => {},
    send: (to, chunks) => {
      if (!reachable(to)) return false;
      frames.push({ to, messages: decodeBatch(decodeFrame(chunks).payload) });
      return true;
    },
    setPeers: () => {},
    setRemoved: () => {},
    close: async () => {},
  };
  return { outbox: new Outbox(network, (peer) => unreachable.push(peer)), frames, unreachable };
}

function append(to: number, index: number, bytes: number): Message {
  const entries = [newEntry({ term: 1, index }, "command", new Uint8Array(bytes))];
  const prev = { term: 1, index: index - 1 };
  return { kind: "append-entries", from: 1, to, term: 1, prev, entries, commitIndex: 0 };
}

function heartbeat(to: number, readRound: number): Message {
  return { kind: "heartbeat", from: 1, to, term: 1, commitIndex: 0, readRound };
}

test("Outbox sends one frame per peer, with its messages in order", () => {
  const { outbox, frames } = newBench(() => true);
  outbox.add([heartbeat(2, 1), heartbeat(3, 2)]);
  outbox.add([append(2, 5, 10), heartbeat(2, 3)]);
  expect(frames).toEqual([]);
  outbox.flush();
  expect(frames.map(({ to, messages }) => [to, messages.map(({ kind }) => kind)])).toEqual([
    [2, ["heartbeat", "append-entries", "heartbeat"]],
    [3, ["heartbeat"]],
  ]);
  outbox.flush();
  expect(frames).toHaveLength(2);
});

test("Outbox splits what is large into several frames, and never one message", () => {
  const { outbox, frames } = newBench(() => true);
  const kibi = 1024;
  outbox.add([append(2, 2, 150 * kibi), append(2, 3, 150 * kibi), append(2, 4, 25 * kibi)]);
  outbox.add([append(2, 5, 750 * kibi), heartbeat(2, 1)]);
  outbox.flush();
  expect(frames.map(({ messages }) => messages.length)).toEqual([1, 2, 1, 1]);
});

test("Outbox tells of a peer that a frame could not be sent to, and sends it no more of the turn", () => {
  const { outbox, frames, unreachable } = newBench((to) => to !== 2);
  outbox.add([append(2, 2, 2_000_000), append(2, 3, 2_000_000), heartbeat(3, 1)]);
  outbox.flush();
  expect(unreachable).toEqual([2]);
  expect(frames.map(({ to }) => to)).toEqual([3]);
});
