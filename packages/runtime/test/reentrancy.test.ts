import { expect, test } from "vitest";
import { Cluster, Watched } from "./cluster.ts";
import { bytesOf } from "./journal.ts";

test("a replica that a listener closes sends nothing more", async () => {
  const cluster = new Cluster(3);
  for (const id of cluster.voters) {
    const { replica } = await cluster.start(id);
    replica.subscribe((event) => {
      if (event.kind === "role-changed" && event.role === "leader") void replica.close();
    });
  }
  let lateCount = 0;
  cluster.hub.meddle(({ from }) => {
    if (cluster.member(from).replica.status().state === "closed") lateCount++;
    return 1;
  });
  const closed = (): number =>
    cluster.members.filter(({ replica }) => replica.status().state === "closed").length;
  await cluster.until(() => closed() === 2);
  expect(lateCount).toBe(0);
  await cluster.close();
});

test("a listener may propose, read and unsubscribe while it is told", async () => {
  const cluster = new Cluster(1);
  const { replica, journal } = await cluster.start(1);
  const calls: Watched<unknown>[] = [];
  const unsubscribe = replica.subscribe(() => {
    calls.push(new Watched(replica.propose(bytesOf(`${calls.length}`))));
    calls.push(new Watched(replica.read("all")));
    if (calls.length === 4) unsubscribe();
  });
  await cluster.until(() => calls.length === 4 && calls.every(({ isSettled }) => isSettled));
  expect(calls.map(({ code }) => code)).toEqual(Array(4).fill("resolved"));
  expect(journal.commands.toSorted()).toEqual(["0", "2"]);
  await cluster.close();
});

test("a state machine may call its own replica", async () => {
  const cluster = await Cluster.ready(1);
  const { replica, journal } = cluster.leader;
  const apply = journal.apply.bind(journal);
  const calls: Watched<unknown>[] = [];
  journal.apply = (entries) => {
    if (calls.length === 0) {
      calls.push(new Watched(replica.propose(bytesOf("from apply"))));
      calls.push(new Watched(replica.read("all", { consistency: "local" })));
      calls.push(new Watched(replica.read("all")));
    }
    return apply(entries);
  };
  await cluster.write(cluster.leader, "a");
  await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  expect(calls.map(({ code }) => code)).toEqual(["resolved", "resolved", "resolved"]);
  expect(journal.commands).toEqual(["a", "from apply"]);
  await cluster.close();
});

test("a state machine that closes its replica while it applies leaves nothing running", async () => {
  const cluster = await Cluster.ready(1);
  const { replica, journal } = cluster.leader;
  const apply = journal.apply.bind(journal);
  journal.apply = (entries) => {
    void replica.close();
    return apply(entries);
  };
  const call = cluster.propose(cluster.leader, "a");
  await cluster.settle();
  expect(call.code).toBe("stopped");
  await cluster.close();
});
