import { nameFlaw } from "./utf8.ts";

/** The longest address of a node, in bytes of UTF-8. */
export const addressBytesMax = 255;

/**
 * What keeps `address` from being one, to complete "an address …", or undefined: it must be text of 1
 * to `addressBytesMax` bytes of UTF-8, without half a surrogate pair. What it means is the network's
 * business.
 */
export function addressFlaw(address: unknown): string | undefined {
  return nameFlaw(address, addressBytesMax);
}
