import { FlightReplay } from "@quorate/runtime";
import { expect, test } from "vitest";
import { kvApp } from "./kv-app.ts";
import { drawMischief, drawWholePlan } from "./whole-plan.ts";
import { runWhole } from "./whole-run.ts";

/** How many runs are drawn. */
const seedCount = 30;

test(
  "what every replica kept leads to the very state that its core is in",
  { timeout: 0 },
  async () => {
    let stepCount = 0;
    let replayCount = 0;
    for (let seed = 1; seed <= seedCount; seed++) {
      const plan = drawWholePlan(seed);
      const { failure } = await runWhole({
        plan,
        app: kvApp,
        trouble: { kind: "draw", mischief: drawMischief(plan) },
        judge: ({ hosts }) => {
          for (const { id, replica } of hosts) {
            const bytes = replica?.flightRecord();
            if (bytes === undefined) continue;
            const replay = new FlightReplay(bytes);
            replay.goTo(replay.stepCount);
            // Where a state is made another on purpose, the replica stops, and not by its core.
            const kind = replay.recordedFailure === undefined ? "same" : "failed-elsewhere";
            expect(replay.verdict, `seed ${seed}, node ${id}`).toEqual({ kind });
            stepCount += replay.stepCount;
            replayCount += 1;
          }
        },
      });
      expect(failure, `seed ${seed}`).toBeUndefined();
    }
    expect(replayCount).toBeGreaterThan(seedCount);
    expect(stepCount).toBeGreaterThan(100 * replayCount);
  },
);
