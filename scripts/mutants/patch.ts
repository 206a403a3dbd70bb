import type { Patch } from "./mutant.ts";

/** How often `part`, which is not empty, occurs in `text`. */
export function occurrencesOf(part: string, text: string): number {
  return text.split(part).length - 1;
}

/** The text of a file after a patch. Throws `RangeError` unless what it replaces occurs exactly once. */
export function patched(text: string, { file, find, replace }: Patch): string {
  const count = find === "" ? 0 : occurrencesOf(find, text);
  if (count !== 1) {
    throw new RangeError(`${file} must hold this once, and holds it ${count} times: ${find}`);
  }
  // A function, since a replacement text has patterns of its own.
  return text.replace(find, () => replace);
}

/** The files that patches change, by path, with their new text; `read` gives the old one. */
export function patchedFiles(
  patches: readonly Patch[],
  read: (path: string) => string,
): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const patch of patches) {
    texts.set(patch.file, patched(texts.get(patch.file) ?? read(patch.file), patch));
  }
  return texts;
}
