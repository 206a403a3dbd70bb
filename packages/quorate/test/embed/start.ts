import { type Replica, startReplica, type StateMachine } from "quorate";

/** Starts node `id` of a group of three, which all begin together. */
export async function startFirst<Query, Answer>(
  id: number,
  dataDir: string,
  stateMachine: StateMachine<Query, Answer>,
  cluster: Readonly<Record<number, string>>,
): Promise<Replica<Query, Answer>> {
  const replica = await startReplica({
    id,
    cluster, // such as { 1: "10.0.0.1:7001", 2: "10.0.0.2:7001", 3: "10.0.0.3:7001" }
    clusterId: "ledger",
    dataDir,
    stateMachine,
    raft: { leaseReads: true },
    snapshotEveryCount: 10_000,
    onRefused: ({ address, error }) => console.error(`${address}: ${error.message}`),
  });
  replica.subscribe((event) => {
    if (event.kind === "leader-changed") console.log(`node ${event.leader} leads`);
    if (event.kind === "failed" || event.kind === "removed") process.exitCode = 1;
  });
  return replica;
}

/** Starts a node that joins them later. It is silent until a member adds it. */
export function startJoining<Query, Answer>(
  id: number,
  dataDir: string,
  stateMachine: StateMachine<Query, Answer>,
  address: string,
): Promise<Replica<Query, Answer>> {
  return startReplica({
    id,
    cluster: { [id]: address },
    join: true,
    clusterId: "ledger",
    dataDir,
    stateMachine,
    raft: { leaseReads: true },
  });
}
