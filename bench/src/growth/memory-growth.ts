import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Figure } from "../figure.ts";
import { ProcessGroup } from "../process-group.ts";
import { Samples } from "../samples.ts";
import { thirdsOf } from "./thirds.ts";

const tickMs = 100;
const mebi = 1 << 20;
const clients = 256;
const bytes = 256;
/** How long a client's load runs before it begins anew, so that its own record of times is let go. */
const secondsPerLoad = 5;
/** How often memory is looked at, at least. */
const sampleCountMin = 60;
/** The length of the state, of which snapshots are taken as often as by default. */
const stateBytes = 4 * mebi;

/** What one look at a replica shows, in bytes. */
interface Look {
  readonly resident: number;
  readonly heap: number;
  readonly files: number;
}

/**
 * Memory and files of three replicas with default options under load for `minutes`: the median of the
 * last third of the time beside that of the first.
 */
export async function measureMemory(parent: string, minutes: number): Promise<Figure[]> {
  const dir = mkdtempSync(join(parent, "memory-"));
  const group = await ProcessGroup.start(3, dir, tickMs, {
    state: { kind: "memory", bytes: stateBytes },
  });
  try {
    const leader = await group.leader();
    const end = Date.now() + minutes * 60_000;
    const writing = writeUntil(group, leader, end);
    const looks = new Map<number, Look[]>(group.ids.map((id) => [id, []]));
    const everyMs = Math.min(5000, (minutes * 60_000) / sampleCountMin);
    for (; Date.now() < end; await delay(everyMs)) {
      for (const [id, seen] of looks) seen.push(await lookAt(group, id));
    }
    const count = await writing;
    const name = `${minutes} min of load, ${Math.round(count / 1000)}k entries of ${bytes} B`;
    return [...looks].flatMap(([id, seen]) => {
      return figuresOf(`${name}, ${id === leader ? "the leader" : "a follower"}`, seen);
    });
  } finally {
    await group.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Keeps the clients writing until `endMs`. Returns how many entries they wrote. */
async function writeUntil(group: ProcessGroup, leader: number, endMs: number): Promise<number> {
  let count = 0;
  while (Date.now() < endMs) {
    const seconds = Math.min(secondsPerLoad, Math.max(0.1, (endMs - Date.now()) / 1000));
    const writes = Number.MAX_SAFE_INTEGER;
    const command = { kind: "load", clients, bytes, writes, seconds } as const;
    count += (await group.ask(leader, command, "load")).result.writes;
  }
  return count;
}

async function lookAt(group: ProcessGroup, id: number): Promise<Look> {
  const { usage } = await group.ask(id, { kind: "usage" }, "usage");
  const files = filesBytes(group.directoryOf(id));
  return { resident: usage.rssBytes, heap: usage.heapUsedBytes, files };
}

/** The length of all files in `directory`; one that goes away meanwhile counts for nothing. */
function filesBytes(directory: string): number {
  let sum = 0;
  for (const name of readdirSync(directory)) {
    sum += statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return sum;
}

function figuresOf(name: string, looks: readonly Look[]): Figure[] {
  const kinds = [
    [name, "in memory", (look: Look) => look.resident],
    ["…", "of it on the heap", (look: Look) => look.heap],
    ["…", "in files", (look: Look) => look.files],
  ] as const;
  return kinds.map(([who, what, bytesOf]) => {
    const { first, last } = thirdsOf(looks.map((look) => bytesOf(look) / mebi));
    const late = new Samples(last);
    return {
      group: "growth",
      name: `${who}, ${what}`,
      value: late.median,
      unit: "MiB",
      spread: [late.min, late.max],
      floor: { name: "in the first third", value: new Samples(first).median },
      better: "less",
    };
  });
}
