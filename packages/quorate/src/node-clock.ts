import { performance } from "node:perf_hooks";
import type { Clock, Timer } from "@quorate/runtime";

/** The longest delay that `setTimeout` takes, in milliseconds; it turns longer ones into 1. */
const delayMsMax = 2 ** 31 - 1;

/** The clock of this process. */
export class NodeClock implements Clock {
  now(): number {
    return performance.now();
  }

  wall(): number {
    return Date.now();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const due = performance.now() + delayMs;
    let timeout = setTimeout(fire, Math.min(Math.ceil(delayMs), delayMsMax));
    // `setTimeout` counts whole milliseconds of another clock and may fire a fraction early by this one.
    function fire(): void {
      const leftMs = due - performance.now();
      if (leftMs <= 0) callback();
      else timeout = setTimeout(fire, Math.min(Math.ceil(leftMs), delayMsMax));
    }
    return { cancel: () => clearTimeout(timeout) };
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }
}
