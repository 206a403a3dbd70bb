/**
 * The commands of the key-value store, as bytes. They live in logs for years and cross the network
 * between versions, so the format only ever grows by a new version number.
 *
 * ```text
 * command := version kind keyBytes key value
 *
 * offset  size       field     value
 * 0       1          version   1
 * 1       1          kind      1 put, 2 delete
 * 2       2          keyBytes  1 to 1024, big-endian
 * 4       keyBytes   key       any bytes
 * 4+k     the rest   value     put: 0 to 1,048,576 bytes of any value; delete: nothing
 * ```
 *
 * Example: put `a` = `hi` is `01 01 00 01 61 68 69`; delete `a` is `01 02 00 01 61`.
 *
 * A command that breaks these rules is malformed for every replica alike, so it may be skipped with a
 * result that says so. One of a later version is not: replicas that know the version carry it out, so
 * one that does not must stop instead of falling silently behind.
 */
const version = 1;
const headBytes = 4;
const kinds = { put: 1, delete: 2 } as const;

/** The longest key, in bytes. The shortest has one. */
export const keyBytesMax = 1024;

/** The largest value, in bytes. The smallest has none. */
export const valueBytesMax: number = 1024 * 1024;

/** A change to the store. */
export type Command =
  | { readonly kind: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: Uint8Array };

/** What bytes from the log turned out to be. The arrays of a command are views of the bytes. */
export type DecodedCommand =
  | Command
  /** Breaks the format. `reason` is for people. */
  | { readonly kind: "malformed"; readonly reason: string }
  /** Written by a later version of this program. */
  | { readonly kind: "unsupported"; readonly version: number };

/** The bytes of `command`. Throws a `RangeError` if the key or the value is outside the limits. */
export function encodeCommand(command: Command): Uint8Array {
  const { key } = command;
  const value = command.kind === "put" ? command.value : nothing;
  if (key.length < 1 || key.length > keyBytesMax) {
    throw new RangeError(`key has ${key.length} bytes, must have 1 to ${keyBytesMax}`);
  }
  if (value.length > valueBytesMax) {
    throw new RangeError(`value has ${value.length} bytes, must have at most ${valueBytesMax}`);
  }
  const bytes = new Uint8Array(headBytes + key.length + value.length);
  bytes[0] = version;
  bytes[1] = kinds[command.kind];
  bytes[2] = key.length >> 8;
  bytes[3] = key.length & 0xff;
  bytes.set(key, headBytes);
  bytes.set(value, headBytes + key.length);
  return bytes;
}

const nothing = new Uint8Array(0);

/** What `bytes` say. Never throws. */
export function decodeCommand(bytes: Uint8Array): DecodedCommand {
  const [found = 0, kind = 0, high = 0, low = 0] = bytes;
  if (found > version) return { kind: "unsupported", version: found };
  if (found !== version) return malformed(`version is ${found}, must be ${version}`);
  if (bytes.length < headBytes) return malformed("head is cut short");

  const keyBytes = high * 0x100 + low;
  const valueBytes = bytes.length - headBytes - keyBytes;
  if (keyBytes < 1 || keyBytes > keyBytesMax) {
    return malformed(`key has ${keyBytes} bytes, must have 1 to ${keyBytesMax}`);
  }
  if (valueBytes < 0) return malformed("key is cut short");

  const key = bytes.subarray(headBytes, headBytes + keyBytes);
  switch (kind) {
    case kinds.put:
      if (valueBytes > valueBytesMax) {
        return malformed(`value has ${valueBytes} bytes, must have at most ${valueBytesMax}`);
      }
      return { kind: "put", key, value: bytes.subarray(headBytes + keyBytes) };
    case kinds.delete:
      if (valueBytes > 0) return malformed("delete carries a value");
      return { kind: "delete", key };
    default:
      return malformed(`kind is ${kind}, must be ${kinds.put} or ${kinds.delete}`);
  }
}

function malformed(reason: string): DecodedCommand {
  return { kind: "malformed", reason };
}
