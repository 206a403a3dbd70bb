import { expect, test } from "vitest";
import { type Message, RaftNode } from "@quorate/core";
import { Violation } from "../judge.ts";
import type { Bound } from "./bound.ts";
import { Counterexample } from "./counterexample.ts";
import { explore, type ExploreOptions, modelOptions } from "./explore.ts";
import type { CreateNode, ModelNode } from "./model-node.ts";
import { exploreStandard, standardExplorations } from "./standard.ts";

const small: Bound = {
  nodes: 3,
  terms: 1,
  entries: 1,
  crashes: 1,
  duplicates: 0,
  heartbeats: 0,
};
const anything = { duplicates: Infinity, heartbeats: Infinity } as const;

function find(bound: Bound, options: ExploreOptions): Counterexample {
  try {
    explore(bound, options);
  } catch (error) {
    if (error instanceof Counterexample) return error;
    throw error;
  }
  throw new Error("nothing was found");
}

test("every standard exploration is complete, and finds nothing", () => {
  const reports = exploreStandard();
  expect(reports.map(({ complete, bound }) => [complete, bound])).toEqual(
    standardExplorations.map(({ bound }) => [true, bound]),
  );
  // The same states each time, and on every platform. A change of the core changes them.
  expect(reports.map(({ states }) => states)).toEqual([29_903, 31_532, 36_198, 929_269]);
});

test("explore covers less when the states run out, and says so", () => {
  const report = explore(small, { statesMax: 1000 });
  expect(report.complete).toBe(false);
  expect(report.states).toBe(1000);
  expect(report.waiting).toBeGreaterThan(0);
  expect(report.depth).toBeGreaterThan(3);
});

test("explore reports on its way", () => {
  const seen: number[] = [];
  const bound = { ...small, duplicates: 1 };
  const { states } = explore(bound, { onProgress: (progress) => seen.push(progress.states) });
  expect(seen.length).toBe(Math.floor(states / 65_536));
  expect(seen.length).toBeGreaterThan(0);
});

test("every budget adds schedules", () => {
  const bound: Bound = { ...small, nodes: 2, entries: 0, crashes: 0 };
  const { states } = explore(bound);
  const more: readonly Partial<Bound>[] = [
    { nodes: 3 },
    { terms: 2 },
    { entries: 1 },
    { crashes: 1 },
    { duplicates: 1 },
    { heartbeats: 1 },
  ];
  for (const part of more) expect(explore({ ...bound, ...part }).states).toBeGreaterThan(states);
  const once = explore({ ...bound, crashes: 1 });
  expect(explore({ ...bound, crashes: Infinity }).complete).toBe(true);
  expect(explore({ ...bound, crashes: 1 }, { gatherMax: 2 }).states).toBeGreaterThan(once.states);
  expect(explore({ ...bound, crashes: 1 }, { writesMax: 0 }).states).toBeLessThan(once.states);
});

test("what any number of duplicates covers holds all that one of them does", () => {
  const bound: Bound = { ...small, nodes: 2, ...anything };
  const flaw = "sends-early";
  expect(find(bound, { flaw }).steps.length).toBeLessThanOrEqual(
    find({ ...bound, duplicates: 1, heartbeats: 1 }, { flaw }).steps.length,
  );
});

test.each([
  [{ nodes: 0 }, "nodes"],
  [{ nodes: 5 }, "nodes"],
  [{ terms: 0 }, "terms"],
  [{ entries: -1 }, "entries"],
  [{ crashes: 1.5 }, "crashes"],
  [{ duplicates: 255 }, "duplicates"],
  [{ heartbeats: Number.NaN }, "heartbeats"],
  [{ heartbeats: Infinity }, "any number of heartbeats"],
])("explore refuses the bound %j", (part, message) => {
  expect(() => explore({ ...small, ...part })).toThrow(message);
});

test("a host that forgets a vote in a crash is found by the shortest schedule", () => {
  const { violation, steps, message } = find(small, { flaw: "forgets-vote" });
  expect(violation.invariant).toBe("I7");
  expect(steps).toEqual(["campaign n1", "persist n1", "crash n1", "start n1"]);
  expect(message).toBe(
    "I7: node 1 starts with vote 0 after it voted for 1 in term 1\n" +
      "within 3 nodes, 1 term, 1 entry, 1 crash, 0 duplicates, 0 heartbeats, by\n" +
      "  campaign n1\n  persist n1\n  crash n1\n  start n1",
  );
});

test("a host that lets promises out early is found", () => {
  const { violation, steps } = find(small, { flaw: "sends-early" });
  expect(violation.invariant).toBe("I6");
  expect(steps).toEqual(["campaign n1", "crash n1 keep=0/1", "start n1"]);
});

test("a disk that keeps nothing is found", () => {
  expect(find(small, { flaw: "lying-disk" }).violation.invariant).toBe("I6");
  const noCrash = find({ ...small, crashes: 0 }, { flaw: "lying-disk" });
  expect(noCrash.violation.invariant).toBe("I10");
});

test("a host that acknowledges what is not committed is found", () => {
  const bound = { ...small, terms: 2, crashes: 0 };
  const { violation, steps } = find(bound, { flaw: "acknowledges-early", writesMax: 0 });
  expect(violation.invariant).toBe("I12");
  expect(steps.filter((step) => step.startsWith("campaign"))).toHaveLength(2);
});

/** Makes nodes that are told something else than what was sent to them, or show something else. */
function meddling(meddle: {
  hear?: (message: Message, raft: RaftNode) => Message;
  show?: (raft: RaftNode, node: ModelNode) => Partial<ModelNode>;
}): CreateNode {
  const wrap = (raft: RaftNode): ModelNode => {
    const node: ModelNode = {
      get id() {
        return raft.id;
      },
      get term() {
        return raft.term;
      },
      get role() {
        return raft.role;
      },
      get lastIndex() {
        return raft.lastIndex;
      },
      get hasReady() {
        return raft.hasReady;
      },
      step: (message) => raft.step(meddle.hear?.(message, raft) ?? message),
      propose: (data) => raft.propose(data),
      tick: () => raft.tick(),
      campaign: () => raft.campaign(),
      ready: () => raft.ready(),
      accept: (ready) => raft.accept(ready),
      persisted: (number) => raft.persisted(number),
      applied: (index) => raft.applied(index),
      status: () => raft.status(),
      entries: (from, to) => raft.entries(from, to),
      check: () => raft.check(),
      fingerprint: (options) => raft.fingerprint(options),
      copy: () => wrap(raft.copy()),
    };
    const shown = meddle.show?.(raft, node) ?? {};
    return Object.defineProperties(node, Object.getOwnPropertyDescriptors(shown));
  };
  return (id, voters, storage) => wrap(new RaftNode(id, voters, { ...modelOptions, storage }));
}

const noCrash: Bound = { ...small, crashes: 0 };

test("I1: nodes that take a refused vote for a granted one", () => {
  const createNode = meddling({
    hear: (message) =>
      message.kind === "request-vote-response" ? { ...message, granted: true } : message,
  });
  const { violation, steps } = find(noCrash, { createNode });
  expect(violation.invariant).toBe("I1");
  expect(steps.at(-1)).toContain("request-vote-response");
});

test("I2: leaders that drop their newest entry when a follower acknowledges", () => {
  const createNode = meddling({
    show: (raft) => ({
      get lastIndex() {
        const { role, commitIndex, lastIndex } = raft;
        return role === "leader" && commitIndex > 0 ? lastIndex - 1 : lastIndex;
      },
    }),
  });
  expect(find(noCrash, { createNode }).violation.invariant).toBe("I2");
});

test("I3: followers that take a command for an empty entry", () => {
  const createNode = meddling({
    hear: (message) => {
      if (message.kind !== "append-entries") return message;
      const entries = message.entries.map((entry) => ({ ...entry, data: new Uint8Array(0) }));
      return { ...message, entries };
    },
  });
  const { violation, steps } = find(noCrash, { createNode });
  expect(violation.invariant).toBe("I3");
  expect(steps).toContain("propose n1");
});

test("I4: voters that do not compare logs", () => {
  const createNode = meddling({
    hear: (message) =>
      message.kind === "request-vote" && message.term > 1
        ? { ...message, last: { term: 1, index: 9 } }
        : message,
  });
  const { violation } = find({ ...noCrash, terms: 2, entries: 0 }, { createNode, writesMax: 0 });
  expect(violation.invariant).toBe("I4");
});

test("I5: nodes that apply something else than what was committed", () => {
  const createNode = meddling({
    show: (raft) => ({
      ready: () => {
        const ready = raft.ready();
        const committed = ready.committed.map((entry) => ({ ...entry, term: entry.term + 1 }));
        return { ...ready, committed };
      },
      accept: () => raft.accept(raft.ready()),
    }),
  });
  const { violation } = find(noCrash, { createNode, writesMax: 0 });
  expect(violation.message).toBe("I5: node 1 takes 2/1 for committed, where 1/1 is");
});

test("I10: followers that take all they have for committed", () => {
  const createNode = meddling({
    hear: (message) =>
      message.kind === "append-entries" ? { ...message, commitIndex: 9 } : message,
  });
  expect(find(noCrash, { createNode }).violation.invariant).toBe("I10");
});

test("I6: nodes that show an older term than before", () => {
  const createNode = meddling({
    show: (raft) => ({ status: () => ({ ...raft.status(), term: Math.max(0, 1 - raft.term) }) }),
  });
  expect(find(noCrash, { createNode }).violation.invariant).toBe("I6");
});

test("I8: nodes that show an older commit index than before", () => {
  const createNode = meddling({
    show: (raft) => ({
      status: () => {
        const status = raft.status();
        return { ...status, commitIndex: status.commitIndex % 2, appliedIndex: 0 };
      },
    }),
  });
  expect(find(noCrash, { createNode }).violation.invariant).toBe("I8");
});

test("a node that throws where it must not breaks the contract", () => {
  const createNode = meddling({
    show: () => ({
      tick: () => {
        throw new Error("no time");
      },
    }),
  });
  const { violation } = find({ ...noCrash, heartbeats: 1 }, { createNode });
  expect(violation).toBeInstanceOf(Violation);
  expect(violation.message).toBe("contract: node 1: Error: no time");
});

test("a correct message that is refused breaks the contract", () => {
  const createNode = meddling({
    hear: (message) => (message.kind === "append-entries" ? { ...message, to: 9 } : message),
  });
  expect(find(noCrash, { createNode }).violation.message).toMatch(
    /^contract: node \d refuses a correct message/,
  );
});
