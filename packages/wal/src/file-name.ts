import { isSafe } from "@quorate/core";

/** What a file holds, as the end of its name says. */
export type FileKind = "wal" | "snap";

/** A name of the log's, taken apart. */
export interface ParsedName {
  readonly kind: FileKind;
  /** Counts the files of a kind, from 1. */
  readonly sequence: number;
  /** Whether the file is still being made. */
  readonly isTemporary: boolean;
}

/** The name of file `sequence` of `kind`: its number as 16 hexadecimal digits. */
export function fileName(kind: FileKind, sequence: number): string {
  return `${sequence.toString(16).padStart(16, "0")}.${kind}`;
}

/** The name under which file `name` is written, before it is complete. */
export function temporaryName(name: string): string {
  return `${name}.tmp`;
}

/** What `name` names; undefined if it is not the log's. */
export function parseFileName(name: string): ParsedName | undefined {
  const match = /^([0-9a-f]{16})\.(wal|snap)(\.tmp)?$/.exec(name);
  const sequence = Number.parseInt(match?.[1] ?? "", 16);
  if (match === null || !isSafe(sequence) || sequence === 0) return undefined;
  const kind = match[2] === "wal" ? "wal" : "snap";
  return { kind, sequence, isTemporary: match[3] !== undefined };
}
