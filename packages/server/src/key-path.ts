import { ApiError } from "./api-error.ts";
import { keyBytesMax } from "./command.ts";

/**
 * The key that the end of a request path names: `%` and two hexadecimal digits stand for one byte,
 * every other visible ASCII character for itself, `/` and `+` included. Any bytes make a key, valid
 * UTF-8 or not. Throws `invalid_argument` unless there are 1 to 1024 of them.
 */
export function decodeKey(text: string): Uint8Array {
  const key = Buffer.alloc(Math.min(text.length, keyBytesMax));
  let count = 0;
  for (let offset = 0; offset < text.length; offset++) {
    let code = text.charCodeAt(offset);
    if (code === percent) {
      const digits = text.slice(offset + 1, offset + 3);
      if (!hexPair.test(digits)) {
        throw new ApiError("invalid_argument", `"%${digits}" in the key is no byte`);
      }
      code = Number.parseInt(digits, 16);
      offset += 2;
    } else if (code < firstVisible || code > lastVisible) {
      throw new ApiError(
        "invalid_argument",
        "the key holds a character that must be percent-encoded",
      );
    }
    if (count === keyBytesMax) {
      throw new ApiError("invalid_argument", `the key has more than ${keyBytesMax} bytes`);
    }
    key[count] = code;
    count += 1;
  }
  if (count === 0) throw new ApiError("invalid_argument", "the key is empty");
  return key.subarray(0, count);
}

/** `key` as the end of a request path. `decodeKey` gives it back, whatever its bytes. */
export function encodeKey(key: Uint8Array): string {
  let text = "";
  for (const byte of key) {
    const character = String.fromCharCode(byte);
    text += unreserved.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}

const percent = 0x25;
const firstVisible = 0x21;
const lastVisible = 0x7e;
const hexPair = /^[0-9a-fA-F]{2}$/;
const unreserved = /^[A-Za-z0-9._~-]$/;
