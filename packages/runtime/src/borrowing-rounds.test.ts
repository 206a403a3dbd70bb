import { newEntry, none } from "@quorate/core";
import type { Damage } from "@quorate/wal";
import {
  decodeCall,
  decodeFrame,
  encodeCallResult,
  encodeRecord,
  encodeEntry,
} from "@quorate/wire";
import { expect, test } from "vitest";
import { Borrower, type Mended } from "./borrowing.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import { SeededRandom } from "./testing/seeded-random.ts";

const entry = newEntry({ term: 1, index: 4 }, "command", new Uint8Array([7]));

const damage: Damage = {
  place: "somewhere",
  missing: { first: 4, last: 4, lastTerm: none },
  mend: async ([lent]) => lent?.index === entry.index,
};

/** A borrower, and all that it asked for, which only those answer who are told to. */
class Lending {
  readonly clock: ManualClock = new ManualClock();
  readonly asked: { readonly peer: number; readonly requestId: number }[] = [];
  readonly borrower: Borrower;
  mended: Mended | undefined | "open" = "open";

  constructor(deadline: number) {
    this.borrower = new Borrower({
      clock: this.clock,
      random: new SeededRandom(1),
      send: (peer, chunks) => {
        const { requestId } = decodeCall(decodeFrame(chunks).payload);
        this.asked.push({ peer, requestId });
        return true;
      },
    });
    this.borrower.receiver.onConnected(2);
    void this.borrower.mend([damage], deadline).then((mended) => {
      this.mended = mended;
    });
  }

  /** Lets `peer` answer what it was asked last: with the entry, or that it does not have it. */
  async answer(peer: number, has: boolean): Promise<void> {
    const requestId = this.asked.findLast((call) => call.peer === peer)?.requestId ?? 0;
    const [result] = encodeRecord([encodeEntry(entry)]);
    const payload = encodeCallResult(
      has && result !== undefined
        ? { requestId, ok: true, result }
        : { requestId, ok: false, code: "log_lost", message: "it is not there", leader: none },
    );
    this.borrower.receiver.onFrame(peer, {
      type: "call-result",
      payload: new Uint8Array(payload.flatMap((chunk) => [...chunk])),
    });
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let round = 0; round < 20; round++) await Promise.resolve();
  }
}

test("who connects while another is asked is asked next, and not a while later", async () => {
  const lending = new Lending(400);
  await lending.settle();
  lending.borrower.receiver.onConnected(3);
  await lending.answer(2, false);
  expect(lending.asked.map(({ peer }) => peer)).toEqual([2, 3]);
  await lending.answer(3, true);
  expect(lending.mended).toMatchObject({ lent: { first: 4, by: 3 } });
  expect(lending.clock.now()).toBe(0);
});
