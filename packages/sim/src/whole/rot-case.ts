import type { WholeCoverageKind } from "./whole-coverage.ts";

/** What has become of a disk since it went bad, until a replica runs on it again. */
export class RotCase {
  /** Whether the process that was started last refused it, and no other was started since. */
  isRefused = false;
  #isMended = false;
  #isLent = false;
  #wasRefused = false;

  /** A damage was mended: with what another member lent, or without. */
  mended(isLent: boolean): void {
    this.#isMended = true;
    this.#isLent ||= isLent;
  }

  /** A process refused the disk as it was. */
  refused(): void {
    this.isRefused = true;
    this.#wasRefused = true;
  }

  /** What it came to, now that a replica runs. */
  get outcome(): WholeCoverageKind {
    if (this.#isLent) return this.#wasRefused ? "rot-mended-later" : "rot-mended-by-others";
    return this.#isMended ? "rot-mended-alone" : "rot-harmless";
  }
}
