import type { Mutant } from "./mutant.ts";

const receiver = "packages/runtime/src/snapshot-receiver.ts";
const reception = "packages/runtime/src/snapshot-reception.ts";
const sender = "packages/runtime/src/snapshot-sender.ts";
const keeper = "packages/runtime/src/snapshot-keeper.ts";
const parts = "packages/runtime/src/snapshot-wiring.ts";
const whole = { level: "whole", explored: false } as const;

/** Bugs in how snapshots are taken, sent and received, piece by piece. */
export const streamMutants: readonly Mutant[] = [
  {
    id: "S1-older-offer-taken",
    rows: ["S1"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/runtime/test/snapshot-receiver.test.ts"],
    patches: [
      {
        file: receiver,
        find: "    } else if (snapshot.index <= node.commitIndex) {\n",
        replace: "    } else if (snapshot.index <= none) {\n",
      },
    ],
    why: "A snapshot of what is committed here already is received and taken for one to be restored.",
  },
  {
    id: "S8-pieces-not-in-place",
    rows: ["S8"],
    property: "LIVE",
    ...whole,
    patches: [
      {
        file: reception,
        find: "    if (known < 0 || known > chunk.data.length) return;\n",
        replace: "",
      },
      {
        file: reception,
        find: "known === 0 ? chunk.data : chunk.data.subarray(known);",
        replace: "known === -1 ? new Uint8Array(0) : chunk.data;",
      },
    ],
    why: "Pieces are written in the order in which they come: with holes, and some of them twice.",
  },
  {
    id: "S8-pieces-overlap",
    rows: ["S8"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/runtime/test/snapshot-receiver.test.ts"],
    patches: [
      {
        file: reception,
        find: "known === 0 ? chunk.data : chunk.data.subarray(known);",
        replace: "chunk.data;",
      },
    ],
    why: "Of a piece that repeats what is there, all is written once more.",
  },
  {
    id: "S8-checksum-not-compared",
    rows: ["S8"],
    property: "SMS",
    level: "unit",
    tests: ["packages/runtime/test/snapshot-receiver.test.ts"],
    patches: [
      {
        file: reception,
        find: "    if (writer.checksum !== chunk.checksum) {\n",
        replace: "    if (writer.checksum < 0) {\n",
      },
    ],
    why: "A snapshot that was damaged on its way is taken for good.",
  },
  {
    id: "S8-other-snapshot-gone-on-with",
    rows: ["S8"],
    property: "LIVE",
    ...whole,
    patches: [
      {
        file: receiver,
        find: "if (isSameId(incoming.reception.metadata.id, offer.snapshotId)) {",
        replace:
          "if (isSameId(incoming.reception.metadata.id.slice(16), offer.snapshotId.slice(16))) {",
      },
    ],
    why: "The beginning of one snapshot is gone on with by the rest of another.",
  },
  {
    id: "S8-refused-stream-is-answered",
    rows: ["S8"],
    property: "CRASH",
    level: "unit",
    tests: ["packages/runtime/test/snapshot-receiver.test.ts"],
    patches: [
      {
        file: receiver,
        find: "    if (streamId === none) return;\n",
        replace: "",
      },
    ],
    why: "A write that ends after its stream was refused is told to nobody, and that stops the node.",
  },
  {
    id: "S5-second-snapshot-while-restoring",
    rows: ["S5"],
    property: "CRASH",
    level: "unit",
    tests: ["packages/runtime/test/snapshot-transfer.test.ts"],
    patches: [
      {
        file: receiver,
        find: "    } else if (this.#installing !== undefined) {\n",
        replace: "    } else if (this.#installing !== undefined && this.#isStopped) {\n",
      },
    ],
    why: "A snapshot is received while the one before it is still being restored.",
  },
  {
    id: "S8-failure-not-reported",
    rows: ["S8"],
    property: "LIVE",
    ...whole,
    patches: [
      {
        file: sender,
        find: "        this.#report(peer, term, false);\n",
        replace: "",
      },
    ],
    why: "The core is not told of a snapshot that was given up, and waits for its end.",
  },
  {
    id: "S8-log-cut-under-a-stream",
    rows: ["S8"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/runtime/test/snapshot-transfer.test.ts"],
    patches: [
      {
        file: sender,
        find: "    for (const { index } of this.#streams.values()) needed = Math.min(needed, index);\n",
        replace: "",
      },
    ],
    why: "The log after a snapshot is forgotten while that is sent, and the follower needs another.",
  },
  {
    id: "S9-pinned-amid-applies",
    rows: ["S9"],
    property: "SMS",
    level: "unit",
    tests: ["packages/runtime/test/snapshot-transfer.test.ts"],
    patches: [
      {
        file: sender,
        find:
          "      this.#host.interrupt({\n" +
          "        run: () => this.#pin().then(resolve, reject),\n" +
          '        onStopped: () => reject(new RaftError("closed", "the replica was closed")),\n' +
          "      });\n",
        replace: "      this.#pin().then(resolve, reject);\n",
      },
    ],
    why: "A state is pinned for a follower while a command is being applied to it.",
  },
  {
    id: "S9-captured-amid-applies",
    rows: ["S9"],
    property: "SMS",
    level: "unit",
    tests: ["packages/runtime/test/snapshot-keeper.test.ts"],
    patches: [
      {
        file: keeper,
        find: "    this.#host.interrupt({ run: () => this.#onTurn(), onStopped: () => this.#onNoTurn() });\n",
        replace: "    this.#onTurn();\n",
      },
    ],
    why: "A snapshot is taken while commands are being applied.",
  },
  {
    id: "D11-state-not-durable-yet",
    rows: ["D11"],
    property: "DUR",
    ...whole,
    patches: [
      {
        file: keeper,
        find: "    if (metadata.external) await this.#untilDurable(metadata.snapshot.index);\n",
        replace: "    if (this.#isStopped) await this.#untilDurable(metadata.snapshot.index);\n",
      },
    ],
    why: "The log is forgotten for a state that the state machine has not made durable.",
  },
  {
    id: "S8-damaged-snapshot-sent-again",
    rows: ["S8"],
    property: "LIVE",
    level: "unit",
    tests: ["packages/runtime/test/replica-snapshots.test.ts"],
    patches: [
      {
        file: parts,
        find: '      if (failure.code === "corrupt") parts.keeper.need();\n',
        replace: "",
      },
    ],
    why: "A leader whose snapshot is damaged takes no other, and tries to send it for ever.",
  },
];
