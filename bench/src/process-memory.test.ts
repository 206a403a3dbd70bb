import { expect, test } from "vitest";
import { forgetPeak, parseStatus, peakBytesOf, residentBytesOf } from "./process-memory.ts";

test("parseStatus reads a field of kibibytes as bytes", () => {
  const text = "Name:\tnode\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\nThreads:\t11\n";
  expect(parseStatus(text, "VmHWM")).toBe(204_800 * 1024);
  expect(parseStatus(text, "VmRSS")).toBe(102_400 * 1024);
  expect(parseStatus(text, "VmSwap")).toBeNaN();
  expect(parseStatus(text, "Threads")).toBeNaN();
});

test.runIf(process.platform === "linux")(
  "a peak is forgotten, and is never less than what is used",
  () => {
    const { pid } = process;
    const before = peakBytesOf(pid);
    forgetPeak(pid);
    expect(peakBytesOf(pid)).toBeLessThanOrEqual(before);
    expect(residentBytesOf(pid)).toBeGreaterThan(0);
  },
);
