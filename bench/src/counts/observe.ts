/** A call that was made, and what it returned. */
export interface ObservedCall {
  readonly args: readonly unknown[];
  readonly result: unknown;
}

/**
 * From now on tells `note` of every call of `owner[name]`. The call itself goes through unchanged: what is
 * counted is the real thing. Returns what ends it. Throws if there is no such function.
 */
export function observe(
  owner: unknown,
  name: string,
  note: (call: ObservedCall) => void,
): () => void {
  return replace(
    owner,
    name,
    (original) =>
      // An observed function is called on whatever the original was called on.
      function observed(this: unknown, ...args: unknown[]): unknown {
        const result: unknown = Reflect.apply(original, this, args);
        note({ args, result });
        return result;
      },
  );
}

/** Puts another function in the place of `owner[name]`. Returns what puts the original back. */
export function replace(
  owner: unknown,
  name: string,
  replacement: (original: (...args: unknown[]) => unknown) => unknown,
): () => void {
  if (!isObject(owner)) throw new TypeError(`there is nothing that has ${name}`);
  const before = Object.getOwnPropertyDescriptor(owner, name);
  const original: unknown = before?.value;
  if (before === undefined || !isFunction(original)) {
    throw new TypeError(`there is no function ${name} to observe`);
  }
  Object.defineProperty(owner, name, { ...before, value: replacement(original) });
  return () => Object.defineProperty(owner, name, before);
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === "function";
}

/** How many bytes `value` holds, if it is bytes, or an array of them. */
export function bytesIn(value: unknown): number {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + bytesIn(item), 0);
  return 0;
}
