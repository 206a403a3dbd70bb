import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { CoreGroup } from "../core-group.ts";
import type { CoreSample, CoreSetting } from "./core-sample.ts";

const warmUpMicros = 1_500_000;

/** The product's core as a program of its own, with the contract of a core peer. */
function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      voters: { type: "string", default: "3" },
      bytes: { type: "string", default: "16" },
      batch: { type: "string", default: "64" },
      entries: { type: "string", default: "640000" },
    },
  });
  if (positionals[0] !== "core") throw new Error("the only command is core");
  const setting = {
    voters: Number(values.voters),
    bytes: Number(values.bytes),
    batch: Number(values.batch),
    entries: Number(values.entries),
  };
  // The compiler works beside, and late on a busy machine: half of the work would not do.
  while (process.cpuUsage().user < warmUpMicros) run(setting);
  process.stdout.write(`${JSON.stringify(run(setting))}\n`);
}

function run({ voters, bytes, batch, entries }: CoreSetting): CoreSample {
  const group = new CoreGroup(voters);
  const leader = group.elect();
  const before = leader.appliedIndex;
  group.messageCount = 0;
  const data = new Uint8Array(bytes);
  const cpuStart = process.cpuUsage();
  const start = performance.now();
  let done = 0;
  for (; done < entries; done += batch) {
    for (let i = 0; i < batch; i++) leader.propose(data);
    group.settle();
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpuStart);
  const applied = leader.appliedIndex - before;
  if (applied !== done) throw new Error(`applied ${applied} of ${done} entries`);
  return { entries, seconds, cpuSeconds: (user + system) / 1e6, messages: group.messageCount };
}

main();
