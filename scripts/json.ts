/** Parses `text`. Throws `SyntaxError` if it is not JSON. What it holds is for the caller to find out. */
export function parseJson(text: string): unknown {
  return JSON.parse(text);
}

/** The member `key` of a JSON object; undefined if there is none, or no object. */
export function at(json: unknown, key: string): unknown {
  if (typeof json !== "object" || json === null) return undefined;
  return new Map<string, unknown>(Object.entries(json)).get(key);
}

/** The member `key`, if it is text. */
export function textAt(json: unknown, key: string): string | undefined {
  const value = at(json, key);
  return typeof value === "string" ? value : undefined;
}

/** The items of a JSON list; none if it is not a list. */
export function listOf(json: unknown): readonly unknown[] {
  return Array.isArray(json) ? json : [];
}

/** The members of a JSON object that are text. */
export function textsOf(json: unknown): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  if (typeof json !== "object" || json === null) return texts;
  for (const [key, value] of Object.entries(json)) {
    if (typeof value === "string") texts.set(key, value);
  }
  return texts;
}
