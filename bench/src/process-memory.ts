import { readFileSync, writeFileSync } from "node:fs";

/** What the kernel tells of a process's memory. Linux only: elsewhere nothing is known. */

/** The most memory that process `pid` had in use since it began, or `forgetPeak`, in bytes; else NaN. */
export function peakBytesOf(pid: number): number {
  return readStatus(pid, "VmHWM");
}

/** The memory that process `pid` has in use, in bytes; NaN where it is not known. */
export function residentBytesOf(pid: number): number {
  return readStatus(pid, "VmRSS");
}

/** Lets the peak of process `pid` begin anew with what it has in use now. */
export function forgetPeak(pid: number): void {
  if (process.platform === "linux") writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function readStatus(pid: number, field: string): number {
  if (process.platform !== "linux") return Number.NaN;
  return parseStatus(readFileSync(`/proc/${pid}/status`, "utf8"), field);
}

/** The value of `field` in the text of `/proc/PID/status`, in bytes; NaN if it is not there. */
export function parseStatus(text: string, field: string): number {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${field}:`));
  const kibi = /^\S+\s+(\d+) kB$/.exec(line ?? "")?.[1];
  return kibi === undefined ? Number.NaN : Number(kibi) * 1024;
}
