import { assert, RaftError } from "@quorate/core";
import type { Disk, DiskFile } from "./disk.ts";
import { MemoryFile, type SurvivesSector } from "./memory-file.ts";

/** One call that changes the disk, or makes a change durable. */
export interface DiskOperation {
  /** Counts such calls, from 1. */
  readonly number: number;
  readonly kind: "create" | "write" | "truncate" | "sync" | "rename" | "remove" | "sync-directory";
  /** The file; the old name of a rename; empty for the directory. */
  readonly name: string;
}

/**
 * What may befall an operation. `fail`: it rejects with `storage_failed`; a write got half way, and
 * after the failed sync of a file its unsynced bytes will never be durable, however often it is synced
 * again. `full`: it rejects with `disk_full` and did nothing. `kill-before`, `kill-after`: the process
 * ends just before or just after it took effect.
 */
export type DiskFault = "fail" | "full" | "kill-before" | "kill-after";

/** Something that was not synced when the power failed. */
export type UnsyncedPart =
  /** The `sector`-th 512 bytes of a file. */
  | { readonly kind: "sector"; readonly name: string; readonly sector: number }
  /** The length of a file. */
  | { readonly kind: "size"; readonly name: string }
  /** A name that was created, renamed or removed. */
  | { readonly kind: "name"; readonly name: string };

/** How a memory disk behaves. */
export interface MemoryDiskOptions {
  /**
   * How many bytes all files may have together; beyond it, what makes a file grow is `disk_full`.
   *
   * @default no limit
   */
  readonly capacityBytes?: number;
}

/** A change of names that was not synced. */
type NameChange =
  | { readonly kind: "create" | "remove"; readonly name: string; readonly file: MemoryFile }
  | {
      readonly kind: "rename";
      readonly name: string;
      readonly to: string;
      readonly file: MemoryFile;
    };

/**
 * A disk in memory that keeps no more than a real one promises (see `Disk`). One object is the disk as
 * one process sees it: `afterKill` and `afterPowerLoss` give what the next process finds. The object
 * itself stays as it was, so that many ways to go on can be tried from one point.
 */
export class MemoryDisk implements Disk {
  /** Asked before every operation, and says what befalls it, if anything. */
  intercept: ((operation: DiskOperation) => DiskFault | undefined) | undefined;
  /** See `MemoryDiskOptions`. May be changed at any time. */
  capacityBytes: number;
  #operationCount = 0;
  #isDead = false;
  readonly #names = new Map<string, MemoryFile>();
  readonly #durableNames = new Map<string, MemoryFile>();
  #nameChanges: NameChange[] = [];

  /** An empty disk. */
  constructor(options: MemoryDiskOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
  }

  /** How many operations there were. */
  get operationCount(): number {
    return this.#operationCount;
  }

  /** Whether the process was killed: then every call rejects with `storage_failed`. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /** The length of all files, in bytes. */
  get bytes(): number {
    let bytes = 0;
    for (const file of this.#names.values()) bytes += file.size;
    return bytes;
  }

  /** What the next process finds if this one is killed: everything, synced or not. */
  afterKill(): MemoryDisk {
    const next = new MemoryDisk({ capacityBytes: this.capacityBytes });
    const copies = new Map<MemoryFile, MemoryFile>();
    const copyOf = (file: MemoryFile): MemoryFile => {
      const copy = copies.get(file) ?? file.clone();
      copies.set(file, copy);
      return copy;
    };
    for (const [name, file] of this.#names) next.#names.set(name, copyOf(file));
    for (const [name, file] of this.#durableNames) next.#durableNames.set(name, copyOf(file));
    next.#nameChanges = this.#nameChanges.map((change) => ({
      ...change,
      file: copyOf(change.file),
    }));
    return next;
  }

  /** What the next process finds if the power fails: all that was synced, and of the rest what `survives`. */
  afterPowerLoss(survives: (part: UnsyncedPart) => boolean): MemoryDisk {
    const next = new MemoryDisk({ capacityBytes: this.capacityBytes });
    const names = new Map(this.#durableNames);
    for (const change of this.#nameChanges) {
      if (survives({ kind: "name", name: change.name })) applyTo(names, change);
    }
    for (const [name, file] of names) {
      const survivesSector: SurvivesSector = (sector) => survives({ kind: "sector", name, sector });
      const left = file.afterPowerLoss(survivesSector, () => survives({ kind: "size", name }));
      next.#names.set(name, left);
      next.#durableNames.set(name, left);
    }
    return next;
  }

  /** The bytes of a file as a process reads them. The file must exist. */
  readFile(name: string): Uint8Array {
    const file = this.#names.get(name);
    assert(file !== undefined, `the file ${name} exists`);
    return file.read(0, file.size);
  }

  /** Sets the bytes of a file, durably, as damage or a hand from outside does. It need not exist. */
  writeFile(name: string, bytes: Uint8Array): void {
    const file = new MemoryFile();
    file.write(0, bytes);
    file.sync();
    this.#names.set(name, file);
    this.#durableNames.set(name, file);
  }

  async list(): Promise<readonly string[]> {
    this.#checkAlive();
    return [...this.#names.keys()];
  }

  async create(name: string): Promise<DiskFile> {
    return this.#operate("create", name, () => {
      if (this.#names.has(name)) throw failed(`creating ${name}: the file exists`);
      const file = new MemoryFile();
      this.#change({ kind: "create", name, file });
      return this.#handle(name, file);
    });
  }

  async open(name: string): Promise<DiskFile> {
    this.#checkAlive();
    return this.#handle(name, this.#find(name));
  }

  async rename(from: string, to: string): Promise<void> {
    this.#operate("rename", from, () => {
      this.#change({ kind: "rename", name: from, to, file: this.#find(from) });
    });
  }

  async remove(name: string): Promise<void> {
    this.#operate("remove", name, () => {
      this.#change({ kind: "remove", name, file: this.#find(name) });
    });
  }

  async syncDirectory(): Promise<void> {
    this.#operate("sync-directory", "", () => {
      for (const change of this.#nameChanges) applyTo(this.#durableNames, change);
      this.#nameChanges = [];
    });
  }

  #handle(name: string, file: MemoryFile): DiskFile {
    let isOpen = true;
    const check = (): void => {
      this.#checkAlive();
      assert(isOpen, `the file ${name} is open`);
    };
    const write: DiskFile["write"] = async (offset, chunks) => {
      check();
      const bytes = joined(chunks);
      const put = (length: number): void => {
        this.#checkRoom(offset + length - file.size);
        file.write(offset, bytes.subarray(0, length));
      };
      this.#operate(
        "write",
        name,
        () => put(bytes.length),
        () => put(bytes.length >> 1),
      );
    };
    const sync: DiskFile["sync"] = async () => {
      check();
      this.#operate(
        "sync",
        name,
        () => file.sync(),
        () => file.failSync(),
      );
    };
    return {
      size: async () => {
        check();
        return file.size;
      },
      read: async (offset, length) => {
        check();
        return file.read(offset, length);
      },
      write,
      sync,
      writeSynced: async (offset, chunks) => {
        await write(offset, chunks);
        await sync();
      },
      truncate: async (size) => {
        check();
        this.#operate("truncate", name, () => {
          this.#checkRoom(size - file.size);
          file.truncate(size);
        });
      },
      close: async () => {
        check();
        isOpen = false;
      },
    };
  }

  /** Does one operation, or what befalls it instead; `onFail` is what a failure leaves behind. */
  #operate<T>(kind: DiskOperation["kind"], name: string, effect: () => T, onFail?: () => void): T {
    this.#checkAlive();
    this.#operationCount++;
    const fault = this.intercept?.({ number: this.#operationCount, kind, name });
    if (fault === "kill-before") this.#die();
    if (fault === "full") throw full();
    if (fault === "fail") {
      onFail?.();
      throw failed(`${kind} ${name}: input/output error`);
    }
    const result = effect();
    if (fault === "kill-after") this.#die();
    return result;
  }

  #change(change: NameChange): void {
    applyTo(this.#names, change);
    this.#nameChanges.push(change);
  }

  #find(name: string): MemoryFile {
    const file = this.#names.get(name);
    if (file === undefined) throw failed(`${name}: there is no such file`);
    return file;
  }

  #checkRoom(growth: number): void {
    if (growth > 0 && this.bytes + growth > this.capacityBytes) throw full();
  }

  #checkAlive(): void {
    if (this.#isDead) this.#die();
  }

  #die(): never {
    this.#isDead = true;
    throw failed("the process was killed");
  }
}

function applyTo(names: Map<string, MemoryFile>, change: NameChange): void {
  if (change.kind === "create") {
    names.set(change.name, change.file);
  } else {
    if (names.get(change.name) === change.file) names.delete(change.name);
    if (change.kind === "rename") names.set(change.to, change.file);
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

function failed(detail: string): RaftError {
  return new RaftError("storage_failed", detail);
}

function full(): RaftError {
  return new RaftError("disk_full", "there is no room on the disk");
}
