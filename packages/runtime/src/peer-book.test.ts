import fc from "fast-check";
import { expect, test } from "vitest";
import { PeerBook } from "./peer-book.ts";
import type { Introduction, Peer } from "./ports.ts";

const log = (seed: number): Uint8Array => new Uint8Array(16).fill(seed);

function hello(id: number, seed: number = id, address: string = `a${id}`): Introduction {
  return { id, address, incarnation: log(seed) };
}

function peer(id: number, seed?: number, address: string = `a${id}`): Peer {
  return { id, address, incarnation: seed === undefined ? undefined : log(seed) };
}

/** The book of node 1 that was told `peers`. */
function bookOf(...peers: readonly Peer[]): PeerBook {
  const book = new PeerBook(1, 2);
  book.setPeers(peers);
  return book;
}

test("PeerBook takes everybody for a peer until it is told", () => {
  const book = new PeerBook(1, 0);
  expect([book.knows(1), book.knows(2), book.peers]).toEqual([false, true, []]);
  expect(book.refusal(hello(2))).toBeUndefined();
  expect(book.refusal(hello(1))?.code).toBe("stranger");
  book.admit(hello(2));
  expect(book.refusal(hello(2, 9))?.code).toBe("wrong_identity");
  book.setPeers([peer(1), peer(2)]);
  expect(book.refusal(hello(2, 9))?.code).toBe("wrong_identity");
  expect([book.knows(1), book.knows(2), book.knows(3), book.peers]).toEqual([
    false,
    true,
    false,
    [2],
  ]);
});

test("PeerBook knows a peer by the log of its table, else by the first that it came with", () => {
  const book = bookOf(peer(2, 2), peer(3));
  expect(book.refusal(hello(2, 5))?.message).toBe(
    "wrong_identity: node 2 came with another log than the one it is known by: a node that lost its " +
      "disk must not come back under the same id; give it a new one: quorate member replace 2 NEW",
  );
  expect(book.refusal(hello(3, 5))).toBeUndefined();
  book.admit(hello(3, 5));
  expect(book.refusal(hello(3, 6))?.code).toBe("wrong_identity");
  book.forget(3);
  expect(book.refusal(hello(3, 6))?.code).toBe("wrong_identity");
  // What the group learned counts, whatever came first.
  book.setPeers([peer(2, 2), peer(3, 6)]);
  expect(book.refusal(hello(3, 6))).toBeUndefined();
  expect(book.refusal(hello(3, 5))?.code).toBe("wrong_identity");
});

test("PeerBook tells what its table does not say", () => {
  const book = bookOf(peer(2, 2), peer(3), peer(4, 4, ""));
  const news = (node: Introduction): boolean => book.admit(node).isNews;
  expect(news(hello(2))).toBe(false);
  expect(news(hello(2, 2, ""))).toBe(false);
  expect(news(hello(2, 2, "b"))).toBe(true);
  expect(news(hello(3))).toBe(true);
  expect(news(hello(4))).toBe(true);
  expect(news(hello(9))).toBe(true);
});

test("PeerBook finds a node where it said last, unless the group has heard more since", () => {
  const book = bookOf(peer(2, 2));
  expect(book.addressesOf(2)).toEqual(["a2"]);
  book.admit(hello(2, 2, "b"));
  expect(book.addressesOf(2)).toEqual(["b", "a2"]);
  book.setPeers([peer(2, 2), peer(3)]);
  expect(book.addressesOf(2)).toEqual(["b", "a2"]);
  book.setPeers([peer(2, 2, "c")]);
  expect(book.addressesOf(2)).toEqual(["c"]);
  book.admit(hello(9));
  expect(book.addressesOf(9)).toEqual(["a9"]);
  expect(book.addressesOf(8)).toEqual([]);
});

test("PeerBook lets so many guests in, and the oldest go for more", () => {
  const book = bookOf();
  expect(book.admit(hello(5)).evicted).toBeUndefined();
  expect(book.admit(hello(6)).evicted).toBeUndefined();
  // One that comes again is the newest.
  expect(book.admit(hello(5)).evicted).toBeUndefined();
  expect(book.refusal(hello(5, 50))?.code).toBe("wrong_identity");
  expect(book.admit(hello(7)).evicted).toBe(6);
  expect([5, 6, 7].map((id) => book.knows(id))).toEqual([true, false, true]);
  // A guest that is gone is forgotten: it is held to nothing.
  expect([book.forget(5), book.forget(5)]).toEqual([true, false]);
  expect(book.refusal(hello(5, 50))).toBeUndefined();
  const closed = new PeerBook(1, 0);
  closed.setPeers([]);
  expect(closed.refusal(hello(5))?.code).toBe("stranger");
});

test("PeerBook makes a peer of a guest, which stays known by its log", () => {
  const book = bookOf();
  book.admit(hello(5));
  book.setPeers([peer(5)]);
  expect(book.forget(5)).toBe(false);
  expect(book.refusal(hello(5, 50))?.code).toBe("wrong_identity");
});

test("PeerBook refuses the removed, peers and guests among them, but never itself", () => {
  const book = bookOf(peer(2));
  book.admit(hello(5));
  book.setRemoved([1, 2, 5]);
  expect([2, 5].map((id) => book.knows(id))).toEqual([false, false]);
  expect(book.peers).toEqual([]);
  expect(book.refusal(hello(2))?.message).toBe("removed: node 2 was removed from the group");
  expect(book.refusal(hello(1))?.code).toBe("stranger");
});

test("PeerBook never holds more than its limits, whatever comes and goes", () => {
  const id = fc.integer({ min: 2, max: 9 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant("peers" as const), ids: fc.uniqueArray(id) }),
    fc.record({ kind: fc.constant("removed" as const), ids: fc.uniqueArray(id) }),
    fc.record({ kind: fc.constant("hello" as const), ids: fc.array(id) }),
    fc.record({ kind: fc.constant("gone" as const), ids: fc.array(id) }),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const book = bookOf();
      let removed: readonly number[] = [];
      for (const { kind, ids } of steps) {
        if (kind === "peers") book.setPeers(ids.map((each) => peer(each)));
        if (kind === "removed") book.setRemoved((removed = ids));
        for (const each of kind === "hello" ? ids : []) {
          const isRefused = book.refusal(hello(each)) !== undefined;
          expect(isRefused).toBe(removed.includes(each));
          if (isRefused) continue;
          book.admit(hello(each));
          expect(book.knows(each)).toBe(true);
        }
        for (const each of kind === "gone" ? ids : []) book.forget(each);
        const known = [2, 3, 4, 5, 6, 7, 8, 9].filter((each) => book.knows(each));
        const guests = known.filter((each) => !book.peers.includes(each));
        expect(guests.length).toBeLessThanOrEqual(2);
        expect(known.some((each) => removed.includes(each))).toBe(false);
      }
    }),
  );
});
