import { readFileSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { RaftError } from "@quorate/core";

/** What is made of files that may change while the process runs. */
export interface WatchedFilesOptions<Value> {
  readonly paths: readonly string[];

  /** Makes the value of what is in the files, in the order of `paths`. Throws if it is none. */
  readonly parse: (contents: readonly Buffer[]) => Value;

  /** Is told of every new value, once it counts. Must not throw. */
  readonly onChange?: ((value: Value) => void) | undefined;

  /** Is told once of new contents that make no value, or cannot be read. The value stays. Must not throw. */
  readonly onFlaw?: ((error: RaftError) => void) | undefined;

  /**
   * How often the files are looked at, in milliseconds, 10 to 3,600,000.
   *
   * @default 1000
   */
  readonly checkMs?: number | undefined;
}

/** How large a watched file may be, in bytes. */
const fileBytesMax = 1024 * 1024;

/**
 * A value made of files, and made anew when they change. The contents are compared, not their times, so
 * that links which are turned around count too. Nobody is told of a change by the system in a way that
 * works on every file system, so the files are looked at from time to time.
 */
export class WatchedFiles<Value> {
  readonly #options: WatchedFilesOptions<Value>;
  readonly #checkMs: number;
  #contents: readonly Buffer[];
  #value: Value;
  #flaw = "";
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** Reads the files. Throws `invalid_options` if one cannot be read, or what `parse` throws. */
  constructor(options: WatchedFilesOptions<Value>) {
    this.#options = options;
    this.#checkMs = options.checkMs ?? 1000;
    if (!(Number.isInteger(this.#checkMs) && this.#checkMs >= 10 && this.#checkMs <= 3_600_000)) {
      throw new RaftError(
        "invalid_options",
        `checkMs must be an integer from 10 to 3600000: got ${String(this.#checkMs)}`,
      );
    }
    this.#contents = options.paths.map((path) => {
      try {
        return readFileSync(path);
      } catch (error) {
        throw unreadable(path, error);
      }
    });
    this.#value = options.parse(this.#contents);
  }

  /** What the files held when they were last in order. */
  get value(): Value {
    return this.#value;
  }

  /** Looks at the files from now on, until `close`. Does not keep the process alive. */
  start(): void {
    if (this.#isClosed || this.#options.paths.length === 0 || this.#timer !== undefined) return;
    this.#later();
  }

  /** Looks at nothing any more. Safe to call again. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #later(): void {
    this.#timer = setTimeout(() => {
      this.#look()
        .catch((error: unknown) => this.#tell(asFlaw(error)))
        .finally(() => {
          if (!this.#isClosed) this.#later();
        });
    }, this.#checkMs).unref();
  }

  async #look(): Promise<void> {
    const contents = await Promise.all(this.#options.paths.map(readBounded));
    if (this.#isClosed) return;
    const isSame = contents.every((bytes, position) =>
      bytes.equals(this.#contents[position] ?? Buffer.alloc(0)),
    );
    if (isSame) {
      this.#flaw = "";
      return;
    }
    this.#value = this.#options.parse(contents);
    this.#contents = contents;
    this.#flaw = "";
    this.#options.onChange?.(this.#value);
  }

  /** Passes on what is news. */
  #tell(error: RaftError): void {
    if (this.#isClosed || error.message === this.#flaw) return;
    this.#flaw = error.message;
    this.#options.onFlaw?.(error);
  }
}

async function readBounded(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > fileBytesMax) throw new Error(`it has more than ${fileBytesMax} bytes`);
    return await readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): RaftError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new RaftError("invalid_options", `cannot read ${path}: ${reason}`, { cause });
}

function asFlaw(error: unknown): RaftError {
  if (error instanceof RaftError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new RaftError("invalid_options", reason, { cause: error });
}
