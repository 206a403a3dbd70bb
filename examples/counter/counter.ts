import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Entry, startReplica, type StateMachine } from "quorate";

/** Counts its commands, whatever they are. */
class Counter implements StateMachine<"value", number> {
  #value = 0;

  apply(entries: readonly Entry[]): Uint8Array[] {
    return entries.map(() => Buffer.from(String(++this.#value)));
  }

  query(): number {
    return this.#value;
  }
}

const port = Number(process.argv[2] ?? 7101);
const cluster = new Map([1, 2, 3].map((id) => [id, `127.0.0.1:${port + id - 1}`]));
const directory = await mkdtemp(join(tmpdir(), "counter-"));
const replicas = await Promise.all(
  [1, 2, 3].map((id) =>
    startReplica({ id, cluster, dataDir: join(directory, `${id}`), stateMachine: new Counter() }),
  ),
);

for (const replica of replicas) {
  const { result, index } = await replica.propose(Buffer.from("increment"));
  console.log(
    `node ${replica.id}: the counter is ${Buffer.from(result).toString()}, entry ${index}`,
  );
}
for (const replica of replicas) {
  const { answer } = await replica.read("value");
  console.log(`node ${replica.id}: reads ${answer}`);
}

await Promise.all(replicas.map((replica) => replica.close()));
await rm(directory, { recursive: true });
