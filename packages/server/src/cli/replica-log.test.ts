import { readFile } from "node:fs/promises";
import pino from "pino";
import { RaftError, type ReplicaEvent } from "quorate";
import { expect, test } from "vitest";
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
  { kind: "snapshot-taken", index: 7, bytes: 9 },
  { kind: "snapshot-failed", error },
  { kind: "snapshot-sent", peer: 2, index: 7 },
  { kind: "snapshot-given-up", peer: 2, error },
  { kind: "snapshot-received", peer: 2, index: 7, bytes: 9 },
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
  ].map(([, msg = "", levels = "", fields = "", kind]) => ({
    kind,
    msg: msg.replace("N", "1").replace("…", "leader"),
    levels: levels.split(/, then | or /),
    fields: [...fields.matchAll(/`(\w+)`/g)].map(([, field]) => field),
  }));
  expect(listed).toHaveLength(events.length);
  for (const event of events) {
    const lines: string[] = [];
    const options = { base: {}, level: "trace", timestamp: false, formatters: { level } };
    replicaLogger(pino(options, { write: (line: string) => lines.push(line) }))(event);
    const [line = "{}"] = lines;
    const { level: at, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const entry = listed.find((each) => each.kind === event.kind && each.msg === msg);
    expect(entry, `${event.kind}: ${line}`).toBeDefined();
    expect(entry?.levels).toContain(at);
    expect(entry?.fields).toEqual(Object.keys(fields));
  }
});

function level(label: string): { readonly level: string } {
  return { level: label };
}
