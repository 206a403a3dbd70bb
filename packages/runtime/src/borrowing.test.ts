import { none } from "@quorate/core";
import { decodeCall, decodeFrame, encodeCallResult, encodeFrame } from "@quorate/wire";
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
