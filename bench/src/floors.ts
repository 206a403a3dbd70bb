import { fork } from "node:child_process";
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { promisify } from "node:util";
import { Samples } from "./samples.ts";

/** What this machine can do at best, measured beside the product in the same run. */

const dataSync = promisify(fdatasync);

/** The time to write `bytes` over preallocated space and sync them, in milliseconds. */
export async function measureDataSync(dir: string, bytes: number, count: number): Promise<Samples> {
  const path = join(dir, `floor-sync-${bytes}`);
  const fd = openSync(path, "w+");
  const data = Buffer.alloc(bytes, 1);
  const times: number[] = [];
  try {
    writeSync(fd, Buffer.alloc(bytes * count, 2));
    fdatasyncSync(fd);
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      writeSync(fd, data, 0, bytes, i * bytes);
      await dataSync(fd);
      times.push(performance.now() - start);
    }
  } finally {
    closeSync(fd);
    rmSync(path, { force: true });
  }
  return new Samples(times);
}

/** The least that a lone write takes, in milliseconds: a data sync and a loopback round trip. */
export async function measureLoneWriteFloor(dir: string): Promise<number> {
  const sync = await measureDataSync(dir, 128, 100);
  const roundTrip = await measureRoundTrip(200);
  return sync.median + roundTrip.median;
}

/** Sequential writing with one sync at the end, in bytes per second. */
export function measureDiskBandwidth(dir: string, bytes: number): number {
  const path = join(dir, "floor-bandwidth");
  const fd = openSync(path, "w+");
  const chunk = Buffer.alloc(1 << 20, 1);
  try {
    ftruncateSync(fd, bytes);
    const start = performance.now();
    for (let done = 0; done < bytes; done += chunk.length) writeSync(fd, chunk);
    fdatasyncSync(fd);
    return bytes / ((performance.now() - start) / 1000);
  } finally {
    closeSync(fd);
    rmSync(path, { force: true });
  }
}

/** Sequential reading of what was just written, in bytes per second. */
export function measureReadBandwidth(dir: string, bytes: number): number {
  const path = join(dir, "floor-read");
  const fd = openSync(path, "w+");
  const chunk = Buffer.alloc(1 << 20, 1);
  try {
    for (let done = 0; done < bytes; done += chunk.length) writeSync(fd, chunk);
    const start = performance.now();
    for (let done = 0; done < bytes; done += chunk.length) {
      readSync(fd, chunk, 0, chunk.length, done);
    }
    return bytes / ((performance.now() - start) / 1000);
  } finally {
    closeSync(fd);
    rmSync(path, { force: true });
  }
}

/** A TCP round trip of 64 bytes to another process on loopback, in milliseconds. */
export async function measureRoundTrip(count: number): Promise<Samples> {
  return withEcho(async (socket) => {
    const times: number[] = [];
    const message = Buffer.alloc(64, 1);
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      socket.write(message);
      await received(socket, message.length);
      times.push(performance.now() - start);
    }
    return new Samples(times);
  });
}

/** Bytes per second through a loopback connection into another process and back. */
export async function measureLoopbackBandwidth(bytes: number): Promise<number> {
  return withEcho(async (socket) => {
    const chunk = Buffer.alloc(1 << 20, 1);
    const start = performance.now();
    const back = received(socket, bytes);
    for (let done = 0; done < bytes; done += chunk.length) {
      if (!socket.write(chunk)) await new Promise<void>((resolve) => socket.once("drain", resolve));
    }
    await back;
    return bytes / ((performance.now() - start) / 1000);
  });
}

function received(socket: Socket, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = bytes;
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left > 0) return;
      socket.off("data", onData);
      socket.off("error", reject);
      resolve();
    };
    socket.on("data", onData);
    socket.once("error", reject);
  });
}

async function withEcho<T>(use: (socket: Socket) => Promise<T>): Promise<T> {
  const child = fork(new URL("./echo-process.js", import.meta.url));
  try {
    const port = await new Promise<number>((resolve, reject) => {
      child.once("message", (message) => resolve(Number(message)));
      child.once("error", reject);
    });
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    try {
      return await use(socket);
    } finally {
      socket.destroy();
    }
  } finally {
    child.kill();
  }
}

/** Echoes what it gets on a port of the system's choice, which it tells its parent. */
export function serveEcho(): void {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (typeof address === "object" && address !== null) process.send?.(address.port);
  });
  process.on("disconnect", () => process.exit(0));
}
