import type { Message, NodeId } from "@quorate/core";
import { expect, test } from "vitest";
import { ElectionWatch } from "./election-watch.ts";
import { ManualClock } from "./testing/manual-clock.ts";

const last = { term: 1, index: 1 };

function asked(kind: "pre-vote" | "request-vote", to: NodeId, term: number): Message {
  return { kind, from: 1, to, term, last };
}

function answer(
  kind: "pre-vote-response" | "request-vote-response",
  from: NodeId,
  term: number,
  granted: boolean,
): Message {
  return { kind, from, to: 1, term, granted };
}

test("ElectionWatch tells why a vote was refused from the term of the answer", () => {
  const clock = new ManualClock();
  const watch = new ElectionWatch(clock);
  expect(watch.report()).toBeUndefined();
  for (const to of [2, 3, 4, 5, 6]) watch.onSent(asked("pre-vote", to, 5));
  watch.onHeard(answer("pre-vote-response", 6, 5, true));
  watch.onHeard(answer("pre-vote-response", 2, 4, false));
  watch.onHeard(answer("pre-vote-response", 3, 5, false));
  watch.onHeard(answer("pre-vote-response", 4, 7, false));
  clock.advance(30);
  expect(watch.report()).toEqual({
    kind: "pre-vote",
    term: 5,
    agoMs: 30,
    count: 1,
    granted: [6],
    refused: [
      { voter: 2, reason: "log-ahead" },
      { voter: 3, reason: "vote-given" },
      { voter: 4, reason: "newer-term" },
    ],
    silent: [5],
  });
});

test("ElectionWatch takes answers for what they answer, and the first of each voter", () => {
  const watch = new ElectionWatch(new ManualClock());
  watch.onHeard(answer("pre-vote-response", 2, 5, true));
  watch.onSent(asked("pre-vote", 2, 5));
  watch.onSent(asked("pre-vote", 3, 5));
  watch.onHeard(answer("request-vote-response", 2, 5, true));
  watch.onHeard(answer("pre-vote-response", 2, 4, true));
  watch.onHeard(answer("pre-vote-response", 9, 5, true));
  expect(watch.report()?.silent).toEqual([2, 3]);
  watch.onHeard(answer("pre-vote-response", 3, 4, false));
  watch.onHeard(answer("pre-vote-response", 3, 5, true));
  expect(watch.report()?.refused).toEqual([{ voter: 3, reason: "log-ahead" }]);
});

test("ElectionWatch counts a campaign and the pre-vote before it as one, until there is a leader", () => {
  const watch = new ElectionWatch(new ManualClock());
  watch.onSent(asked("pre-vote", 2, 5));
  watch.onSent(asked("request-vote", 2, 5));
  watch.onHeard(answer("request-vote-response", 2, 5, false));
  expect(watch.report()).toMatchObject({
    kind: "vote",
    count: 1,
    refused: [{ voter: 2, reason: "vote-given" }],
  });
  // The same question once more is another attempt.
  watch.onSent(asked("pre-vote", 2, 6));
  watch.onSent(asked("pre-vote", 2, 6));
  expect(watch.report()).toMatchObject({ kind: "pre-vote", term: 6, count: 3, silent: [2] });
  watch.onLed();
  expect(watch.report()?.count).toBe(0);
  watch.onSent(asked("request-vote", 2, 6));
  expect(watch.report()?.count).toBe(1);
});
