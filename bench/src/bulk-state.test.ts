import { expect, test } from "vitest";
import { bulk, BulkState } from "./bulk-state.ts";

test("bulk makes as many bytes as asked for, in chunks that differ", () => {
  const noise = Uint8Array.from({ length: 64 }, (_, i) => i);
  const chunks = [...bulk(noise, 200)];
  expect(chunks.map((chunk) => chunk.length)).toEqual([64, 64, 64, 8]);
  expect(new Set(chunks.map(String)).size).toBe(4);
});

test("a bulk state is saved and restored without being held", async () => {
  const { snapshots } = new BulkState({ kind: "memory", bytes: 3_000_000 });
  if (snapshots.kind !== "memory") throw new Error("the state is one in memory");
  let bytes = 0;
  for await (const chunk of snapshots.save()) bytes += chunk.length;
  expect(bytes).toBe(3_000_000);
});

test("a durable bulk state knows what it was restored to", async () => {
  const { snapshots } = new BulkState({ kind: "durable", bytes: 100 });
  if (snapshots.kind !== "durable") throw new Error("the state is durable by itself");
  const pinned = await snapshots.pin();
  await snapshots.restore(pinned.chunks(), 7);
  await pinned.release();
  expect(await snapshots.appliedIndex()).toBe(7);
});
