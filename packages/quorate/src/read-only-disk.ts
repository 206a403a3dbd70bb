import { join } from "node:path";
import type { DiskFile } from "@quorate/runtime";
import type { ReadableDisk } from "@quorate/wal";
import { NodeDisk, openFile } from "./node-disk.ts";

/** A directory of files as `NodeDisk` sees it, which is never written: it may be on a read-only mount. */
export class ReadOnlyDisk implements ReadableDisk {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  list(): Promise<readonly string[]> {
    return new NodeDisk(this.#directory).list();
  }

  open(name: string): Promise<DiskFile> {
    return openFile(join(this.#directory, name), "r", "open");
  }
}
