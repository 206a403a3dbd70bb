import fs from "node:fs";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { AssertionError, RaftError } from "@quorate/core";
import { diskConformance } from "@quorate/wal/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { dropBytes, openFile, openNodeDisk } from "../src/node-disk.ts";
import { storageError, syncError } from "../src/storage-error.ts";
import { temporaryDirectory } from "./processes.ts";

let directory = "";
diskConformance(
  async () => {
    directory = await temporaryDirectory();
    return openNodeDisk(directory);
  },
  {
    test,
    equal: (actual, expected, claim) => expect({ [claim]: actual }).toEqual({ [claim]: expected }),
    reopen: () => openNodeDisk(directory),
  },
);

test("openNodeDisk creates the directory and what is missing above it", async () => {
  const path = join(await temporaryDirectory(), "a", "b", "c");
  const disk = await openNodeDisk(path);
  const file = await disk.create("log");
  await file.write(0, [Buffer.from("hello")]);
  await file.close();
  expect(await readFile(join(path, "log"), "utf8")).toBe("hello");
  await openNodeDisk(path);
});

test("openNodeDisk refuses a path that is no directory", async () => {
  const path = join(await temporaryDirectory(), "file");
  await writeFile(path, "");
  await expect(openNodeDisk(path)).rejects.toThrow(`storage_failed: cannot create the directory`);
});

test("NodeDisk lists the regular files that could be its own, and nothing else", async () => {
  const path = await temporaryDirectory();
  const disk = await openNodeDisk(path);
  await (await disk.create("0001.log")).close();
  await mkdir(join(path, "lost+found"));
  await writeFile(join(path, ".hidden"), "");
  await writeFile(join(path, "a b"), "");
  await symlink("0001.log", join(path, "link"));
  const server = createServer();
  await new Promise<void>((done) => {
    server.listen(join(path, "socket"), done);
  });
  expect(await disk.list()).toEqual(["0001.log"]);
  server.close();
});

test("NodeDisk takes plain names only", async () => {
  const disk = await openNodeDisk(await temporaryDirectory());
  for (const name of ["", ".", "..", "a/b", "../a", "/a", ".a", "a\0b", "a\\b", "n".repeat(201)]) {
    await expect(disk.create(name)).rejects.toThrow(AssertionError);
  }
});

test("a file writes more chunks than one system call takes, joined or not", async () => {
  const disk = await openNodeDisk(await temporaryDirectory());
  const file = await disk.create("log");
  for (const [count, bytes] of [
    [3000, 7],
    [3000, 100],
    [2, 500_000],
  ] as const) {
    const chunks = Array.from({ length: count }, (_, i) => new Uint8Array(bytes).fill(i));
    await file.write(11, chunks);
    const read = await file.read(11, count * bytes);
    expect(Buffer.concat(chunks).equals(read)).toBe(true);
  }
  await file.close();
});

test("what is written synced is durable when the write ends", async () => {
  const path = await temporaryDirectory();
  const disk = await openNodeDisk(path);
  const [writes, syncs] = [vi.spyOn(fs, "writev"), vi.spyOn(fs, "fdatasync")];
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  const files = [await disk.create("log"), await openFile(join(path, "copy"), "wx+", "create")];
  for (const file of files) {
    writes.mockClear();
    await file.writeSynced(3, [Buffer.from("hello")]);
    const fd = writes.mock.lastCall?.[0] ?? 0;
    const isSynced = process.platform === "linux" && (await openFlags(fd)) & fs.constants.O_DSYNC;
    if (!isSynced) expect(syncs).toHaveBeenLastCalledWith(fd, expect.anything());
    await file.close();
  }
  // Only a log is worth a descriptor of its own.
  expect(syncs).toHaveBeenCalledTimes(process.platform === "linux" ? 1 : 2);
});

/** How descriptor `fd` of this process was opened, as Linux tells. */
async function openFlags(fd: number): Promise<number> {
  const info = await readFile(`/proc/self/fdinfo/${fd}`, "utf8");
  return Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? "", 8);
}

test("what a file reads is a plain byte array, whose slices are copies", async () => {
  const disk = await openNodeDisk(await temporaryDirectory());
  const file = await disk.create("log");
  await file.write(0, [Uint8Array.of(1, 2, 3)]);
  const bytes = await file.read(0, 3);
  bytes.slice(0, 1).fill(9);
  expect([...bytes]).toEqual([1, 2, 3]);
  await file.close();
});

test("a file that was closed is not used again", async () => {
  const disk = await openNodeDisk(await temporaryDirectory());
  const file = await disk.create("log");
  await file.close();
  await expect(file.size()).rejects.toThrow(AssertionError);
  await expect(file.write(0, [Uint8Array.of(1)])).rejects.toThrow(AssertionError);
});

test("dropBytes leaves what a short write did not take", () => {
  const chunks = [Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3, 4, 5)];
  const whole = [1, 2, 3, 4, 5];
  for (let count = 0; count <= whole.length; count++) {
    expect(dropBytes(chunks, count).flatMap((chunk) => [...chunk])).toEqual(whole.slice(count));
  }
});

test("a full disk may recover, and nothing else may: least of all a failed sync", () => {
  const system = (code: string): Error => Object.assign(new Error(`${code}: told`), { code });
  expect(storageError("write f", system("ENOSPC")).code).toBe("disk_full");
  expect(storageError("write f", system("EDQUOT")).code).toBe("disk_full");
  expect(storageError("write f", system("EIO")).code).toBe("storage_failed");
  expect(storageError("write f", system("EIO")).message).toBe(
    "storage_failed: cannot write f: EIO: told",
  );
  expect(syncError("f", system("ENOSPC")).code).toBe("storage_failed");
  expect(storageError("write f", system("EIO")).cause).toBeInstanceOf(Error);
});

// Linux has a device that is always full.
test.runIf(process.platform === "linux")("a full file system is reported as such", async () => {
  const path = await temporaryDirectory();
  await symlink("/dev/full", join(path, "full"));
  const file = await (await openNodeDisk(path)).open("full");
  const failure: unknown = await file.write(0, [Uint8Array.of(1)]).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(RaftError);
  expect(failure).toMatchObject({ code: "disk_full", outcome: "not-applied" });
  await file.close();
});
