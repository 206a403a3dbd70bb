import { coreAllocations } from "./core-allocations.ts";

/** Counts in a process of its own, so that nothing else has taught the compiler anything. */
process.once("message", (setting: Parameters<typeof coreAllocations>[0]) => {
  process.send?.(coreAllocations(setting), () => process.disconnect());
});
