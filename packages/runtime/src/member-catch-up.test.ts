import { expect, test } from "vitest";
import { CatchUp, catchUpRoundCountMax, type CatchUpLook } from "./member-catch-up.ts";

/** At `now` the leader's log ends at `lastIndex`, and learners 4, 5, … have up to `matchIndexes`. */
function look(now: number, lastIndex: number, ...matchIndexes: number[]): CatchUpLook {
  return { now, lastIndex, matchIndexOf: (id) => matchIndexes[id - 4] ?? 0 };
}

test("CatchUp is done when a round takes less than an election timeout", () => {
  const catchUp = new CatchUp([4], 1000, look(0, 100, 0));
  expect(catchUp.look(look(500, 150, 99))).toBe("going-on");
  expect(catchUp.look(look(999, 180, 100))).toBe("done");
});

test("CatchUp begins another round, up to where the log ends by then, when one took too long", () => {
  const catchUp = new CatchUp([4], 1000, look(0, 100, 0));
  expect(catchUp.look(look(1000, 180, 100))).toBe("going-on");
  expect(catchUp.look(look(1500, 190, 179))).toBe("going-on");
  expect(catchUp.look(look(1999, 190, 180))).toBe("done");
});

test("CatchUp waits for the slowest", () => {
  const catchUp = new CatchUp([4, 5], 1000, look(0, 100, 0, 0));
  expect(catchUp.look(look(10, 100, 100, 99))).toBe("going-on");
  expect(catchUp.describe(look(10, 120, 100, 99))).toBe(
    "in round 1 of 10 node 5 has entry 99 of 120",
  );
  expect(catchUp.look(look(20, 100, 100, 100))).toBe("done");
});

test("CatchUp is done at once for one who has everything", () => {
  expect(new CatchUp([4], 1000, look(7, 100, 100)).look(look(7, 100, 100))).toBe("done");
});

test("CatchUp fails after its last round, and stays so", () => {
  const catchUp = new CatchUp([4], 1000, look(0, 1, 0));
  for (let round = 1; round < catchUpRoundCountMax; round++) {
    expect(catchUp.look(look(1000 * round, round + 1, round))).toBe("going-on");
  }
  const end = catchUpRoundCountMax;
  expect(catchUp.look(look(1000 * end, end + 1, end))).toBe("failed");
  expect(catchUp.look(look(1000 * end, end + 1, end + 1))).toBe("failed");
});

test("CatchUp of a learner that nothing is heard from goes on, for the caller to end", () => {
  const catchUp = new CatchUp([4], 1000, look(0, 100, 0));
  for (let now = 0; now < 100_000; now += 1000) {
    expect(catchUp.look(look(now, 100 + now, 0))).toBe("going-on");
  }
});
