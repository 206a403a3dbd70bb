import { readFile } from "node:fs/promises";
import { RaftError, type ReplicaEvent } from "quorate";
import { expect, test } from "vitest";
import { createLog } from "./log.ts";
import { replicaLogger } from "./replica-log.ts";

const error = new RaftError("busy", "busy");
const confState = {
  voters: [1, 2],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};
const events: readonly ReplicaEvent[] = [
  { kind: "leader-changed", term: 2, leader: 1 },
  { kind: "leader-changed", term: 2, leader: 0 },
  { kind: "role-changed", term: 2, role: "candidate" },
  { kind: "role-changed", term: 2, role: "follower", reason: "no-quorum" },
  { kind: "role-changed", term: 2, role: "leader" },
  { kind: "peer-connected", peer: 2 },
  { kind: "peer-disconnected", peer: 2, reason: "reset" },
  { kind: "message-refused", peer: 2, error },
  { kind: "members-changed", index: 7, confState },
  { kind: "snapshot-taken", index: 7, bytes: 9, ms: 1 },
  { kind: "snapshot-failed", error },
  { kind: "snapshot-sent", peer: 2, index: 7, ms: 1 },
  { kind: "snapshot-given-up", peer: 2, error },
  { kind: "snapshot-received", peer: 2, index: 7, bytes: 9, ms: 1 },
  { kind: "snapshot-restored", index: 7, ms: 1 },
  { kind: "disk-full" },
  { kind: "disk-recovered" },
  { kind: "diverged", index: 7, term: 2, digests: [{ id: 1, digest: "00" }], wrong: [1] },
  { kind: "removed", by: 2 },
  { kind: "failed", error },
];

test("the guide tells message, level and fields of what is logged of every event", async () => {
  const guide = await readFile(
    new URL("../../../../docs/guides/operate.md", import.meta.url),
    "utf8",
  );
  const listed = [
    ...guide.matchAll(/^\| `([^`]+)` \| ([a-z, ]+) \| ([^|]*)\| `([a-z-]+)` \|$/gm),
  ].map(([, message = "", levels = "", fields = "", kind]) => ({
    kind,
    message: message.replace("N", "1").replace("…", "leader"),
    levels: levels.split(/, then | or /),
    fields: [...fields.matchAll(/`(\w+)`/g)].map(([, field]) => field),
  }));
  expect(listed).toHaveLength(events.length);
  for (const event of events) {
    const lines: string[] = [];
    const log = createLog(
      7,
      { format: "json", level: "debug" },
      { write: (line) => lines.push(line) },
    );
    replicaLogger(log)(event);
    const [line = "{}"] = lines;
    const told = JSON.parse(line) as Record<string, unknown>;
    const { level: at, message, time, node, event: kind, ...fields } = told;
    expect([kind, node, typeof time]).toEqual([event.kind, 7, "string"]);
    const entry = listed.find((each) => each.kind === kind && each.message === message);
    expect(entry, `${event.kind}: ${line}`).toBeDefined();
    expect(entry?.levels).toContain(at);
    expect(entry?.fields).toEqual(Object.keys(fields));
  }
});
