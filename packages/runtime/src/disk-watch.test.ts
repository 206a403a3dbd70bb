import { expect, test } from "vitest";
import { DiskWatch } from "./disk-watch.ts";

test("DiskWatch tells that a write takes longer than it may, until it ends", async () => {
  const watch = new DiskWatch(40);
  watch.onTicks(100);
  expect(watch.isStuck).toBe(false);
  let end = (): void => {};
  const written = watch.during(new Promise<string>((resolve) => (end = () => resolve("written"))));
  watch.onTicks(40);
  expect(watch.isStuck).toBe(false);
  watch.onTicks(1);
  expect(watch.isStuck).toBe(true);
  end();
  expect(await written).toBe("written");
  expect(watch.isStuck).toBe(false);
});

test("DiskWatch counts each write from its beginning, and passes its error on", async () => {
  const watch = new DiskWatch(40);
  let fail = (_: Error): void => {};
  const written = watch.during(new Promise<void>((_, reject) => (fail = reject)));
  watch.onTicks(50);
  fail(new Error("no such disk"));
  await expect(written).rejects.toThrow("no such disk");
  expect(watch.isStuck).toBe(false);
  void watch.during(new Promise(() => {}));
  watch.onTicks(40);
  expect(watch.isStuck).toBe(false);
});
