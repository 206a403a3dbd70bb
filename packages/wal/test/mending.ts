import { type Entry, RaftError } from "@quorate/core";
import { expect } from "vitest";
import { findDamage, type MissingEntries } from "../src/index.ts";
import { entryAt, type Harness, walOptions } from "./harness.ts";

/** The entries that another log of the group would give, if it holds the same as `harness` should. */
export function given(
  harness: Harness,
  { first, last, lastTerm }: MissingEntries,
): Entry[] | undefined {
  const entries: Entry[] = [];
  for (const text of harness.durable.entries.slice(first - 1, last)) {
    const [id = "", kind, data = ""] = text.split(" ");
    if (kind === "snapshot") return undefined;
    const [term = 0, index = 0] = id.split("/").map(Number);
    entries.push(entryAt(term, index, data === "" ? 0 : data.split(",").length));
  }
  if (entries.length !== last - first + 1) return undefined;
  return lastTerm === 0 || entries.at(-1)?.term === lastTerm ? entries : undefined;
}

/** What became of a log that was damaged: it opens as it is, or was mended, or is refused. */
export type Outcome = "held" | "mended" | "refused";

/** Mends the log as often as it must be, with what another log gives, until it opens or is refused. */
export async function mend(harness: Harness): Promise<Outcome> {
  let outcome: Outcome = "held";
  for (let round = 0; round < 20; round++) {
    try {
      await harness.fork(harness.disk.afterKill()).look();
      return outcome;
    } catch (error) {
      if (!(error instanceof RaftError) || error.code !== "corrupt") throw error;
    }
    const found = await findDamage(harness.disk, walOptions.identity);
    if (found === undefined) return "refused";
    expect(found.incarnation).toEqual(walOptions.incarnation);
    let isMended = false;
    for (const { missing, mend: mendWith } of found.ways) {
      const entries = missing === undefined ? [] : given(harness, missing);
      isMended ||= entries !== undefined && (await mendWith(entries));
    }
    if (!isMended) return "refused";
    outcome = "mended";
  }
  throw new Error("mending does not end");
}

/** `bytes` with one bit turned over. */
export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
