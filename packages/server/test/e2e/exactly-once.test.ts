import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client.ts";
import { Cluster, type ClusterNode } from "../cluster.ts";
import { until } from "../until.ts";

const changeCount = 3;

/** What a request was answered with. */
interface Answer {
  readonly status: number;
  readonly index: string | null;
  readonly isReplay: boolean;
  readonly body: string;
}

/** Sends a write to one node, once; undefined if there is no answer to it. */
async function send(
  { url }: ClusterNode,
  method: "PUT" | "DELETE",
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<Answer | undefined> {
  try {
    const response = await fetch(`${url}/v1/kv/shared`, {
      method,
      headers: { ...headers, "x-quorate-timeout-ms": "2000" },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(5_000),
    });
    if (response.status >= 429) return undefined;
    return {
      status: response.status,
      index: response.headers.get("x-quorate-index"),
      isReplay: response.headers.get("x-quorate-replayed") === "true",
      body: await response.text(),
    };
  } catch {
    return undefined;
  }
}

/** Repeats a write at `node` until it is answered. */
async function repeat(node: ClusterNode, ...write: Tail<Parameters<typeof send>>): Promise<Answer> {
  let answer: Answer | undefined;
  await until(
    `node ${node.id} answers`,
    async () => {
      answer = await send(node, ...write);
      return answer !== undefined;
    },
    60_000,
  );
  return answer ?? expect.unreachable();
}

type Tail<T extends readonly unknown[]> = T extends readonly [unknown, ...infer Rest]
  ? Rest
  : never;

test("a request that is repeated through leader changes is applied once, and answered alike", async () => {
  const cluster = await Cluster.start(3);
  const client = new Client({ endpoints: cluster.endpoints, timeoutMs: 60_000 });
  onTestFinished(() => client.close());
  const key = Buffer.from("shared");
  const headers = { "idempotency-key": randomUUID() };
  // Whether it was applied by then, nobody knows: its leader is killed while it is on the way.
  const first = await cluster.leader();
  const sending = send(first, "PUT", headers, "mine");
  await first.kill();
  await sending;
  const next = await cluster.leader();
  const { isReplay: _, ...answer } = await repeat(next, "PUT", headers, "mine");
  expect(answer.status).toBe(200);
  first.start();

  const gone = { "idempotency-key": randomUUID() };
  const removed = await repeat(next, "DELETE", gone);
  expect(removed).toMatchObject({ status: 200, isReplay: false });
  for (let change = 0; change < changeCount; change++) {
    const value = Buffer.from(`another's ${change}`);
    const { index } = await client.put(key, value);
    const leader = await cluster.leader();
    await leader.kill();
    await cluster.leader();
    for (const node of cluster.nodes.filter(({ isRunning }) => isRunning)) {
      expect(await repeat(node, "PUT", headers, "mine")).toEqual({ ...answer, isReplay: true });
      expect(await repeat(node, "DELETE", gone)).toEqual({ ...removed, isReplay: true });
      expect(await client.get(key, { atLeast: index })).toMatchObject({ value });
    }
    leader.start();
  }
});

test("a client's writes take effect once and succeed, though leaders are killed under them", async () => {
  const cluster = await Cluster.start(3);
  await cluster.leader();
  const client = new Client({ endpoints: cluster.endpoints, timeoutMs: 60_000 });
  onTestFinished(() => client.close());
  let isOver = false;
  let count = 0;
  // Alone on its key, so that each write replaces the one before: none is missing, and none is there twice.
  const write = async (name: string): Promise<void> => {
    const key = Buffer.from(name);
    let last = 0;
    for (let number = 1; !isOver; number++) {
      const value = Buffer.from(String(number));
      const { index, previousIndex } = await client.put(key, value);
      expect([name, number, previousIndex]).toEqual([name, number, last]);
      last = index;
      count += 1;
    }
    const { value = new Uint8Array(0) } = await client.get(key);
    expect(Buffer.from(value).length).toBeGreaterThan(0);
  };
  const writing = Promise.all(["a", "b", "c", "d"].map(write));
  writing.catch(() => {});
  const progress = async (more: number): Promise<void> => {
    const goal = count + more;
    await until(`${more} more writes`, () => count >= goal, 60_000);
  };
  for (let change = 0; change < changeCount; change++) {
    await progress(100);
    const leader = await cluster.leader();
    await leader.kill();
    await progress(100);
    leader.start();
    await cluster.settled();
  }
  isOver = true;
  await writing;
});
