import { expect, test } from "vitest";
import { JsonTrace } from "./json-trace.ts";
import { calmPlan, drawPlan, type Plan } from "./plan.ts";
import { World } from "./world.ts";

/** One line as it is read: its kind and node, and whatever else it has. */
interface Line {
  readonly time: number;
  readonly kind: string;
  readonly node: number | undefined;
  readonly number: number | undefined;
  readonly message: object | undefined;
  readonly status: object | undefined;
  readonly entries: readonly object[] | undefined;
}

/** Runs a plan for some events, and after each lets `direct` interfere. */
function trace(plan: Plan, eventCount: number, direct: (world: World) => void = () => {}): Line[] {
  const lines: Line[] = [];
  const observer = new JsonTrace((line) => lines.push(read(line)));
  const world = new World(plan, { observers: [observer] });
  while (world.eventCount < eventCount) {
    world.advance();
    direct(world);
  }
  // What is left of the statuses, put together from the changes, must be what the nodes now say.
  const told = new Map<number | undefined, object>();
  for (const { node, kind, status } of lines) {
    if (status === undefined) continue;
    told.set(node, kind === "started" ? status : { ...told.get(node), ...status });
  }
  for (const { id, status } of world.nodes) {
    if (status !== undefined) expect({ id, ...told.get(id) }).toEqual(status);
  }
  return lines;
}

function read(line: string): Line {
  return JSON.parse(line);
}

/** Lines of a kind. */
const only = (lines: readonly Line[], kind: string): Line[] =>
  lines.filter((line) => line.kind === kind);

test("a trace begins with its version", () => {
  expect(trace(calmPlan(1, 3, {}), 1)[0]).toEqual({ kind: "trace", version: 1 });
});

/** What a node alone does with a command, from the moment at which it leads; long lines are broken. */
const golden = `
{"time":1313,"kind":"elected","node":1,"term":1}
{"time":1313,"kind":"persisted","node":1,"persistedIndex":0}
{"time":1313,"kind":"stepped","node":1,"status":{"last":{"term":1,"index":2},"uncommittedBytes":36}}
{"time":1313,"kind":"appended","node":1,"entries":[{"term":1,"index":2,"kind":"command",
  "data":"00000001"}]}
{"time":1313,"kind":"readied","node":1,"number":3,"entries":[{"term":1,"index":1},{"term":1,
  "index":2}],"mustSync":true,
  "messageCount":0,"messageAfterPersistCount":0,"committed":[],"reads":[]}
{"time":1314,"kind":"stepped","node":1,"status":{"persistedIndex":2,"commitIndex":2,
  "uncommittedBytes":0}}
{"time":1314,"kind":"committed","node":1,"entries":[{"term":1,"index":1},{"term":1,"index":2}]}
{"time":1314,"kind":"persisted","node":1,"persistedIndex":2}
{"time":1314,"kind":"readied","node":1,"number":4,"hardState":{"term":1,"vote":1,"commitIndex":2},
  "entries":[],"mustSync":false,
  "messageCount":0,"messageAfterPersistCount":0,"committed":[{"term":1,"index":1},{"term":1,
  "index":2}],"reads":[]}
{"time":1314,"kind":"applied","node":1,"entries":[{"term":1,"index":1},{"term":1,"index":2}]}
{"time":1314,"kind":"acknowledged","entry":{"term":1,"index":2}}
{"time":1314,"kind":"stepped","node":1,"status":{"appliedIndex":2}}`;

test("a calm run is told line by line", () => {
  const plan = calmPlan(1, 1, { preVote: false });
  const lines = trace(plan, 60, (world) => {
    const [node] = world.nodes;
    if (node?.status?.role === "leader" && node.status.last.index === 1) {
      world.take({ kind: "propose", node: 1, command: 1, bytes: 4 });
    }
  });
  const start = lines.findIndex(({ kind }) => kind === "elected");
  const expected = golden.trim().replaceAll("\n  ", "").split("\n").map(read);
  expect(lines.slice(start, start + expected.length)).toEqual(expected);
});

test("a message is numbered when it is sent, and carries its number where it arrives", () => {
  const lines = trace(calmPlan(1, 3, {}), 200);
  const sent = new Map(only(lines, "sent").map(({ number, message }) => [number, message]));
  const received = only(lines, "received");
  expect(received.length).toBeGreaterThan(20);
  for (const { number, message } of received) expect(sent.get(number)).toEqual(message);
});

test("entries and commands are told with their bytes", () => {
  const plan = calmPlan(1, 3, { forwardProposals: true });
  const lines = trace(plan, 300, (world) => {
    const follower = world.nodes.find(({ status }) => status?.role === "follower");
    const isReady = follower?.status?.leader !== 0 && follower?.status?.commitIndex === 1;
    if (isReady) world.take({ kind: "propose", node: follower.id, command: 258, bytes: 5 });
  });
  const messages = only(lines, "sent").map(({ message }) => message);
  expect(messages).toContainEqual(
    expect.objectContaining({ kind: "propose", commands: ["0000010200"] }),
  );
  expect(messages).toContainEqual(
    expect.objectContaining({
      kind: "append-entries",
      entries: [{ term: 1, index: 2, kind: "command", data: "0000010200" }],
    }),
  );
});

test("runs under faults are told with every kind of line, in the order of time", () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 12; seed++) {
    let now = 0;
    for (const { kind, time } of trace(drawPlan(seed), 1500).slice(1)) {
      seen.add(kind);
      expect(time).toBeGreaterThanOrEqual(now);
      now = time;
    }
  }
  expect([...seen].toSorted()).toEqual([
    "acknowledged",
    "appended",
    "applied",
    "committed",
    "crashed",
    "elected",
    "persisted",
    "read-ended",
    "read-started",
    "readied",
    "received",
    "restored",
    "sent",
    "snapshotted",
    "started",
    "stepped",
    "truncated",
  ]);
});
