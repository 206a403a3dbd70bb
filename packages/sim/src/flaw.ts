/**
 * A deliberate defect of every host in a run, to show that the judges see it.
 *
 * - `lying-disk`: some writes are reported durable and never happen.
 * - `forgets-vote`: a crash loses the vote.
 * - `sends-early`: acknowledgements and votes leave before the disk has what they promise.
 */
export type Flaw = "none" | "lying-disk" | "forgets-vote" | "sends-early";
