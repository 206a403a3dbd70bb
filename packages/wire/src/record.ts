import { assert } from "@quorate/core";
import { ChunkWriter, referenceBytesMin } from "./chunk-writer.ts";
import {
  malformed,
  prefixedBytes,
  type ProtoReader,
  tagOf,
  varintBytes,
  wireBytes,
  wireVarint,
} from "./protobuf.ts";
import { decodeUtf8 } from "./utf8.ts";

/** The value of a field: a number, or bytes. Undefined: the field is absent. */
export type FieldValue = number | Uint8Array | undefined;

/**
 * A message whose fields are numbered from 1 in the order of `values`, as chunks that belong together.
 * Fifteen fields at most. Large bytes (`referenceBytesMin`) are not copied.
 */
export function encodeRecord(values: readonly FieldValue[]): Uint8Array[] {
  assert(values.length <= 15, "a tag takes one byte");
  let copiedBytes = 0;
  for (const value of values) {
    if (value !== undefined) copiedBytes += 1 + copiedBytesOf(value);
  }
  const writer = new ChunkWriter(copiedBytes, referenceBytesMin);
  for (const [position, value] of values.entries()) {
    const number = position + 1;
    if (typeof value === "number") {
      writer.field(tagOf(number, wireVarint), value);
    } else if (value !== undefined) {
      writer.field(tagOf(number, wireBytes), value.length);
      writer.raw(value);
    }
  }
  return writer.finish();
}

function copiedBytesOf(value: number | Uint8Array): number {
  if (typeof value === "number") return varintBytes(value);
  return value.length < referenceBytesMin ? prefixedBytes(value.length) : varintBytes(value.length);
}

/** Reads a field of text. Throws `malformed` if it is longer than `bytesMax` bytes, or not UTF-8. */
export function readText(reader: ProtoReader, bytesMax: number): string {
  const bytes = reader.bytes();
  if (bytes.length > bytesMax) throw malformed(`the text exceeds ${bytesMax} bytes`);
  return decodeUtf8(bytes);
}
