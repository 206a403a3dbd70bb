import { expect, test } from "vitest";
import { Trace } from "../trace.ts";
import { Timeline } from "./timeline.ts";

test("of what is due at one time choices come first, then steps, then all else", async () => {
  const timeline = new Timeline(new Trace(undefined));
  const order: string[] = [];
  const add = (kind: "disk" | "step", name: string): void => {
    timeline.add(5, kind, () => order.push(name));
  };
  add("disk", "disk 1");
  add("step", "step 1");
  add("disk", "disk 2");
  timeline.choose(5, () => {
    order.push("choice");
    timeline.add(0, "step", () => order.push("step 2"));
  });
  for (let count = 0; count < 4; count++) await timeline.advance();
  expect(order).toEqual(["choice", "step 1", "step 2", "disk 1", "disk 2"]);
});

test("a choice is no event: a run in which others choose nothing is the same run", async () => {
  const traces = [false, true].map(async (choosing) => {
    const trace = new Trace(undefined);
    const timeline = new Timeline(trace);
    let work = Promise.resolve();
    timeline.add(1, "disk", () => {
      // Promise jobs that outlast the event.
      for (let job = 0; job < 100; job++) work = work.then(() => trace.mix(timeline.now));
    });
    if (choosing) for (const at of [1, 2, 3]) timeline.choose(at, () => {});
    for (const at of [4, 5, 6, 7, 8]) timeline.add(at, "disk", () => {});
    for (let count = 0; count < 6; count++) await timeline.advance();
    return [trace.hash, timeline.eventCount];
  });
  const [calm, other] = await Promise.all(traces);
  expect(other).toEqual(calm);
});
