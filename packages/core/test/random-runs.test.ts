import fc from "fast-check";
import { expect, test } from "vitest";
import {
  checkStep,
  type Message,
  newEntry,
  RaftError,
  RaftNode,
  type Ready,
  SeededRandom,
} from "../src/index.ts";

/** One random call on a node; `inbox` holds what the other nodes sent to it. */
function act(node: RaftNode, random: SeededRandom, inbox: Message[]): void {
  switch (random.below(9)) {
    case 0:
      return node.tick();
    case 1:
      // Seldom, or there is nothing but elections.
      if (random.below(8) === 0) node.campaign();
      return;
    case 2:
      node.readIndex();
      return;
    case 3:
      return node.reportUnreachable(1 + random.below(3));
    case 4:
      node.propose(new Uint8Array(random.below(40)));
      return;
    default: {
      if (inbox.length === 0) return;
      // Any message that was sent, in any order; some of them arrive twice.
      const offset = random.below(inbox.length);
      const message = inbox[offset];
      if (random.below(4) > 0) inbox.splice(offset, 1);
      if (message !== undefined) node.step(message);
    }
  }
}

function expectRaftError(call: () => void): void {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(RaftError);
  }
}

function isEmpty(ready: Ready): boolean {
  const { messages, entries, messagesAfterPersist, committed, reads, hardState } = ready;
  const lists = [messages, entries, messagesAfterPersist, committed, reads];
  return hardState === undefined && lists.every((list) => list.length === 0);
}

/** A node with its Readys in the three stages between being accepted and applied. */
interface Driven {
  readonly node: RaftNode;
  readonly inbox: Message[];
  readonly writing: Ready[];
}

/** Accepts, persists or applies as a pipelining runtime might, now and then. */
function drive({ node, writing }: Driven, random: SeededRandom, send: (m: Message) => void): void {
  if (random.below(2) === 0) {
    const ready = node.ready();
    node.accept(ready);
    for (const message of ready.messages) send(message);
    writing.push(ready);
  }
  if (random.below(2) === 0 && writing.length > 0) {
    for (const ready of writing.splice(0, 1 + random.below(writing.length))) {
      node.persisted(ready.number);
      for (const message of ready.messagesAfterPersist) send(message);
      const last = ready.committed.at(-1);
      if (last !== undefined) node.applied(last.index);
    }
  }
}

function newCluster(seed: number): Driven[] {
  const limits = { inflightCountMax: 2, messageBytesMax: 64, applyBytesMax: 64 };
  return [1, 2, 3].map((id) => ({
    node: new RaftNode(id, [1, 2, 3], { seed, ...limits }),
    inbox: [],
    writing: [],
  }));
}

test("in random runs, hasReady agrees with ready and the invariants hold", () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const random = new SeededRandom(seed);
    const cluster = newCluster(seed);
    const send = (message: Message): void => {
      seen.add(message.kind);
      cluster[message.to - 1]?.inbox.push(message);
    };
    for (let turn = 0; turn < 400; turn++) {
      const driven = cluster[random.below(3)];
      if (driven === undefined) throw new Error("three nodes");
      const { node, inbox } = driven;
      const before = node.status();
      expectRaftError(() => act(node, random, inbox));
      expect(node.hasReady).toBe(!isEmpty(node.ready()));
      drive(driven, random, send);
      node.check();
      checkStep(before, node.status());
      seen.add(node.role);
      if (node.appliedIndex > 3) seen.add("applied");
    }
  }
  // The runs reach what they are to exercise.
  const wanted = ["leader", "applied", "append-entries-rejection", "read-index-response"];
  expect([...seen]).toEqual(expect.arrayContaining(wanted));
});

test("two nodes with the same inputs give equal Readys", () => {
  for (let seed = 0; seed < 10; seed++) {
    const choices = [new SeededRandom(seed), new SeededRandom(seed)];
    const clusters = [newCluster(seed), newCluster(seed)];
    const runs = clusters.map((cluster, offset) => {
      const random = choices[offset] ?? new SeededRandom(0);
      const readys: Ready[] = [];
      const send = (message: Message): void => {
        cluster[message.to - 1]?.inbox.push(message);
      };
      for (let turn = 0; turn < 200; turn++) {
        const driven = cluster[random.below(3)];
        if (driven === undefined) throw new Error("three nodes");
        expectRaftError(() => act(driven.node, random, driven.inbox));
        readys.push(driven.node.ready());
        drive(driven, random, send);
      }
      return readys;
    });
    expect(runs[0]).toEqual(runs[1]);
  }
});

const kinds = [
  "pre-vote",
  "pre-vote-response",
  "request-vote",
  "request-vote-response",
  "append-entries",
  "append-entries-response",
  "append-entries-rejection",
  "heartbeat",
  "heartbeat-response",
  "propose",
  "read-index",
  "read-index-response",
  "other",
];

// Small numbers make messages that are almost right; the rest is anything that JSON can hold.
const anyNumber = fc.oneof(
  { weight: 8, arbitrary: fc.nat(4) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 0.5, Number.NaN, 2 ** 53 - 1, 2 ** 53, Infinity) },
  { weight: 1, arbitrary: fc.jsonValue() },
);
const anyEntryId = fc.oneof(
  { weight: 8, arbitrary: fc.record({ term: fc.nat(3), index: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.jsonValue() },
);
const anyEntry = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.nat(3), fc.nat(5))
      .map(([term, index]) => newEntry({ term, index }, "command", new Uint8Array(1))),
  },
  { weight: 1, arbitrary: fc.jsonValue() },
);

const anyMessage = fc.record(
  {
    kind: fc.constantFrom(...kinds),
    from: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(2, 3) }, anyNumber),
    to: fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, anyNumber),
    term: anyNumber,
    last: anyEntryId,
    granted: fc.oneof(fc.boolean(), fc.jsonValue()),
    prev: anyEntryId,
    entries: fc.oneof(fc.array(anyEntry, { maxLength: 3 }), fc.jsonValue()),
    commitIndex: anyNumber,
    matchIndex: anyNumber,
    prevIndex: anyNumber,
    hint: anyEntryId,
    readRound: anyNumber,
    commands: fc.oneof(fc.array(fc.uint8Array({ maxLength: 3 })), fc.jsonValue()),
    readId: anyNumber,
    index: anyNumber,
  },
  { requiredKeys: ["kind", "from", "to", "term"] },
);

/** Everything that can be seen of a node, but for the number of its next Ready. */
function look(node: RaftNode): unknown {
  const { number: _, ...ready } = node.ready();
  return { status: node.status(), entries: node.entries(1, node.lastIndex), ready };
}

test("step throws nothing but RaftError on any message, and then has changed nothing", () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 12 }), fc.boolean(), (messages, isLeader) => {
      const node = new RaftNode(1, [2, 3], { preVote: false, checkQuorum: false });
      if (isLeader) {
        node.campaign();
        node.advance(node.ready());
        const grant = { kind: "request-vote-response", from: 2, to: 1, term: 1 } as const;
        node.step({ ...grant, granted: true });
        node.advance(node.ready());
      }
      for (const message of messages) {
        const before = look(node);
        const beforeStep = node.status();
        try {
          node.step(message as unknown as Message);
        } catch (error) {
          expect(error).toBeInstanceOf(RaftError);
          expect(look(node)).toEqual(before);
        }
        node.check();
        checkStep(beforeStep, node.status());
        if (node.hasReady) node.advance(node.ready());
      }
    }),
    { numRuns: 500 },
  );
});

test("step throws nothing but RaftError on anything at all", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const node = new RaftNode(1, [2, 3]);
      const before = look(node);
      expect(() => node.step(value as unknown as Message)).toThrow(RaftError);
      expect(look(node)).toEqual(before);
    }),
  );
});
