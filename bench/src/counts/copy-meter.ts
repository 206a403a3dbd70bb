import { bytesIn, observe, replace } from "./observe.ts";

/**
 * Counts the bytes that JavaScript copies from one byte array to another in this thread, by observing
 * everything of the language and of Node.js that copies them. Out of its sight are loops over single
 * bytes, which the product uses for a few bytes at a time, and what the kernel and libuv copy.
 */
export class CopyMeter {
  /** Bytes copied so far. */
  bytes = 0;
  readonly #restore: readonly (() => void)[];

  /** Begins to count. */
  constructor() {
    const views: unknown = Object.getPrototypeOf(Uint8Array.prototype);
    const given = (owner: unknown, name: string): (() => void) =>
      observe(owner, name, ({ args }) => this.#add(bytesIn(args[0])));
    const made = (owner: unknown, name: string): (() => void) =>
      observe(owner, name, ({ result }) => this.#add(bytesIn(result)));
    const told = (owner: unknown, name: string): (() => void) =>
      observe(owner, name, ({ result }) => this.#add(Number(result)));
    this.#restore = [
      given(views, "set"),
      made(views, "slice"),
      observe(views, "copyWithin", ({ args: [, start, end], result }) => {
        if (result instanceof Uint8Array) this.#add(bytesBetween(result, start, end));
      }),
      made(ArrayBuffer.prototype, "slice"),
      made(Buffer, "concat"),
      made(Buffer, "copyBytesFrom"),
      told(Buffer.prototype, "copy"),
      observe(Buffer, "from", ({ args: [source], result }) => {
        if (!(source instanceof ArrayBuffer)) this.#add(bytesIn(result));
      }),
      replace(globalThis, "Uint8Array", (original) => {
        return new Proxy(original, {
          construct: (target, args: unknown[], newTarget) => {
            // Of a buffer the new array is a view; of anything else that holds bytes, a copy.
            if (!(args[0] instanceof ArrayBuffer)) this.#add(bytesIn(args[0]));
            return construct(target, args, newTarget);
          },
        });
      }),
    ];
  }

  /** Ends the count, and leaves everything as it was. */
  stop(): void {
    for (const restore of this.#restore) restore();
  }

  #add(bytes: number): void {
    this.bytes += bytes;
  }
}

const construct: (
  target: (...args: unknown[]) => unknown,
  args: unknown[],
  newTarget: NewableFunction,
) => object = Reflect.construct;

/** The bytes from `start` to `end` of `bytes`, which may be negative or missing as for `subarray`. */
function bytesBetween(bytes: Uint8Array, start: unknown, end: unknown): number {
  return bytes.subarray(Number(start ?? 0), end === undefined ? undefined : Number(end)).length;
}
