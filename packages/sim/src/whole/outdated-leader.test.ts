import { expect, test } from "vitest";
import { Draw } from "../draw.ts";
import type { Happening } from "./decision.ts";
import { outdate } from "./outdated-leader.ts";
import { calmWholePlan } from "./whole-plan.ts";

test("outdate lets a leader hear nobody for longer than an election takes, in each of its ways", () => {
  const electionMs = calmWholePlan.tickMs * calmWholePlan.electionTimeoutTicks;
  const seen = new Set<Happening["kind"]>();
  for (let seed = 1; seed <= 50; seed++) {
    const { delayed, forMs } = outdate(calmWholePlan, new Draw(seed, 1), 2, [1, 3]);
    const deafness = delayed.find(({ what }) => {
      return what.kind === "cut" && what.links.every(({ to }) => to === 2);
    });
    expect(deafness?.what).toMatchObject({
      links: [
        { from: 1, to: 2 },
        { from: 3, to: 2 },
      ],
    });
    expect(forMs).toBeGreaterThan(2 * electionMs);
    for (const { what } of delayed) {
      seen.add(what.kind);
      // It hears again only when its time goes on as usual.
      if (what.kind === "pause" || what.kind === "suspend") expect(what.forMs).toBeLessThan(forMs);
    }
  }
  expect(seen).toEqual(new Set(["cut", "clock-rate", "pause", "suspend", "transfer"]));
});
