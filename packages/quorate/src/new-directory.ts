import { randomBytes } from "node:crypto";
import { readdir, rename, rm, rmdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { RaftError } from "@quorate/core";
import { openNodeDisk } from "./node-disk.ts";
import { storageError, systemCode } from "./storage-error.ts";

/** Whether `dataDir` is there, and empty. Throws `invalid_options` if it has anything in it. */
export async function isEmptyDirectory(dataDir: string): Promise<boolean> {
  if (typeof dataDir !== "string" || dataDir === "") {
    throw refusal("dataDir must name a directory");
  }
  try {
    const [name] = await readdir(dataDir);
    if (name === undefined) return true;
    throw refusal(`${dataDir} is not empty: it has ${name}`);
  } catch (error) {
    if (error instanceof RaftError) throw error;
    if (systemCode(error) === "ENOENT") return false;
    throw storageError(`use ${dataDir}`, error);
  }
}

/**
 * Lets `make` make a directory aside, which gets its name when it is whole. A directory that is there
 * may be the root of a volume, so it gets the files instead: the first of the log comes last, after the
 * others are durable, since they are refused without it.
 */
export async function makeInPlace(
  { dataDir, isThere }: { readonly dataDir: string; readonly isThere: boolean },
  make: (directory: string) => Promise<void>,
): Promise<void> {
  const suffix = `.making-${randomBytes(4).toString("hex")}`;
  const path = resolve(dataDir);
  const aside = isThere ? join(path, suffix) : `${path}${suffix}`;
  try {
    await make(aside);
    if (isThere) await moveFiles(aside, path);
    else await rename(aside, path);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw error instanceof RaftError ? error : storageError(`make ${path}`, error);
  }
  // Makes the names durable.
  const directory = await openNodeDisk(path);
  await directory.syncDirectory();
}

async function moveFiles(from: string, to: string): Promise<void> {
  const names = (await readdir(from)).sort();
  const logs = names.filter((name) => name.endsWith(".wal")).reverse();
  const [first] = logs.slice(-1);
  const disk = await openNodeDisk(to);
  for (const name of [...names.filter((other) => !logs.includes(other)), ...logs]) {
    if (name === first) await disk.syncDirectory();
    await rename(join(from, name), join(to, name));
  }
  await rmdir(from);
}

function refusal(message: string): RaftError {
  return new RaftError("invalid_options", message);
}
