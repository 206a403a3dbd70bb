import { useCrc32c } from "quorate";

/**
 * Leaves long checksums to `@node-rs/crc32`, an optional dependency: without it everything works as well,
 * and takes longer. Resolves with whether it is there and right.
 */
export async function useNativeCrc32c(): Promise<boolean> {
  try {
    const { crc32c } = await import("@node-rs/crc32");
    return useCrc32c((bytes, seed) => crc32c(bytes, seed));
  } catch {
    // Not installed, or not for this platform.
    return false;
  }
}
