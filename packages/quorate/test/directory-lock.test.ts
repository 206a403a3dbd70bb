import { mkdir, readdir, rmdir, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { RaftError } from "@quorate/core";
import { expect, onTestFinished, test } from "vitest";
import { lockDirectory } from "../src/directory-lock.ts";
import { startChild, temporaryDirectory, until } from "./processes.ts";

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return "none";
  } catch (error) {
    return error instanceof RaftError ? error.code : String(error);
  }
}

test("lockDirectory refuses a directory that this process has, until it is released", async () => {
  const directory = await temporaryDirectory();
  const lock = await lockDirectory(directory);
  await expect(lockDirectory(directory)).rejects.toThrow(
    `locked: ${directory} is in use by process ${process.pid}`,
  );
  await lock.release();
  await lock.release();
  const again = await lockDirectory(directory);
  await again.release();
  expect(await readdir(directory)).toEqual([]);
});

test("lockDirectory names the directory and the process that has it", async () => {
  const directory = await temporaryDirectory();
  const holder = startChild("lock-child.mjs", [directory]);
  expect(await holder.firstLine).toBe("held");
  await expect(lockDirectory(directory)).rejects.toThrow(
    `locked: ${directory} is in use by process ${holder.pid}`,
  );
});

test("a killed holder leaves nothing that stands in the way", async () => {
  const directory = await temporaryDirectory();
  for (let round = 0; round < 3; round++) {
    const holder = startChild("lock-child.mjs", [directory]);
    expect(await holder.firstLine).toBe("held");
    await holder.kill();
  }
  expect(await readdir(directory)).toHaveLength(1);
  const lock = await lockDirectory(directory);
  await lock.release();
  expect(await readdir(directory)).toEqual([]);
});

test("a stopped holder still has the lock", async () => {
  const directory = await temporaryDirectory();
  const holder = startChild("lock-child.mjs", [directory]);
  expect(await holder.firstLine).toBe("held");
  holder.process.kill("SIGSTOP");
  await expect(lockDirectory(directory)).rejects.toThrow(
    `locked: ${directory} is in use by process ${holder.pid}`,
  );
  await holder.kill();
  await (await lockDirectory(directory)).release();
});

test("of processes that start at the same instant after a crash exactly one gets the lock", async () => {
  const directory = await temporaryDirectory();
  for (let round = 0; round < 5; round++) {
    const crashed = startChild("lock-child.mjs", [directory]);
    expect(await crashed.firstLine).toBe("held");
    await crashed.kill();
    const startMs = String(Date.now() + 300);
    const racers = [1, 2, 3].map(() => startChild("lock-child.mjs", [directory, startMs]));
    const lines = await Promise.all(racers.map((racer) => racer.firstLine));
    expect(lines.filter((line) => line === "held")).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith("locked "))).toHaveLength(2);
    await Promise.all(racers.map((racer) => racer.kill()));
  }
});

test("attempts within one process exclude one another, whatever their number", async () => {
  const directory = await temporaryDirectory();
  for (let round = 0; round < 10; round++) {
    const attempts = await Promise.allSettled([1, 2, 3, 4].map(() => lockDirectory(directory)));
    const held = attempts.filter((attempt) => attempt.status === "fulfilled");
    expect(held).toHaveLength(1);
    for (const { value } of held) await value.release();
  }
});

test("lockDirectory works where the path is too long for a socket", async () => {
  const directory = join(await temporaryDirectory(), "d".repeat(120));
  await mkdir(directory);
  const holder = startChild("lock-child.mjs", [directory]);
  expect(await holder.firstLine).toBe("held");
  expect(await codeOf(lockDirectory(directory))).toBe("locked");
  await holder.kill();
  const lock = await lockDirectory(directory);
  expect(await codeOf(lockDirectory(directory))).toBe("locked");
  await lock.release();
  expect(await readdir(directory)).toEqual([]);
});

test("a holder removes what a process left that crashed before it published", async () => {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, ".locking-1-0123456789abcdef"), "");
  const lock = await lockDirectory(directory);
  expect(await readdir(directory)).toHaveLength(1);
  await lock.release();
  expect(await readdir(directory)).toEqual([]);
});

test("a socket that answers, but not as a holder, is in the way only as long as it lives", async () => {
  const directory = await temporaryDirectory();
  const server = createServer((socket) => socket.end("trying"));
  await new Promise<void>((done) => {
    server.listen(join(directory, ".lock-77-0123456789abcdef"), done);
  });
  await expect(lockDirectory(directory)).rejects.toThrow(`${directory} is in use by process 77`);
  const attempt = lockDirectory(directory);
  server.close();
  await (await attempt).release();
});

test("a visitor that never hangs up does not keep a lock from being released", async () => {
  const directory = await temporaryDirectory();
  const lock = await lockDirectory(directory);
  const [name = ""] = await readdir(directory);
  // As a process that is stopped while it asks who has the lock.
  const visitor = connect({ path: join(directory, name), allowHalfOpen: true });
  onTestFinished(() => {
    visitor.destroy();
  });
  let greeting = "";
  visitor.on("data", (bytes) => (greeting += bytes.toString()));
  await until("the visitor was told", () => greeting === "held");
  let isReleased = false;
  const releasing = lock.release().then(() => (isReleased = true));
  await until("the lock is released", () => isReleased);
  await releasing;
});

test.each([".lock-77-0123456789abcdef", ".locking-77-0123456789abcdef"])(
  "an attempt that fails because of %s leaves no lock behind",
  async (name) => {
    const directory = await temporaryDirectory();
    // Takes the place of a socket, and cannot be removed as one.
    await mkdir(join(directory, name));
    expect(await codeOf(lockDirectory(directory))).toBe("storage_failed");
    expect(await readdir(directory)).toEqual([name]);
    await rmdir(join(directory, name));
    const lock = await lockDirectory(directory);
    await lock.release();
  },
);

test("lockDirectory fails for a directory that is not there", async () => {
  expect(await codeOf(lockDirectory("/nonexistent/quorate"))).toBe("storage_failed");
});
