import { type Entry, newEntry, type NodeId, none, RaftError } from "@quorate/core";
import type { Damage } from "@quorate/wal";
import {
  type Call,
  decodeCall,
  decodeFrame,
  encodeCallResult,
  encodeEntry,
  encodeFrame,
  encodeRecord,
} from "@quorate/wire";
import { expect, test } from "vitest";
import { Borrower } from "./borrowing.ts";
import { ManualClock, SeededRandom } from "./testing.ts";

/** The damage of which entry 1 would be needed. */
const damage = {
  place: "a file",
  missing: { first: 1, last: 1, lastTerm: none },
  mend: async (): Promise<boolean> => false,
};

test("Borrower remembers what the newest said that it asked, however many there were", async () => {
  const clock = new ManualClock();
  const borrower: Borrower = new Borrower({
    clock,
    random: new SeededRandom(1),
    send: (to, chunks) => {
      const { requestId } = decodeCall(decodeFrame(chunks).payload);
      const refusal = {
        requestId,
        ok: false,
        code: "log_lost",
        message: "no",
        leader: none,
      } as const;
      const frame = decodeFrame(encodeFrame("call-result", encodeCallResult(refusal)));
      clock.defer(() => borrower.receiver.onFrame(to, frame));
      return true;
    },
  });
  for (let peer = 100; peer < 200; peer++) borrower.receiver.onConnected(peer);
  let isOver = false;
  const mending = borrower.mend([damage], 1).finally(() => {
    isOver = true;
  });
  for (let turn = 0; turn < 1000 && !isOver; turn++) {
    if (clock.hasDeferred) clock.runDeferred();
    else clock.advance(1);
    for (let step = 0; step < 16; step++) await Promise.resolve();
  }
  expect(await mending).toBeUndefined();
  const answers = borrower.answers.split(", ");
  expect(answers).toHaveLength(32);
  expect(answers.at(-1)).toBe("node 199: log_lost: no");
});

/** The damage that entries 1 to `last` are missing, which takes whatever is given. */
function missing(last: number): { readonly lost: Damage; readonly taken: Entry[] } {
  const taken: Entry[] = [];
  const lost: Damage = {
    place: "here",
    missing: { first: 1, last, lastTerm: 1 },
    mend: async (entries) => {
      for (const entry of entries) taken.push(entry);
      return true;
    },
  };
  return { lost, taken };
}

/** A borrower with what it asks, and of whom. */
function borrowing(): {
  readonly clock: ManualClock;
  readonly borrower: Borrower;
  readonly asked: (readonly [NodeId, Call])[];
  readonly answer: (from: NodeId, requestId: number, result: Uint8Array | RaftError) => void;
} {
  const clock = new ManualClock();
  const asked: (readonly [NodeId, Call])[] = [];
  const send = (to: NodeId, chunks: readonly Uint8Array[]): boolean => {
    const payload = Buffer.concat(chunks.slice(1));
    asked.push([to, decodeCall(new Uint8Array(payload))]);
    return true;
  };
  const borrower = new Borrower({ clock, random: new SeededRandom(1), send });
  const answer = (from: NodeId, requestId: number, result: Uint8Array | RaftError): void => {
    const chunks = encodeCallResult(
      result instanceof RaftError
        ? { requestId, ok: false, code: result.code, message: result.message, leader: 0 }
        : { requestId, ok: true, result },
    );
    const payload = new Uint8Array(Buffer.concat(chunks));
    borrower.receiver.onFrame(from, { type: "call-result", payload });
  };
  return { clock, borrower, asked, answer };
}

function lent(entries: readonly Entry[]): Uint8Array {
  return new Uint8Array(Buffer.concat(entries.flatMap((one) => encodeRecord([encodeEntry(one)]))));
}

function command(index: number): Entry {
  return newEntry({ term: 1, index }, "command", new Uint8Array(1));
}

/** Lets everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

test("an answer counts if it comes from who was asked", async () => {
  const { borrower, asked, answer } = borrowing();
  const { lost, taken } = missing(1);
  borrower.receiver.onConnected(2);
  const mended = borrower.mend([lost], 1000);
  await settle();
  const [to, { requestId }] = asked[0] ?? [0, { requestId: 0 }];
  expect(to).toBe(2);
  answer(3, requestId, new RaftError("log_lost", "not here"));
  borrower.receiver.onFrame(3, { type: "call-result", payload: Uint8Array.of(1) });
  await settle();
  answer(2, requestId, lent([command(1)]));
  expect(await mended).toMatchObject({ lent: { by: 2 } });
  expect(taken).toEqual([command(1)]);
});

test("an answer may hold any number of entries", async () => {
  const { borrower, asked, answer } = borrowing();
  const { lost, taken } = missing(500_000);
  borrower.receiver.onConnected(2);
  const mended = borrower.mend([lost], 1000);
  await settle();
  const entries = Array.from({ length: 500_000 }, (_, place) => command(place + 1));
  answer(2, asked[0]?.[1].requestId ?? 0, lent(entries));
  expect(await mended).toMatchObject({ lent: { last: 500_000 } });
  expect(taken).toHaveLength(500_000);
});

test("a member that gives entries one by one is not waited for any longer than others", async () => {
  const { clock, borrower, asked, answer } = borrowing();
  const { lost, taken } = missing(100);
  borrower.receiver.onConnected(2);
  const mended = borrower.mend([lost], 10_000);
  for (let round = 0; round < 50; round++) {
    await settle();
    clock.advance(1500);
    const { requestId } = asked.at(-1)?.[1] ?? { requestId: 0 };
    answer(2, requestId, lent([command(round + 1)]));
  }
  await settle();
  expect(asked).toHaveLength(7);
  expect(await mended).toBe(undefined);
  expect(borrower.answers).toBe("node 2: unavailable: it did not answer within 1000 ms");
  expect(taken).toEqual([]);
});
