import { expect, test } from "vitest";
import { confStateOf } from "./conf-state.ts";
import type { ErrorCode } from "./errors.ts";
import { newEntry } from "./entry.ts";
import { termMax } from "./ids.ts";
import type { Message, MessageKind } from "./message.ts";
import { RaftNode } from "./raft-node.ts";

const unsafe = [-1, 0.5, Number.NaN, Infinity, 2 ** 53, "1", 1n, null, undefined, {}, [], true];

const envelope = { from: 2, to: 1, term: 3 };
const entry = newEntry({ term: 3, index: 4 }, "command", new Uint8Array(1));
const noOp = newEntry({ term: 3, index: 4 }, "no-op");

/** A message of each kind that a node 1 of term 3 with three entries takes. */
const good: { [Kind in MessageKind]: Extract<Message, { kind: Kind }> } = {
  "pre-vote": { kind: "pre-vote", ...envelope, last: { term: 2, index: 3 } },
  "pre-vote-response": { kind: "pre-vote-response", ...envelope, granted: true },
  "request-vote": { kind: "request-vote", ...envelope, last: { term: 2, index: 3 } },
  "request-vote-response": { kind: "request-vote-response", ...envelope, granted: true },
  "append-entries": {
    kind: "append-entries",
    ...envelope,
    prev: { term: 2, index: 3 },
    entries: [entry],
    commitIndex: 3,
  },
  "append-entries-response": { kind: "append-entries-response", ...envelope, matchIndex: 3 },
  "append-entries-rejection": {
    kind: "append-entries-rejection",
    ...envelope,
    prevIndex: 3,
    hint: { term: 2, index: 2 },
  },
  "install-snapshot": {
    kind: "install-snapshot",
    ...envelope,
    snapshot: { term: 2, index: 3, confState: confStateOf([1, 2, 3]) },
  },
  "timeout-now": { kind: "timeout-now", ...envelope },
  heartbeat: { kind: "heartbeat", ...envelope, commitIndex: 3, readRound: 0 },
  "heartbeat-response": { kind: "heartbeat-response", ...envelope, readRound: 0 },
  propose: { kind: "propose", ...envelope, term: 0, commands: [new Uint8Array(1)] },
  "read-index": { kind: "read-index", ...envelope, term: 0, readId: 5 },
  "read-index-response": { kind: "read-index-response", ...envelope, readId: 5, index: 3 },
};

function stored(term: number): RaftNode {
  const entries = [1, 2, 3].map((index) => newEntry({ term: 2, index }, "no-op"));
  const hardState = { term, vote: 0, commitIndex: 2 };
  const base = { term: 0, index: 0 };
  return new RaftNode(1, [2, 3], {
    preVote: false,
    storage: { hardState, base, entries },
    uncommittedBytesMax: 100,
  });
}

/** Nodes in every role, of term 3, to which a message may come. */
const roles: Record<string, () => RaftNode> = {
  "a follower of nobody": () => stored(3),
  "a follower of node 3": () => {
    const node = stored(3);
    node.step({ ...good.heartbeat, from: 3 });
    return node;
  },
  "a candidate": () => {
    const node = stored(2);
    node.campaign();
    return node;
  },
  "a leader": () => {
    const node = stored(2);
    node.campaign();
    node.advance(node.ready());
    node.step(good["request-vote-response"]);
    return node;
  },
};

/** Everything that can be seen of a node. */
function look(node: RaftNode): unknown {
  return { status: node.status(), entries: node.entries(1, node.lastIndex), ready: node.ready() };
}

function expectRefused(node: RaftNode, message: unknown, code: ErrorCode): void {
  const before = look(node);
  const ready = node.ready();
  expect(() => node.step(message as Message)).toThrow(expect.objectContaining({ code }));
  expect(look(node)).toEqual(before);
  expect(node.ready()).toBe(ready);
  node.check();
}

for (const [kind, message] of Object.entries(good)) {
  // A node that does not lead has no place for commands, as it says.
  if (kind === "propose") continue;
  test(`step takes ${kind}`, () => {
    const node = stored(3);
    expect(() => node.step(message)).not.toThrow();
    node.check();
  });
}

test("step takes propose on a leader", () => {
  expect(() => roles["a leader"]?.().step(good.propose)).not.toThrow();
});

/** What is wrong in a field of some kind of message, and what is right. */
const wrongs: readonly [string, MessageKind, object][] = [
  ["last is missing", "request-vote", { last: undefined }],
  ["last is null", "pre-vote", { last: null }],
  ["last has an index without a term", "request-vote", { last: { term: 0, index: 3 } }],
  ["last has a term without an index", "pre-vote", { last: { term: 2, index: 0 } }],
  ["last is of the campaign's term", "request-vote", { last: { term: 3, index: 3 } }],
  ["last is newer than the campaign", "pre-vote", { last: { term: 4, index: 3 } }],
  ["granted is a number", "request-vote-response", { granted: 1 }],
  ["granted is missing", "pre-vote-response", { granted: undefined }],
  ["prev is missing", "append-entries", { prev: undefined }],
  ["prev has a term without an index", "append-entries", { prev: { term: 2, index: 0 } }],
  ["prev is newer than the message", "append-entries", { prev: { term: 4, index: 3 } }],
  ["entries is missing", "append-entries", { entries: undefined }],
  ["entries is an object", "append-entries", { entries: { length: 0 } }],
  ["an entry is null", "append-entries", { entries: [null] }],
  ["an entry leaves a hole", "append-entries", { entries: [{ ...entry, index: 5 }] }],
  ["an entry repeats prev", "append-entries", { entries: [{ ...entry, index: 3 }] }],
  ["an entry has no term", "append-entries", { entries: [{ ...entry, term: 0 }] }],
  ["an entry is older than prev", "append-entries", { entries: [{ ...entry, term: 1 }] }],
  ["an entry is newer than the message", "append-entries", { entries: [{ ...entry, term: 4 }] }],
  [
    "terms decrease along entries",
    "append-entries",
    {
      prev: { term: 1, index: 3 },
      entries: [
        { ...entry, term: 3 },
        { ...entry, index: 5, term: 2 },
      ],
    },
  ],
  [
    "the second entry leaves a hole",
    "append-entries",
    { entries: [entry, { ...entry, index: 6 }] },
  ],
  ["an entry has no data", "append-entries", { entries: [{ ...entry, data: undefined }] }],
  ["data is an array", "append-entries", { entries: [{ ...entry, data: [1] }] }],
  ["an entry has no kind", "append-entries", { entries: [{ ...entry, kind: undefined }] }],
  ["an entry has an unknown kind", "append-entries", { entries: [{ ...entry, kind: "x" }] }],
  ["a no-op carries data", "append-entries", { entries: [{ ...noOp, data: new Uint8Array(1) }] }],
  [
    "an index is too large to follow",
    "append-entries",
    {
      prev: { term: 2, index: Number.MAX_SAFE_INTEGER },
      entries: [{ ...entry, index: 2 ** 53 }],
    },
  ],
  ["hint is missing", "append-entries-rejection", { hint: undefined }],
  [
    "hint lies behind what is rejected",
    "append-entries-rejection",
    { hint: { term: 2, index: 4 } },
  ],
  ["commands is missing", "propose", { commands: undefined }],
  ["commands is empty", "propose", { commands: [] }],
  ["a command is text", "propose", { commands: [new Uint8Array(1), "x"] }],
  ["commands has a hole", "propose", { commands: Array.from({ length: 1 }) }],
  ["propose has a term", "propose", { term: 3 }],
  ["read-index has a term", "read-index", { term: 3 }],
  ["readId is none", "read-index", { readId: 0 }],
  ["readId of an answer is none", "read-index-response", { readId: 0 }],
  ["an answered read has no term", "read-index-response", { term: 0 }],
];

/** The numbers of each kind besides those of the envelope. */
const numbers: Partial<Record<MessageKind, readonly string[]>> = {
  "append-entries": ["commitIndex"],
  "append-entries-response": ["matchIndex"],
  "append-entries-rejection": ["prevIndex"],
  heartbeat: ["commitIndex", "readRound"],
  "heartbeat-response": ["readRound"],
  "read-index": ["readId"],
  "read-index-response": ["readId", "index"],
};

for (const [role, newNode] of Object.entries(roles)) {
  test.each(wrongs)(`${role} refuses a message of which %s`, (_, kind, change) => {
    expectRefused(newNode(), { ...good[kind], ...change }, "invalid_message");
  });

  for (const message of Object.values(good)) {
    const { kind } = message;
    test(`${role} refuses ${kind} with numbers that are none`, () => {
      const node = newNode();
      for (const name of ["from", "to", "term", ...(numbers[kind] ?? [])]) {
        for (const value of unsafe) {
          expectRefused(node, { ...message, [name]: value }, "invalid_message");
        }
      }
    });

    test(`${role} refuses ${kind} from itself, nobody, or to another`, () => {
      const node = newNode();
      expectRefused(node, { ...message, from: 1 }, "stranger");
      expectRefused(node, { ...message, from: 0 }, "stranger");
      expectRefused(node, { ...message, to: 2 }, "wrong_recipient");
      expectRefused(node, { ...message, to: 0 }, "wrong_recipient");
    });

    if (kind === "propose" || kind === "read-index") continue;
    test(`${role} refuses ${kind} of a term out of range`, () => {
      const node = newNode();
      expectRefused(node, { ...message, term: 0 }, "invalid_message");
      expectRefused(node, { ...message, term: termMax + 1 }, "invalid_message");
    });
  }

  test(`${role} refuses an id whose numbers are none`, () => {
    const node = newNode();
    for (const value of unsafe) {
      const term = { term: value, index: 3 };
      const index = { term: 2, index: value };
      for (const id of [term, index]) {
        expectRefused(node, { ...good["request-vote"], last: id }, "invalid_message");
        expectRefused(node, { ...good["append-entries"], prev: id }, "invalid_message");
        expectRefused(node, { ...good["append-entries-rejection"], hint: id }, "invalid_message");
        const entries = [{ ...entry, ...id }];
        expectRefused(node, { ...good["append-entries"], entries }, "invalid_message");
      }
    }
  });

  test(`${role} refuses what is not a message`, () => {
    const node = newNode();
    for (const value of [null, undefined, 1, "heartbeat", true, [], {}, () => 1]) {
      expectRefused(node, value, "invalid_message");
    }
  });

  test(`${role} refuses a kind that it does not know`, () => {
    const node = newNode();
    for (const kind of ["install-snapshots", "", undefined, null, 7, "__proto__", "toString"]) {
      expectRefused(node, { ...good.heartbeat, kind }, "unknown_message");
    }
  });

  test(`${role} refuses a leader that counts on a log which was lost`, () => {
    const lost = { ...good.heartbeat, from: 3, commitIndex: 9 };
    // A second leader of a leader's own term is the worse news.
    const code = role === "a leader" ? "invalid_message" : "log_lost";
    expectRefused(newNode(), lost, code);
    expectRefused(newNode(), { ...lost, term: 4 }, "log_lost");
  });
}

test.each<[string, Message]>([
  ["another leader's append", good["append-entries"]],
  ["another leader's heartbeat", good.heartbeat],
])("a follower and a leader refuse %s in their term", (_, message) => {
  for (const role of ["a follower of node 3", "a leader"]) {
    const node = roles[role]?.();
    if (node === undefined) throw new Error(role);
    expectRefused(node, message, "invalid_message");
  }
});

test("a leader refuses an acknowledgement of entries that it never sent", () => {
  const node = roles["a leader"]?.();
  if (node === undefined) throw new Error("a leader");
  const ack = good["append-entries-response"];
  expectRefused(node, { ...ack, matchIndex: node.lastIndex + 1 }, "invalid_message");
  expect(() => node.step({ ...ack, matchIndex: node.lastIndex })).not.toThrow();
});

test("a leader refuses the confirmation of a round that no Ready has offered", () => {
  const node = stored(2);
  node.campaign();
  node.advance(node.ready());
  node.step({ ...good["request-vote-response"], from: 2 });
  node.advance(node.ready());
  node.step({ ...good["append-entries-response"], matchIndex: node.lastIndex });
  node.advance(node.ready());
  const confirmation: Message = { ...good["heartbeat-response"], readRound: 1 };
  node.step({ ...good["read-index"], readId: 1 });
  const refusal: unknown = expect.objectContaining({ code: "invalid_message" });
  expect(() => node.step(confirmation)).toThrow(refusal);
  node.step({ ...good["read-index"], readId: 2 });
  node.ready();
  node.step(confirmation);
  const answers = node.ready().messages.filter(({ kind }) => kind === "read-index-response");
  expect(answers).toMatchObject([{ readId: 1 }, { readId: 2 }]);
});

test("commands that cannot be taken are refused and change nothing", () => {
  for (const role of ["a follower of nobody", "a follower of node 3", "a candidate"]) {
    const node = roles[role]?.();
    const before = node?.status();
    expect(() => node?.step(good.propose)).toThrow(expect.objectContaining({ code: "not_leader" }));
    expect(node?.status()).toEqual(before);
  }
  const leader = roles["a leader"]?.();
  const before = leader?.status();
  const commands = [new Uint8Array(1), new Uint8Array(100)];
  expect(() => leader?.step({ ...good.propose, commands })).toThrow(
    expect.objectContaining({ code: "busy" }),
  );
  expect(leader?.status()).toEqual(before);
});

test("late messages of an older term are no news, and no error", () => {
  for (const [role, newNode] of Object.entries(roles)) {
    const node = newNode();
    const before = node.status();
    const heartbeat = { ...good.heartbeat, term: 1, commitIndex: 99 };
    expect(() => node.step(heartbeat), role).not.toThrow();
    expect(node.status()).toEqual(before);
  }
});
