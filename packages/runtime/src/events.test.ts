import { expect, test } from "vitest";
import { Events } from "./events.ts";
import { ManualClock } from "./testing.ts";

test("Events.refuse tells at most once per peer and second", () => {
  const clock = new ManualClock();
  const events = new Events(clock);
  const told: string[] = [];
  events.subscribe((event) => {
    if (event.kind === "message-refused") told.push(`${event.peer} at ${clock.now()}`);
  });
  for (let ms = 0; ms < 2500; ms += 100) {
    events.refuse(1, new Error("bad"));
    if (ms === 300) events.refuse(2, new Error("bad"));
    clock.advance(100);
  }
  expect(told).toEqual(["1 at 0", "2 at 300", "1 at 1000", "1 at 2000"]);
});

test("Events tell every subscriber, also after one throws; what it throws surfaces alone", () => {
  const clock = new ManualClock();
  const events = new Events(clock);
  const told: string[] = [];
  events.subscribe(() => {
    throw new RangeError("a defect of the listener");
  });
  const listener = (): void => {
    told.push("heard");
  };
  events.subscribe(listener);
  const unsubscribe = events.subscribe(listener);
  events.emit({ kind: "disk-full" });
  expect(told).toEqual(["heard", "heard"]);
  unsubscribe();
  events.emit({ kind: "disk-full" });
  expect(told).toHaveLength(3);
  expect(() => clock.runDeferred()).toThrow(RangeError);
});
