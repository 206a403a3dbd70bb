import { malformed } from "./protobuf.ts";

/** What stands for half a surrogate pair, which UTF-8 cannot express. */
const replacement = 0xfffd;

/**
 * The UTF-8 of `text`. Half a surrogate pair becomes U+FFFD, so that any string can be encoded. If it
 * takes more than `bytesMax`, it is cut there, at the end of a whole character.
 */
export function encodeUtf8(text: string, bytesMax: number): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? replacement;
    const scalar = code >= 0xd800 && code <= 0xdfff ? replacement : code;
    if (bytes.length + scalarBytes(scalar) > bytesMax) break;
    pushScalar(bytes, scalar);
  }
  return Uint8Array.from(bytes);
}

function scalarBytes(scalar: number): number {
  if (scalar < 0x80) return 1;
  if (scalar < 0x800) return 2;
  return scalar < 0x1_0000 ? 3 : 4;
}

function pushScalar(bytes: number[], scalar: number): void {
  switch (scalarBytes(scalar)) {
    case 1:
      bytes.push(scalar);
      return;
    case 2:
      bytes.push(0xc0 | (scalar >>> 6), continuation(scalar));
      return;
    case 3:
      bytes.push(0xe0 | (scalar >>> 12), continuation(scalar >>> 6), continuation(scalar));
      return;
    default:
      bytes.push(
        0xf0 | (scalar >>> 18),
        continuation(scalar >>> 12),
        continuation(scalar >>> 6),
        continuation(scalar),
      );
  }
}

function continuation(bits: number): number {
  return 0x80 | (bits & 0x3f);
}

/**
 * What keeps `text` from being a name on the wire, to complete "it …", or undefined: it must be text of
 * 1 to `bytesMax` bytes of UTF-8. Half a surrogate pair has no UTF-8, so that nodes that were given one
 * would not recognize one another.
 */
export function nameFlaw(text: unknown, bytesMax: number): string | undefined {
  if (typeof text !== "string") return `must be text: got ${typeof text}`;
  const bytes = encodeUtf8(text, Number.POSITIVE_INFINITY);
  if (bytes.length < 1 || bytes.length > bytesMax) {
    return `must have 1 to ${bytesMax} bytes of UTF-8: got ${bytes.length}`;
  }
  return decodeUtf8(bytes) === text ? undefined : "must have no half of a surrogate pair";
}

/**
 * The text of `bytes`. Throws `malformed` if they are not UTF-8 to the letter: also for overlong forms,
 * surrogates and what lies beyond U+10FFFF.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  let text = "";
  for (let offset = 0; offset < bytes.length;) {
    const lead = bytes[offset] ?? 0;
    const length = leadLength(lead);
    let scalar = length === 1 ? lead : lead & (0x7f >>> length);
    for (let i = 1; i < length; i++) {
      const byte = bytes[offset + i] ?? 0; // Beyond the end 0, which continues nothing.
      if ((byte & 0xc0) !== 0x80) throw malformed("the text is not UTF-8");
      scalar = (scalar << 6) | (byte & 0x3f);
    }
    if (
      scalar > 0x10_ffff ||
      scalarBytes(scalar) !== length ||
      (scalar >= 0xd800 && scalar <= 0xdfff)
    ) {
      throw malformed("the text is not UTF-8");
    }
    text += String.fromCodePoint(scalar);
    offset += length;
  }
  return text;
}

/** How many bytes the character takes that begins with `lead`. */
function leadLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc0 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf8) return 4;
  throw malformed("the text is not UTF-8");
}
