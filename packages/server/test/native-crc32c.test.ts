import { useCrc32c } from "quorate";
import { expect, test } from "vitest";
import { useNativeCrc32c } from "../src/native-crc32c.ts";

test("checksums are left to the optional dependency where it is installed", async () => {
  const isInstalled = await import("@node-rs/crc32").then(
    () => true,
    () => false,
  );
  expect(await useNativeCrc32c()).toBe(isInstalled);
  // What gives other checksums is not taken, whatever it is.
  expect(useCrc32c(() => 7)).toBe(false);
});
