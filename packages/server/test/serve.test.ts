import { RaftError } from "quorate";
import { expect, test } from "vitest";
import { createLog } from "../src/cli/log.ts";
import { runNode, type ServingNode } from "../src/cli/serve.ts";
import { createHttpServer } from "../src/http-server.ts";
import { MemoryReplica } from "./memory-replica.ts";

async function start(replica: MemoryReplica): Promise<{
  readonly node: ServingNode;
  readonly url: string;
  readonly lines: string[];
  stop(reason: string): void;
}> {
  const lines: string[] = [];
  const sink = { write: (line: string) => lines.push(line) };
  const log = createLog(1, { format: "json", level: "info" }, sink);
  const http = createHttpServer(replica);
  const port = await http.listen("127.0.0.1", 0);
  let stop = (_reason: string): void => {};
  const stopped = new Promise<string>((resolve) => {
    stop = resolve;
  });
  return {
    node: { replica, http, log, stop: stopped },
    url: `http://127.0.0.1:${port}`,
    lines,
    stop: (reason) => stop(reason),
  };
}

test("runNode closes everything and ends with 0 when it is asked to stop", async () => {
  const replica = new MemoryReplica();
  const { node, url, lines, stop } = await start(replica);
  const running = runNode(node);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  stop("SIGTERM");
  expect(await running).toBe(0);
  expect(replica.closed).toBe(true);
  await expect(fetch(`${url}/readyz`)).rejects.toThrow();
  expect(lines.join("")).toContain("SIGTERM");
});

test("runNode closes everything and ends with 1 when its replica fails", async () => {
  const replica = new MemoryReplica();
  const { node, url } = await start(replica);
  const running = runNode(node);
  replica.emit({ kind: "failed", error: new RaftError("storage_failed", "EIO") });
  expect(await running).toBe(1);
  expect(replica.closed).toBe(true);
  await expect(fetch(`${url}/readyz`)).rejects.toThrow();
});

test("runNode closes everything and ends with 5 when its group has removed it", async () => {
  for (const isLate of [true, false]) {
    const replica = new MemoryReplica();
    const { node, url, lines } = await start(replica);
    if (isLate) replica.state = { state: "removed" };
    const running = runNode(node);
    if (!isLate) replica.emit({ kind: "removed", by: 2 });
    expect(await running).toBe(5);
    expect(replica.closed).toBe(true);
    await expect(fetch(`${url}/readyz`)).rejects.toThrow();
    expect(lines.join("")).toContain("was removed from its group");
  }
});

test("runNode ends with 1 when its node cannot be what it shall be", async () => {
  const replica = new MemoryReplica();
  const { node, lines } = await start(replica);
  const membership = (): Promise<string> => Promise.resolve("it cannot be added: taken");
  expect(await runNode({ ...node, membership })).toBe(1);
  expect(replica.closed).toBe(true);
  expect(lines.join("")).toContain("it cannot be added: taken");
});

test("runNode ends what seeks membership when it is asked to stop", async () => {
  const replica = new MemoryReplica();
  const { node, stop } = await start(replica);
  let aborted = false;
  const membership = (signal: AbortSignal): Promise<undefined> =>
    new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        aborted = true;
        resolve(undefined);
      });
    });
  const running = runNode({ ...node, membership });
  stop("SIGTERM");
  expect([await running, aborted]).toEqual([0, true]);
});

test("runNode notices a replica that failed before anyone listened", async () => {
  const replica = new MemoryReplica();
  replica.state = { state: "failed" };
  const { node } = await start(replica);
  expect(await runNode(node)).toBe(1);
});

test("runNode lets a request in progress finish", async () => {
  const replica = new MemoryReplica();
  const { node, url, stop } = await start(replica);
  replica.hold();
  const running = runNode(node);
  const writing = fetch(`${url}/v1/kv/a`, { method: "PUT", body: "x" });
  while (replica.callCount === 0) await fetch(`${url}/healthz`);
  stop("SIGTERM");
  replica.release();
  expect((await writing).status).toBe(200);
  expect(await running).toBe(0);
});
