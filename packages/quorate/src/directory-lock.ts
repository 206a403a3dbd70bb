/**
 * One process per data directory, by locks that die with their holder.
 *
 * Node.js has no `flock`. A file with a process id in it outlives a crash, and ids are reused. A
 * listening socket is closed by the kernel however its process ends, and a stopped process keeps it,
 * so it says exactly what a lock must say: connecting to it fails once its holder is gone.
 *
 * A socket leaves its file behind, though, and whoever removes a dead one must not remove the live
 * one that took its place a moment ago. So no name is ever used twice, and nobody needs to replace
 * anything. To take the lock, a process
 *
 * 1. listens on a socket under a pending name, and only then gives it its published name;
 * 2. lists the published names, connects to each, and removes those whose process is gone;
 * 3. holds the lock if no other is alive, and else withdraws its own.
 *
 * Of two processes the one that publishes later lists both sockets, so two can never hold the lock.
 * Two that start together may both withdraw: they try again after a random wait.
 *
 * A process that dies keeps its sockets until its last thread has ended, so none of its writes come
 * after its lock is gone. On macOS a stopped holder looks dead once its queue of connections is full,
 * which takes some hundred attempts; Linux tells the two apart.
 *
 * The lock works between processes of one kernel, containers included. It does not work between
 * machines that share a directory over a network, which no log should live on.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RaftError } from "@quorate/core";
import { storageError, systemCode } from "./storage-error.ts";

/** A directory that is this process's alone until `release`, or until the process ends in any way. */
export interface DirectoryLock {
  /** Gives the directory up. Safe to call again. */
  release(): Promise<void>;
}

/** How often to try again when others try too, or do not say whether they hold the lock. */
const attemptCountMax = 12;
/** How long a holder has to say that it is one. A stopped one never does, and counts as alive. */
const greetingTimeoutMs = 100;
/** The shortest limit on the path of a socket among the systems that Node.js runs on (macOS). */
const socketPathBytesMax = 103;

const pendingPrefix = ".locking-";
const publishedName = /^\.lock-(\d+)-[0-9a-f]{16}$/;

/**
 * Takes the lock of `directory`, which exists. Throws `locked` if another process, or another part of
 * this one, has it, and `storage_failed` if the directory cannot hold a lock.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = await fs.realpath(resolve(directory)).catch((error: unknown) => {
    throw storageError(`lock ${directory}`, error);
  });
  return process.platform === "win32" ? lockByPipe(path) : lockBySocket(path);
}

/** Who has a directory open. */
export interface DirectoryHolder {
  /** The process; undefined where the system does not tell. */
  readonly pid: number | undefined;
}

/**
 * Who has the lock of `directory`, or is about to take it; undefined if nobody is. Changes nothing in the
 * directory, so it says nothing of the next moment. Throws `storage_failed` if that cannot be found out.
 */
export async function findHolder(directory: string): Promise<DirectoryHolder | undefined> {
  try {
    const path = await fs.realpath(resolve(directory));
    if (process.platform === "win32") {
      return (await probe(pipeName(path))) === "dead" ? undefined : { pid: undefined };
    }
    return await findSocket(path);
  } catch (error) {
    throw storageError(`look at ${directory}`, error);
  }
}

async function findSocket(directory: string): Promise<DirectoryHolder | undefined> {
  const nearby = await openShortPath(directory);
  try {
    for (const name of await fs.readdir(directory)) {
      const pid = publishedName.exec(name)?.[1];
      if (pid === undefined) continue;
      // Another user's process may not be asked. It counts as alive, too.
      const state = await probe(join(nearby.path, name)).catch(() => "alive");
      if (state !== "dead") return { pid: Number(pid) };
    }
    return undefined;
  } finally {
    await nearby.close();
  }
}

async function lockBySocket(directory: string): Promise<DirectoryLock> {
  const nearby = await openShortPath(directory);
  try {
    for (let attempt = 1; ; attempt++) {
      const claim = await publish(directory, nearby.path);
      const others = claim === undefined ? [] : await decide(directory, nearby.path, claim);
      if (claim !== undefined && others.length === 0) return claim;
      const holder = others.find((other) => other.holds) ?? others[0];
      if (holder !== undefined && (holder.holds || attempt >= attemptCountMax)) {
        throw new RaftError("locked", `${directory} is in use by process ${holder.pid}`);
      }
      if (attempt >= attemptCountMax) throw new RaftError("locked", `${directory} is in use`);
      await sleep(Math.random() * 5 * attempt);
    }
  } catch (error) {
    throw error instanceof RaftError ? error : storageError(`lock ${directory}`, error);
  } finally {
    await nearby.close();
  }
}

/** A published socket of this process: an attempt, and after `hold` the lock. */
interface Claim extends DirectoryLock {
  readonly name: string;
  hold(): Promise<void>;
}

/** Steps 2 and 3: those who are in the way, for whom the claim was withdrawn; it holds if there are none. */
async function decide(directory: string, nearby: string, claim: Claim): Promise<Other[]> {
  try {
    const others = await findOthers(directory, nearby, claim.name);
    await (others.length === 0 ? claim.hold() : claim.release());
    return others;
  } catch (error) {
    // What is left published would look like a holder for as long as this process lives.
    await claim.release();
    throw error;
  }
}

/** Step 1. Undefined if a new holder tidied the pending name away. */
async function publish(directory: string, nearby: string): Promise<Claim | undefined> {
  const suffix = `${process.pid}-${randomBytes(8).toString("hex")}`;
  const [pending, name] = [`${pendingPrefix}${suffix}`, `.lock-${suffix}`];
  let holds = false;
  const server = net.createServer((socket) => {
    socket.on("error", () => socket.destroy());
    // Not left open until the visitor hangs up too, which a stopped one never does: `close` would wait.
    socket.write(holds ? "held" : "trying");
    socket.destroySoon();
  });
  await listen(server, join(nearby, pending));
  const release = async (): Promise<void> => {
    await new Promise<void>((done) => {
      server.close(() => done());
    });
    await unlink(join(directory, name));
  };
  const hold = async (): Promise<void> => {
    holds = true;
    // A process that crashed before it published left its pending name. Any other loses its attempt.
    const names = await fs.readdir(directory);
    const left = names.filter((found) => found.startsWith(pendingPrefix));
    await Promise.all(left.map((found) => unlink(join(directory, found))));
  };
  try {
    await fs.rename(join(directory, pending), join(directory, name));
  } catch (error) {
    await release();
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  return { name, hold, release };
}

/** Another process that has the lock or tries to get it. */
interface Other {
  readonly pid: number;
  /** Whether it said that it has the lock. If not, it tries, or is too busy or stopped to say. */
  readonly holds: boolean;
}

/** Step 2. A dead socket is safe to remove at any time: its name is never used again. */
async function findOthers(directory: string, nearby: string, own: string): Promise<Other[]> {
  const others: Other[] = [];
  for (const name of await fs.readdir(directory)) {
    const pid = publishedName.exec(name)?.[1];
    if (pid === undefined || name === own) continue;
    const state = await probe(join(nearby, name));
    if (state === "dead") await unlink(join(directory, name));
    else others.push({ pid: Number(pid), holds: state === "held" });
  }
  return others;
}

/**
 * Asks the socket at `path`. A stopped process still counts as alive: the kernel takes connections in its
 * place, or says that no more can wait, which is not the refusal that a dead socket answers with.
 */
function probe(path: string): Promise<"dead" | "held" | "alive"> {
  return new Promise((done, fail) => {
    let greeting = "";
    const socket = net.connect(path);
    const timer = setTimeout(() => finish("alive"), greetingTimeoutMs);
    const finish = (state: "dead" | "held" | "alive"): void => {
      clearTimeout(timer);
      socket.destroy();
      done(state);
    };
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      greeting += text;
    });
    socket.on("end", () => finish(greeting === "held" ? "held" : "alive"));
    socket.on("error", (error) => {
      const code = systemCode(error);
      if (code === "ECONNREFUSED" || code === "ENOENT") finish("dead");
      else if (code === "EACCES") {
        clearTimeout(timer);
        fail(error);
      } else finish("alive");
    });
  });
}

/** A way to name what is in a directory in few enough bytes for a socket. */
interface ShortPath {
  readonly path: string;
  close(): Promise<void>;
}

/**
 * The directory itself or, since longer paths of sockets are cut off silently, a symbolic link to it
 * from a temporary directory.
 */
async function openShortPath(directory: string): Promise<ShortPath> {
  const longest = `${pendingPrefix}${2 ** 32}-${"0".repeat(16)}`;
  const fits = (path: string): boolean =>
    Buffer.byteLength(join(path, longest)) <= socketPathBytesMax;
  if (fits(directory)) return { path: directory, close: async () => {} };
  const base =
    [tmpdir(), "/tmp"].find((candidate) => fits(join(candidate, "q-123456", "d"))) ?? "/tmp";
  const temporary = await fs.mkdtemp(join(base, "q-"));
  const path = join(temporary, "d");
  await fs.symlink(directory, path);
  return { path, close: () => fs.rm(temporary, { recursive: true, force: true }) };
}

/** On Windows a pipe has a name of its own, apart from files, and vanishes with its process. */
async function lockByPipe(directory: string): Promise<DirectoryLock> {
  const server = net.createServer((socket) => socket.destroy());
  try {
    await listen(server, pipeName(directory));
  } catch (error) {
    const code = systemCode(error);
    if (code !== "EADDRINUSE" && code !== "EACCES") throw storageError(`lock ${directory}`, error);
    throw new RaftError("locked", `${directory} is in use by another process`, { cause: error });
  }
  return {
    release: () =>
      new Promise((done) => {
        server.close(() => done());
      }),
  };
}

function pipeName(directory: string): string {
  const name = createHash("sha256").update(directory.toLowerCase()).digest("hex");
  return `\\\\.\\pipe\\quorate-${name}`;
}

/** Listens in this very process, even in a worker of `node:cluster`, and does not keep it alive. */
function listen(server: net.Server, path: string): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", fail);
    server.listen({ path, exclusive: true }, () => {
      server.off("error", fail);
      // What fails from now on is one visitor's connection, not the lock.
      server.on("error", () => {});
      server.unref();
      done();
    });
  });
}

async function unlink(path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
