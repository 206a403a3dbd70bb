import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { forgetPeak, parseStatus, peakBytesOf, residentBytesOf } from "./process-memory.ts";

test("parseStatus reads a field of kibibytes as bytes", () => {
  const text = "Name:\tnode\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\nThreads:\t11\n";
  expect(parseStatus(text, "VmHWM")).toBe(204_800 * 1024);
  expect(parseStatus(text, "VmRSS")).toBe(102_400 * 1024);
  expect(parseStatus(text, "VmSwap")).toBeNaN();
  expect(parseStatus(text, "Threads")).toBeNaN();
});

const mebi = 1024 * 1024;

/** Uses 256 MiB, frees them, says so, and waits. */
const program = `
  let bytes = Buffer.alloc(256 * 1024 * 1024, 1);
  bytes = undefined;
  gc();
  console.log("freed");
  process.stdin.resume();
`;

test.runIf(process.platform === "linux")(
  "a peak is what was in use, until it is forgotten",
  async () => {
    const child = spawn(process.execPath, ["--expose-gc", "--eval", program], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const { pid = 0 } = child;
    try {
      await once(child.stdout, "data");
      // Memory goes back to the kernel on a thread of its own.
      while (residentBytesOf(pid) > 200 * mebi) await delay(10);
      expect(peakBytesOf(pid)).toBeGreaterThan(256 * mebi);
      forgetPeak(pid);
      expect(peakBytesOf(pid)).toBeLessThan(256 * mebi);
      expect(peakBytesOf(pid)).toBeGreaterThan(0);
    } finally {
      child.stdin.end();
      await once(child, "exit");
    }
  },
);
