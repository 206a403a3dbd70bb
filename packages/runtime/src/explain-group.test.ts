import { confStateOf } from "@quorate/core";
import { expect, test } from "vitest";
import { explainGroup, type GroupReport, type GroupStatus } from "./explain-group.ts";

/** Node `id` of a group of three in which all is well and node 1 leads. */
function reached(id: number, differing: Partial<GroupStatus> = {}): GroupReport {
  const status: GroupStatus = {
    id,
    role: id === 1 ? "leader" : "follower",
    term: 4,
    leader: 1,
    clusterId: "a",
    confState: confStateOf([1, 2, 3]),
    confIndex: 9,
    connected: [1, 2, 3].filter((other) => other !== id),
    version: "1.0.0",
    findings: [],
    ...differing,
  };
  return { kind: "reached", endpoint: `http://${id}`, status };
}

function away(id: number): GroupReport {
  return { kind: "unreachable", endpoint: `http://${id}`, reason: `http://${id}: refused` };
}

test.each([
  ["nothing", [reached(1), reached(2), reached(3)], []],
  [
    "one that is elsewhere",
    [reached(1), reached(2), reached(3, { clusterId: "b" })],
    [
      [
        "error",
        "different_groups",
        [1, 2, 3],
        'The endpoints belong to different groups: "a" has nodes 1, 2',
      ],
    ],
  ],
  [
    "an old leader beside the new one",
    [reached(1), reached(2, { role: "leader", term: 3 }), reached(3)],
    [["warning", "deposed_leader", [2, 1], "of term 3, while node 1 leads term 4"]],
  ],
  [
    "two leaders of one term",
    [reached(1), reached(2, { role: "leader" }), reached(3)],
    [["error", "two_leaders", [2, 1], "Nodes 2 and 1 both lead term 4"]],
  ],
  [
    "one that lags behind a change",
    [reached(1), reached(2), reached(3, { confState: confStateOf([1, 3]), confIndex: 5 })],
    [["info", "configurations_differ", [3], "entry 9, which node 1 goes by, counts on node 3"]],
  ],
  [
    "two configurations of one entry",
    [reached(1), reached(2), reached(3, { confState: confStateOf([1, 3]) })],
    [["error", "configurations_differ", [3], "Another configuration than that of entry 9"]],
  ],
  [
    "two versions",
    [reached(1), reached(2, { version: "0.9.0" }), reached(3, { version: undefined })],
    [["info", "versions_differ", [1, 2, 3], "1.0.0 on node 1; 0.9.0 on node 2."]],
  ],
  [
    "an endpoint that does not answer while its node is connected",
    [reached(1), reached(2), away(3)],
    [
      [
        "warning",
        "node_unreachable",
        [3],
        "1 endpoint does not answer: http://3: refused. Of the members, node 3 did not answer anywhere.",
      ],
    ],
  ],
  ["nobody", [away(1)], [["error", "node_unreachable", undefined, "1 endpoint does not answer"]]],
  [
    "voters that do not see one another",
    [1, 2, 3].map((id) => reached(id, { role: "follower", leader: 0, connected: [] })),
    [
      [
        "error",
        "partitioned",
        [1, 2, 3],
        "Nobody leads: 3 of 3 voters answer here, and nodes 1, 2, 3 cannot reach a majority: node 1 is " +
          "connected to no node;",
      ],
    ],
  ],
] as const)("explainGroup finds %s", (_name, reports, expected) => {
  const found = explainGroup(reports);
  expect(found.map(({ severity, code, peers }) => [severity, code, peers])).toEqual(
    expected.map(([severity, code, peers]) => [severity, code, peers]),
  );
  for (const [at, [, , , message]] of expected.entries()) {
    expect(found[at]?.message).toContain(message);
  }
});

test("explainGroup says once what several nodes say, and the root cause first", () => {
  const slow = { code: "disk_slow", severity: "warning", message: "Slow.", remedy: "" } as const;
  const gone = { ...slow, code: "peer_unreachable", peers: [3] } as const;
  const stalled = { ...slow, code: "commit_stalled", severity: "error" } as const;
  const found = explainGroup([
    reached(1, { findings: [gone, slow, stalled] }),
    reached(2, { findings: [gone, slow] }),
  ]);
  expect(found.map(({ code, saidBy }) => [code, saidBy])).toEqual([
    ["commit_stalled", [1]],
    ["disk_slow", [1]],
    ["disk_slow", [2]],
    ["peer_unreachable", [1, 2]],
  ]);
});

test("explainGroup says that nobody leads only if nobody does", () => {
  const alone = {
    code: "no_majority",
    severity: "error",
    message: "No.",
    remedy: "",
    peers: [1],
  } as const;
  const cut = { leader: 0, connected: [], findings: [alone] };
  const led = explainGroup([reached(1), reached(2), reached(3, cut)]);
  expect(led.map(({ code, severity }) => [code, severity])).toEqual([["partitioned", "warning"]]);
  expect(led[0]?.message).toContain("Node 1 leads term 4, but not everybody knows: 3 of 3 voters");
  const [root] = explainGroup([reached(3, cut), away(1), away(2)]);
  expect([root?.code, root?.saidBy]).toEqual(["no_majority", [3]]);
});
