import type { Figure } from "../figure.ts";

/** What the name of a figure says of its setting; undefined where it says nothing. */
export interface Setting {
  readonly voters: number | undefined;
  readonly clients: number | undefined;
  /** The length of each command. */
  readonly bytes: number | undefined;
  readonly perReady: number | undefined;
}

/** Reads the setting out of a figure's name. */
export function settingOf({ name }: Pick<Figure, "name">): Setting {
  const number = (pattern: RegExp): number | undefined => {
    const [, digits] = pattern.exec(name) ?? [];
    return digits === undefined ? undefined : Number(digits);
  };
  const clients = number(/\b(\d+) clients\b/);
  return {
    voters: number(/\b(\d+) voters\b/),
    clients: clients ?? (/\blone\b/.test(name) ? 1 : undefined),
    bytes: number(/\b(\d+) B\b/),
    perReady: number(/\b(\d+) per Ready\b/),
  };
}
