import { expect, test } from "vitest";
import { Client } from "../../src/client.ts";
import { Cluster } from "../cluster.ts";
import { Load } from "../load.ts";

const roundCount = 2;

test("a leader that was stopped and goes on answers no read with what it knew before", async () => {
  const cluster = await Cluster.start(3);
  const key = Buffer.from("paused");
  await cluster.leader();
  const load = new Load(cluster.endpoints);
  await load.progress(20);

  for (let round = 1; round <= roundCount; round++) {
    const old = await cluster.leader();
    const before = new Client({ endpoints: [old.url], timeoutMs: 20_000 });
    await before.put(key, Buffer.from(`${round} before`));

    old.process.signal("SIGSTOP");
    await cluster.leader((node) => node !== old);
    const others = cluster.endpoints.filter((url) => url !== old.url);
    const after = new Client({ endpoints: others, timeoutMs: 20_000 });
    await after.put(key, Buffer.from(`${round} after`));
    await load.progress(20);

    // These reach the stopped process before it can hear of another leader, and begin after the write.
    const reads = Array.from({ length: 20 }, () => before.get(key));
    old.process.signal("SIGCONT");
    for (const { value } of await Promise.all(reads)) {
      expect(Buffer.from(value ?? []).toString()).toBe(`${round} after`);
    }
    await load.readsAt(old.url, 10);
    before.close();
    after.close();
  }

  await load.stop();
  await cluster.settled();
  expect(await load.check()).toEqual([]);
});
