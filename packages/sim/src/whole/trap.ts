import type { TrapKind, TrappedCall } from "./decision.ts";
import { changingCalls, type DiskCall } from "./timed-disk.ts";

/** A trap that waits in a disk. */
export interface Trap {
  readonly call: TrappedCall;
  skip: number;
  readonly trap: TrapKind;
  readonly downMs: number;
}

/** Takes out of `traps` the one that `call` springs, if it springs one. */
export function takeSprung(traps: Trap[], call: DiskCall): Trap | undefined {
  if (traps.length === 0 || !changingCalls.has(call)) return undefined;
  const place = traps.findIndex((trap) => trap.call === "any" || trap.call === call);
  const trap = traps[place];
  if (trap === undefined) return undefined;
  if (trap.skip > 0) {
    trap.skip -= 1;
    return undefined;
  }
  traps.splice(place, 1);
  return trap;
}
