import { RaftError } from "@quorate/core";
import { malformed } from "./protobuf.ts";

/** The longest time that a request to another node may take, in milliseconds. */
export const forwardTimeoutMsMax = 0x7fff_ffff;

/** `timeoutMs` rounded up. Throws `invalid_argument` unless it is above 0 and at most the maximum. */
export function wholeTimeout(timeoutMs: number): number {
  const whole = Math.ceil(timeoutMs);
  if (isTimeout(whole)) return whole;
  throw new RaftError("invalid_argument", `timeoutMs is ${timeoutMs}, out of range`);
}

/** Throws `malformed` unless `timeoutMs` is above 0 and at most the maximum. */
export function checkTimeout(timeoutMs: number): void {
  if (!isTimeout(timeoutMs)) throw malformed(`a request waits for ${timeoutMs} ms`);
}

function isTimeout(timeoutMs: number): boolean {
  return timeoutMs > 0 && timeoutMs <= forwardTimeoutMsMax;
}
