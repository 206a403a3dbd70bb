import { RaftError } from "@quorate/core";

/** How many bytes of commands share a buffer. */
const sharedBytes = 64 * 1024;
/** A command of up to this many bytes shares one. */
const commandBytesMax = sharedBytes / 8;

/**
 * Copies commands, which stay their callers'. Small ones that come one after the other share a buffer: one
 * for each would take more than the command itself, and they are of no use much longer than one another.
 */
export class CommandCopier {
  #buffer = new Uint8Array(0);
  #usedBytes = 0;

  /** A copy of `command`, or why there can be none. */
  copy(command: Uint8Array): Uint8Array | RaftError {
    if (!(command instanceof Uint8Array)) {
      return new RaftError("invalid_argument", "a command must be a Uint8Array");
    }
    try {
      // Not `slice`: that of a Buffer shares its memory.
      return command.length > commandBytesMax ? new Uint8Array(command) : this.#share(command);
    } catch (cause) {
      return new RaftError("invalid_argument", "the command cannot be copied", { cause });
    }
  }

  #share(command: Uint8Array): Uint8Array {
    const { length } = command;
    if (this.#usedBytes + length > this.#buffer.length) {
      this.#buffer = new Uint8Array(sharedBytes);
      this.#usedBytes = 0;
    }
    const copy = new Uint8Array(this.#buffer.buffer, this.#usedBytes, length);
    copy.set(command);
    this.#usedBytes += length;
    return copy;
  }
}
