import { CoreGroup } from "./core-group.ts";
import type { Figure } from "./figure.ts";

/** Messages per committed entry, alone and under load, and per tick when idle. */
export function measureMessages(): Figure[] {
  const figures: Figure[] = [];
  for (const voters of [3, 5, 7]) {
    const floor = { name: "2(n−1)", value: 2 * (voters - 1) };
    for (const perReady of [1, 64]) {
      const group = new CoreGroup(voters);
      const leader = group.elect();
      group.messageCount = 0;
      const count = 64 * 100;
      for (let done = 0; done < count; done += perReady) {
        for (let i = 0; i < perReady; i++) leader.propose(new Uint8Array(16));
        group.settle();
      }
      figures.push({
        group: "messages",
        name: `per committed entry, ${voters} voters, ${perReady} per Ready`,
        value: group.messageCount / count,
        unit: "messages",
        floor: perReady === 1 ? floor : { name: "2(n−1)/64", value: floor.value / 64 },
        better: "less",
      });
    }
    const group = new CoreGroup(voters);
    group.elect();
    group.tick();
    group.settle();
    group.messageCount = 0;
    for (let tick = 0; tick < 100; tick++) {
      group.tick();
      group.settle();
    }
    figures.push({
      group: "messages",
      name: `idle, per heartbeat, ${voters} voters`,
      value: group.messageCount / 100,
      unit: "messages",
      floor: { name: "a heartbeat and its answer", value: floor.value },
      better: "less",
    });
  }
  return figures;
}
