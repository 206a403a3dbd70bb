import { expect, test } from "vitest";
import { type RaftError, RaftNode } from "@quorate/core";

const stale = expect.objectContaining({ code: "stale_ready" }) as RaftError;

/** Node 1, which leads nodes 2 and 3 in term 1; its empty entry is committed and durable. */
function leader(): RaftNode {
  const node = new RaftNode(1, [2, 3], { preVote: false });
  const settle = (): void => {
    while (node.hasReady) node.advance(node.ready());
  };
  node.campaign();
  settle();
  node.step({ kind: "request-vote-response", from: 2, to: 1, term: 1, granted: true });
  settle();
  node.step({ kind: "append-entries-response", from: 2, to: 1, term: 1, matchIndex: 1 });
  settle();
  return node;
}

test("persisted may be told of each Ready with nothing to write, or of all at once", () => {
  for (const told of [[0, 1, 2, 3], [0, 3], [3], [2, 3]]) {
    const node = leader();
    node.propose(Uint8Array.of(0x78));
    const numbers = [1, 2, 3, 4].map((round) => {
      if (round > 1) node.tick();
      const ready = node.ready();
      expect(ready.entries).toHaveLength(round === 1 ? 1 : 0);
      expect(ready.hardState).toBeUndefined();
      node.accept(ready);
      return ready.number;
    });
    expect(node.status().persistedIndex).toBe(1);
    for (const offset of told) {
      node.persisted(numbers[offset] ?? 0);
      expect(node.status().persistedIndex).toBe(2);
      for (const number of numbers.slice(0, offset + 1)) {
        expect(() => node.persisted(number)).toThrow(stale);
      }
    }
  }
});
