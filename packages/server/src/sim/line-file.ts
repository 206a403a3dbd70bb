import { closeSync, openSync, writeSync } from "node:fs";
import { onFile } from "./on-file.ts";

/** How many bytes are gathered before they are written. */
const bufferBytes = 1 << 20;

/** A text file that is written line by line, by a run that never lets the event loop go on. */
export class LineFile {
  readonly #path: string;
  readonly #file: number;
  #lines: string[] = [];
  #length = 0;

  /** Throws a usage error if the file cannot be made. */
  constructor(path: string) {
    this.#path = path;
    this.#file = onFile(path, () => openSync(path, "w"));
  }

  write(line: string): void {
    this.#lines.push(line, "\n");
    this.#length += line.length + 1;
    if (this.#length > bufferBytes) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    const bytes = Buffer.from(this.#lines.join(""));
    this.#lines = [];
    this.#length = 0;
    for (let offset = 0; offset < bytes.length;) {
      offset += onFile(this.#path, () => writeSync(this.#file, bytes, offset));
    }
  }
}
