import type { AbortSignalLike } from "@quorate/runtime";
import { expect, test } from "vitest";
import { Cluster, Watched } from "./cluster.ts";
import { bytesOf, textOf } from "./journal.ts";

/** A value of a type that only JavaScript would pass. */
function untyped<T>(value: unknown): T {
  return value as T;
}

test("calls with a signal or a timeout of the wrong type are refused, and hurt nobody else", async () => {
  const cluster = await Cluster.ready(1);
  const { replica } = cluster.leader;
  const wrong = [
    { signal: untyped<AbortSignalLike>(null) },
    { signal: untyped<AbortSignalLike>("abort") },
    { signal: untyped<AbortSignalLike>({ aborted: false }) },
    { timeoutMs: untyped<number>("5") },
    { timeoutMs: untyped<number>(null) },
  ];
  for (const options of wrong) {
    const calls = [
      new Watched(replica.propose(bytesOf("a"), options)),
      new Watched(replica.read("all", options)),
    ];
    await cluster.settle();
    expect(calls.map(({ code }) => code)).toEqual(["invalid_argument", "invalid_argument"]);
  }
  expect(replica.status().pending).toEqual({ proposals: 0, reads: 0, calls: 0 });
  expect(await cluster.write(cluster.leader, "a")).toBe("1:a");
  await cluster.close();
});

test("a signal that throws fails its own call, before anything happened", async () => {
  const cluster = await Cluster.ready(1);
  const { replica } = cluster.leader;
  const cause = new Error("no listeners here");
  const signal: AbortSignalLike = {
    aborted: false,
    addEventListener: () => {
      throw cause;
    },
    removeEventListener: () => {},
  };
  const write = new Watched(replica.propose(bytesOf("a"), { signal }));
  const read = new Watched(replica.read("all", { signal }));
  await cluster.settle();
  expect([write.code, read.code]).toEqual(["invalid_argument", "invalid_argument"]);
  expect(write.error.cause).toBe(cause);
  expect(replica.status().pending).toEqual({ proposals: 0, reads: 0, calls: 0 });
  expect(await cluster.write(cluster.leader, "b")).toBe("1:b");
  await cluster.close();
});

test("a signal that throws when a call is over changes nothing", async () => {
  const cluster = await Cluster.ready(1);
  const { replica } = cluster.leader;
  const signal: AbortSignalLike = {
    aborted: false,
    addEventListener: () => {},
    removeEventListener: () => {
      throw new Error("no");
    },
  };
  const write = new Watched(replica.propose(bytesOf("a"), { signal }));
  const read = new Watched(replica.read("all", { signal }));
  await cluster.until(() => write.isSettled && read.isSettled);
  expect([write.code, read.code]).toEqual(["resolved", "resolved"]);
  expect(replica.status().state).toBe("running");
  await cluster.close();
});

test("a command whose memory was given away fails its own call", async () => {
  const cluster = await Cluster.ready(1);
  const { replica } = cluster.leader;
  const memory = new ArrayBuffer(4);
  const command = new Uint8Array(memory);
  structuredClone(memory, { transfer: [memory] });
  const call = new Watched(replica.propose(command));
  await cluster.settle();
  expect(call.code).toBe("invalid_argument");
  expect(replica.status().pending.proposals).toBe(0);
  expect(await cluster.write(cluster.leader, "a")).toBe("1:a");
  await cluster.close();
});

test("a command is copied, a Buffer too: its owner may write to it at once", async () => {
  const cluster = await Cluster.ready(3);
  for (const { replica } of cluster.members) {
    const command = Buffer.from("before");
    const call = new Watched(replica.propose(command));
    command.write("after!");
    await cluster.until(() => call.isSettled);
    expect(textOf(call.value.result)).toMatch(/^\d:before$/);
  }
  await cluster.until(() => cluster.members.every(({ journal }) => journal.commands.length === 3));
  for (const { journal } of cluster.members) {
    expect(journal.commands).toEqual(["before", "before", "before"]);
  }
  await cluster.close();
});
