import { type Message, RaftNode, type Ready, type Status } from "@quorate/core";
import { expect, test } from "vitest";
import { Answers } from "./answers.ts";

const status: Status = { ...new RaftNode(1, [1, 2, 3]).status(), term: 5 };
const ask = (kind: "pre-vote" | "request-vote", term: number): Message => {
  return { kind, from: 2, to: 1, term, last: { term: 0, index: 0 } };
};
const ready = (...messages: readonly Message[]): Ready => {
  return { ...new RaftNode(1, [1, 2, 3]).ready(), messages };
};
const answer = (to: number): Message => {
  return { kind: "pre-vote-response", from: 1, to, term: 5, granted: false };
};

test.each(["pre-vote", "request-vote"] as const)("an old %s must be answered", (kind) => {
  const answers = new Answers();
  answers.received(status, status, ask(kind, 4));
  expect(() => answers.readied(status, ready())).toThrow("does not answer node 2");
  expect(() => answers.readied(status, ready(answer(3)))).toThrow("does not answer node 2");
  answers.readied(status, { ...ready(), messagesAfterPersist: [answer(2)] });
  answers.readied(status, ready());
});

test("nothing is owed for a question of this term, nor after a crash", () => {
  const answers = new Answers();
  answers.received(status, status, ask("pre-vote", 5));
  answers.readied(status, ready());
  answers.received(status, status, ask("pre-vote", 4));
  answers.started(status);
  answers.readied(status, ready());
});
