import { expect, test } from "vitest";
import {
  type MemberChange,
  type Message,
  newConfChange,
  RaftError,
  RaftNode,
  type Ready,
  SeededRandom,
} from "../src/index.ts";

/** A node under random calls, with the messages to choose from and the Readys under way. */
interface Driven {
  node: RaftNode;
  readonly inbox: Message[];
  writing: Ready[];
}

const limits = { inflightCountMax: 2, messageBytesMax: 64, applyBytesMax: 64 };

function newGroup(seed: number): Driven[] {
  return [1, 2, 3].map((id) => {
    return { node: new RaftNode(id, [1, 2, 3], { seed, ...limits }), inbox: [], writing: [] };
  });
}

/** One random call, the same for the same choices; returns what was seen of it and what was sent. */
function act(driven: Driven, choice: SeededRandom): { seen: unknown; sent: readonly Message[] } {
  const sent: Message[] = [];
  let seen: unknown;
  try {
    seen = call(driven, choice, sent);
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    seen = error.message;
  }
  return { seen, sent };
}

function call(driven: Driven, choice: SeededRandom, sent: Message[]): unknown {
  const { node, inbox, writing } = driven;
  switch (choice.below(11)) {
    case 0:
      return node.tick();
    case 1:
      return choice.below(4) === 0 ? node.campaign() : node.tick();
    case 2:
      return node.readIndex();
    case 3:
      return choice.below(4) === 0 ? node.reportUnreachable(2) : node.ready();
    case 4:
      return node.propose(new Uint8Array(choice.below(40)));
    case 5: {
      const ready = node.ready();
      node.accept(ready);
      sent.push(...ready.messages);
      writing.push(ready);
      return ready;
    }
    case 6: {
      const ready = writing.shift();
      if (ready === undefined) return undefined;
      node.persisted(ready.number);
      sent.push(...ready.messagesAfterPersist);
      const last = ready.committed.at(-1) ?? ready.snapshot;
      if (last !== undefined) node.applied(last.index);
      return ready.number;
    }
    case 7:
      return callSeldom(node, choice);
    default: {
      const message = inbox[choice.below(inbox.length + 1)];
      return message && node.step(message);
    }
  }
}

const changes: readonly MemberChange["kind"][] = ["add-voter", "add-learner", "remove"];

/** What happens now and then. */
function callSeldom(node: RaftNode, choice: SeededRandom): unknown {
  const id = 1 + choice.below(3);
  switch (choice.below(8)) {
    case 0:
    case 1: {
      const changed = Array.from({ length: choice.below(3) }, (_, offset) => {
        return { kind: changes[choice.below(3)] ?? "remove", id: 1 + ((id + offset) % 3) };
      });
      return node.proposeChange(
        newConfChange(changed, choice.below(2) === 0 ? "auto" : "explicit"),
      );
    }
    case 2:
    case 3: {
      const snapshot = node.snapshotPoint();
      node.compact(snapshot, Math.max(0, snapshot.index - choice.below(3)));
      return snapshot;
    }
    case 4:
      return node.transferLeadership(id);
    case 5:
      return node.reportSnapshot(id, choice.below(2) === 0);
    case 6:
      return choice.below(4) === 0 ? node.stepDown() : node.snapshot;
    default:
      return node.forgetLeader();
  }
}

/** All that can be seen of a node without asking for a Ready, which closes a round of reads. */
function look(node: RaftNode): unknown {
  node.check();
  const entries = node.entries(node.status().firstIndex, node.lastIndex);
  return { status: node.status(), entries, print: node.fingerprint() };
}

function copyOf({ node, inbox, writing }: Driven): Driven {
  return { node: node.copy(), inbox: [...inbox], writing: [...writing] };
}

test("copy gives a node that answers every call alike, and calls on it never show on the original", () => {
  const roles = new Set<string>();
  for (let seed = 0; seed < 12; seed++) {
    const random = new SeededRandom(seed);
    const group = newGroup(seed);
    for (let turn = 0; turn < 250; turn++) {
      const driven = group[random.below(3)] ?? group[0];
      if (driven === undefined) throw new Error("three nodes");
      roles.add(driven.node.role);

      const before = look(driven.node);
      const copy = copyOf(driven);
      expect(look(copy.node)).toEqual(before);

      // The copy lives on for a while; the original neither notices nor differs when its turn comes.
      const future = random.uint32();
      const steps = 1 + random.below(12);
      const ahead = new SeededRandom(future);
      const foreseen = Array.from({ length: steps }, () => {
        return [act(copy, ahead), look(copy.node)];
      });
      expect(look(driven.node)).toEqual(before);
      const real = new SeededRandom(future);
      for (const expected of foreseen) {
        const { seen, sent } = act(driven, real);
        expect([{ seen, sent }, look(driven.node)]).toEqual(expected);
        for (const message of sent) group[message.to - 1]?.inbox.push(message);
      }
      expect(driven.node.ready()).toEqual(copy.node.ready());
    }
  }
  expect([...roles].sort()).toEqual(["candidate", "follower", "leader", "pre-candidate"]);
});

test("copy lets both nodes accept the Ready that was handed out before", () => {
  const node = new RaftNode(1, [2, 3], { preVote: false });
  node.campaign();
  const ready = node.ready();
  const copy = node.copy();
  copy.advance(ready);
  expect(node.hasReady).toBe(true);
  node.advance(ready);
  expect(copy.fingerprint()).toBe(node.fingerprint());
});

test("fingerprint does not count Readys, so that equal futures have equal fingerprints", () => {
  const [a, b] = [1, 1].map((id) => new RaftNode(id, [2, 3], { seed: 7 }));
  if (a === undefined || b === undefined) throw new Error("two nodes");
  a.tick();
  b.tick();
  for (let round = 0; round < 3; round++) {
    a.advance(a.ready());
    a.campaign();
    b.campaign();
    a.ready();
    a.reportUnreachable(2);
  }
  b.reportUnreachable(2);
  a.advance(a.ready());
  b.advance(b.ready());
  expect(a.ready().number).not.toBe(b.ready().number);
  a.advance(a.ready());
  b.advance(b.ready());
  expect(a.fingerprint()).toBe(b.fingerprint());
});
