import type { MemoryDisk } from "@quorate/wal/testing";
import { Cluster, type ClusterOptions } from "./cluster.ts";

/** The last segment of a log: its name and what it holds. */
export async function lastSegment(
  memory: MemoryDisk,
): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  const names = (await memory.list()).filter((name) => name.endsWith(".wal")).toSorted();
  for (const name of names.toReversed()) {
    const bytes = memory.readFile(name);
    if (Buffer.from(bytes).includes("BTCH")) return { name, bytes };
  }
  throw new Error("the log is empty");
}

/** Turns a bit over `shift` bytes after the place where `text` stands last in the log. */
export async function turnBitOf(memory: MemoryDisk, text: string, shift = 0): Promise<void> {
  const { name, bytes } = await lastSegment(memory);
  const offset = Buffer.from(bytes).lastIndexOf(text) + shift;
  bytes[offset] = (bytes[offset] ?? 0) ^ 4;
  memory.writeFile(name, bytes);
}

/** Leaves nothing of the batch in which `text` stands last that tells what it was. */
export async function overwriteBatchOf(memory: MemoryDisk, text: string): Promise<void> {
  const { name, bytes } = await lastSegment(memory);
  const command = Buffer.from(bytes).lastIndexOf(text);
  const head = Buffer.from(bytes).lastIndexOf("BTCH", command);
  bytes.fill(0x42, head, command + 5);
  memory.writeFile(name, bytes);
}

/** Three members that hold `count` commands: "command 0.", and so on. */
export async function written(count: number, options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await Cluster.ready(3, options);
  for (let number = 0; number < count; number++) {
    await cluster.write(cluster.leader, `command ${number}.`);
  }
  await cluster.run(300);
  return cluster;
}

/** A member that does not lead. */
export function followerOf(cluster: Cluster): number {
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("nobody follows");
  return follower.id;
}
