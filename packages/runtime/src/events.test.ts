import { expect, test } from "vitest";
import { Events } from "./events.ts";
import { ManualClock } from "./testing.ts";

test("Events.refuse tells at most once per member and second", () => {
  const clock = new ManualClock();
  const events = new Events(clock, (id) => id < 3);
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

test("Events.refuse tells of strangers once per second, however many names they come under", () => {
  const clock = new ManualClock();
  const events = new Events(clock, (id) => id === 1);
  const told: string[] = [];
  events.subscribe((event) => {
    if (event.kind === "message-refused") told.push(`${event.peer} at ${clock.now()}`);
  });
  for (let name = 100; name < 400; name++) {
    events.refuse(name, new Error("bad"));
    events.refuse(1, new Error("bad"));
    clock.advance(5);
  }
  expect(told).toEqual(["100 at 0", "1 at 0", "300 at 1000", "1 at 1000"]);
});

test("Events tell every subscriber, also after one throws; what it throws surfaces alone", () => {
  const clock = new ManualClock();
  const events = new Events(clock, () => true);
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
