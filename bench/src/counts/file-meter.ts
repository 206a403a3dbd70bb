import fs from "node:fs";
import { sep } from "node:path";
import { bytesIn, observe, replace } from "./observe.ts";

/** What was done to the files below one directory. */
export interface FileCounts {
  /** Calls that write. */
  readonly writes: number;
  readonly writtenBytes: number;
  /** Data syncs: calls of their own, and writes that end only when the disk has them. */
  readonly syncs: number;
}

/** An open file. */
interface Handle {
  readonly path: string;
  /** Whether each write is durable when it ends. */
  readonly isSynced: boolean;
}

/**
 * Counts what this process does to files that it opens from now on, by observing `node:fs`. The calls go
 * through. What is not called through `fs` itself, such as `fs/promises`, is not seen.
 */
export class FileMeter {
  readonly #handles = new Map<number, Handle>();
  readonly #counts = new Map<string, FileCounts>();
  readonly #restore: readonly (() => void)[];

  /** Begins to count. */
  constructor() {
    const written = (name: string): (() => void) =>
      observe(fs, name, ({ args: [fd, data] }) => this.#onWrite(fd, bytesIn(data)));
    const synced = (name: string): (() => void) =>
      observe(fs, name, ({ args: [fd] }) =>
        this.#add(fd, { writes: 0, writtenBytes: 0, syncs: 1 }),
      );
    this.#restore = [
      replace(fs, "open", (original) => (...args: unknown[]) => {
        const callback = args.at(-1);
        const told = (error: unknown, fd: unknown): void => {
          if (typeof fd === "number") this.#onOpen(fd, args);
          if (typeof callback === "function") Reflect.apply(callback, undefined, [error, fd]);
        };
        return original(...args.slice(0, -1), told);
      }),
      observe(fs, "close", ({ args: [fd] }) => this.#handles.delete(Number(fd))),
      ...["write", "writev", "writeSync", "writevSync"].map(written),
      ...["fsync", "fdatasync", "fsyncSync", "fdatasyncSync"].map(synced),
    ];
  }

  /** What was done so far to the files in `directory` and below. */
  below(directory: string): FileCounts {
    const sum = { writes: 0, writtenBytes: 0, syncs: 0 };
    for (const [path, { writes, writtenBytes, syncs }] of this.#counts) {
      if (!path.startsWith(directory + sep)) continue;
      sum.writes += writes;
      sum.writtenBytes += writtenBytes;
      sum.syncs += syncs;
    }
    return sum;
  }

  /** Ends the count, and leaves everything as it was. */
  stop(): void {
    for (const restore of this.#restore) restore();
  }

  #onOpen(fd: number, [path, flags]: readonly unknown[]): void {
    const isSynced = typeof flags === "number" && (flags & fs.constants.O_DSYNC) !== 0;
    this.#handles.set(fd, { path: String(path), isSynced });
  }

  #onWrite(fd: unknown, writtenBytes: number): void {
    const isSynced = this.#handles.get(Number(fd))?.isSynced === true;
    this.#add(fd, { writes: 1, writtenBytes, syncs: isSynced ? 1 : 0 });
  }

  #add(fd: unknown, more: FileCounts): void {
    const handle = this.#handles.get(Number(fd));
    if (handle === undefined) return;
    const before = this.#counts.get(handle.path) ?? { writes: 0, writtenBytes: 0, syncs: 0 };
    this.#counts.set(handle.path, {
      writes: before.writes + more.writes,
      writtenBytes: before.writtenBytes + more.writtenBytes,
      syncs: before.syncs + more.syncs,
    });
  }
}
