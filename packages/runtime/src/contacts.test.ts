import { confStateOf } from "@quorate/core";
import { expect, test } from "vitest";
import { Contacts } from "./contacts.ts";
import { ManualClock } from "./testing/manual-clock.ts";

const members = confStateOf([1, 2, 3]);

test("Contacts tells since when a peer is connected or not, why, and when it was heard", () => {
  const clock = new ManualClock();
  const contacts = new Contacts(clock);
  const look = (): unknown => contacts.report(members, 1, () => 0)[0];
  const base = {
    id: 2,
    connected: false,
    lostReason: undefined,
    heardAgoMs: undefined,
    stalledMs: 0,
  };
  clock.advance(100);
  expect(look()).toEqual({ ...base, forMs: 100 });
  contacts.onConnectFailed(2, "refused", members);
  expect(look()).toEqual({ ...base, forMs: 100, lostReason: "refused" });
  contacts.onConnected(2);
  contacts.onHeard(2, members);
  clock.advance(50);
  expect(look()).toEqual({ ...base, connected: true, forMs: 50, heardAgoMs: 50 });
  // An attempt that failed while there is a connection says nothing.
  contacts.onConnectFailed(2, "late", members);
  contacts.onDisconnected(2, "reset", members);
  clock.advance(10);
  expect(look()).toEqual({ ...base, forMs: 10, heardAgoMs: 60, lostReason: "reset" });
  expect(contacts.report(members, 1, (id) => id)[1]).toMatchObject({ id: 3, stalledMs: 3 });
  expect([contacts.connected, contacts.runningMs]).toEqual([[], 160]);
});

test("Contacts remembers others than members only as long as they are connected", () => {
  const contacts = new Contacts(new ManualClock());
  for (let id = 100; id < 200; id++) {
    contacts.onHeard(id, members);
    contacts.onConnectFailed(id, "refused", members);
    contacts.onConnected(id);
    if (id > 100) contacts.onDisconnected(id, "gone", members);
  }
  expect(contacts.connected).toEqual([100]);
  // Whoever was a member, is none any more, and comes back later, is new.
  contacts.onDisconnected(2, "reset", members);
  contacts.onDisconnected(3, "reset", confStateOf([1, 3]));
  const reasons = contacts.report(members, 1, () => 0).map(({ lostReason }) => lostReason);
  expect(reasons).toEqual([undefined, "reset"]);
  contacts.clear();
  expect(contacts.connected).toEqual([]);
});
