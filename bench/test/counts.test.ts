import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { coreAllocations } from "../src/counts/core-allocations.ts";
import { measureMessages } from "../src/messages.ts";
import { LocalGroup } from "./local-group.ts";

/**
 * What an entry costs, in counts that are the same on every machine. A bound lies about a quarter above
 * what was counted when it was set: what breaks it has made the product more expensive, and is to be
 * undone, or explained where the bound is raised.
 */

describe("the core", () => {
  test.each([
    { perReady: 1, objectsMax: 165, bytesMax: 9600 },
    { perReady: 64, objectsMax: 5.7, bytesMax: 375 },
  ])("allocates little for an entry, $perReady per Ready", ({ perReady, objectsMax, bytesMax }) => {
    const { objects, bytes } = coreAllocations({ voters: 3, perReady });
    expect(objects).toBeLessThan(objectsMax);
    expect(bytes).toBeLessThan(bytesMax);
  });

  test("sends as few messages as can be", () => {
    for (const { name, value, floor } of measureMessages()) {
      expect(value, name).toBeLessThanOrEqual(floor?.value ?? 0);
    }
  });
});

describe("a group of replicas", () => {
  let group: LocalGroup;
  beforeAll(async () => {
    group = await LocalGroup.start();
  });
  afterAll(() => group.close());

  test("syncs once in each replica for a lone write, and sends it once to each follower", async () => {
    const counts = await group.count({ clients: 1, bytes: 16, writes: 100 });
    expect(counts.leaderSyncs).toBe(1);
    expect(counts.followerSyncs).toBeLessThanOrEqual(1);
    // 2(n−1), and heartbeats.
    expect(counts.frames).toBeLessThan(5);
  });

  test("shares syncs and frames among many clients", async () => {
    const clients = 64;
    const counts = await group.count({ clients, bytes: 16, writes: 20 * clients });
    expect(counts.leaderSyncs).toBeLessThan(1.25 / clients);
    expect(counts.followerSyncs).toBeLessThan(1.25 / clients);
    // 2(n−1) for all clients, and heartbeats.
    expect(counts.frames).toBeLessThan(6 / clients);
  });

  test("copies a command when it is proposed, and for each connection and each log", async () => {
    const bytes = 4096;
    const { copiedBytes } = await group.count({ clients: 1, bytes, writes: 100 });
    expect(copiedBytes / bytes).toBeLessThan(6.6);
  });
});
