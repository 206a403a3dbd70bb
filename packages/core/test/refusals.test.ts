import { expect, test } from "vitest";
import { type Message, RaftError, RaftNode } from "../src/index.ts";

/** The code of what `call` throws, which must be a `RaftError`. */
function codeOf(call: () => void): string {
  try {
    call();
  } catch (error) {
    if (error instanceof RaftError) return error.code;
    throw error;
  }
  return "nothing thrown";
}

/** A node that leads a group of one, with its election behind it. */
function loneLeader(): RaftNode {
  const node = new RaftNode(1, [1], { commandBytesMax: 4 });
  node.campaign();
  while (node.hasReady) node.advance(node.ready());
  return node;
}

test("step refuses a kind that has no text", () => {
  const node = new RaftNode(1, [1, 2]);
  const kind = { toString: 1, valueOf: 1 };
  const message = JSON.parse(JSON.stringify({ kind, from: 2, to: 1, term: 1 })) as Message;
  expect(codeOf(() => node.step(message))).toBe("unknown_message");
});

test("a call that is refused leaves the Ready that was handed out in force", () => {
  const node = loneLeader();
  node.propose(Uint8Array.of(1));
  const ready = node.ready();
  expect(codeOf(() => node.propose(new Uint8Array(5)))).toBe("too_large");
  node.campaign();
  expect(node.ready()).toBe(ready);
  node.advance(ready);

  const follower = new RaftNode(1, [1, 2]);
  follower.campaign();
  const offered = follower.ready();
  expect(codeOf(() => follower.readIndex())).toBe("not_leader");
  const commands = [Uint8Array.of(1)];
  const forwarded = { kind: "propose", from: 2, to: 1, term: 0, commands } as const;
  expect(codeOf(() => follower.step(forwarded))).toBe("not_leader");
  expect(follower.ready()).toBe(offered);
});

test("persisted refuses the number of a Ready that was made and never accepted", () => {
  const node = loneLeader();
  node.propose(Uint8Array.of(1));
  const superseded = node.ready();
  node.propose(Uint8Array.of(2));
  node.accept(node.ready());
  expect(codeOf(() => node.persisted(superseded.number))).toBe("stale_ready");
});

test("a request for votes and a rejection carry ids, and no entry with its data", () => {
  const node = loneLeader();
  const entries = node.entries(1, node.lastIndex);
  const term = node.term;
  const base = { term: 0, index: 0 };
  const hardState = { term, vote: 0, commitIndex: 0 };
  const other = new RaftNode(2, [1, 2], { storage: { hardState, base, entries }, preVote: false });
  other.campaign();
  const [request] = other.ready().messagesAfterPersist;
  expect(request?.kind === "request-vote" && request.last).toEqual({ term, index: 1 });
});
