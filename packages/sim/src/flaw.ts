/** Deliberate defects of every host in a run, to show that the judges see them. */
export const flaws = ["none", "lying-disk", "forgets-vote", "sends-early"] as const;

/**
 * A deliberate defect.
 *
 * - `lying-disk`: some writes are reported durable and never happen.
 * - `forgets-vote`: a crash loses the vote.
 * - `sends-early`: acknowledgements and votes leave before the disk has what they promise.
 */
export type Flaw = (typeof flaws)[number];
