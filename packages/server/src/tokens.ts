import { createHash, timingSafeEqual } from "node:crypto";
import { RaftError } from "quorate";

/** A token, and what it is good for. */
export interface Token {
  readonly text: string;
  /** Whether it is good for looking only. */
  readonly isReadOnly: boolean;
}

/** How many tokens a file may hold. */
const tokenCountMax = 1000;
const tokenPattern = /^[A-Za-z0-9._~+/=-]{16,512}$/;

/**
 * The tokens of a file: one on each line, of 16 to 512 characters `A-Z a-z 0-9 . _ ~ + / = -`, and behind
 * it `read-only` if it is. What begins with `#` is a comment. Throws `invalid_options` if there is
 * none, or too many, or a line is none; it never says what is on the line.
 */
export function parseTokens(text: string): readonly Token[] {
  const tokens = text.split(/\r?\n/).flatMap((line, at): Token[] => {
    const words = line.trim().split(/\s+/);
    const [first = "", second, ...more] = words;
    if (first === "" || first.startsWith("#")) return [];
    if (!tokenPattern.test(first) || (second ?? "read-only") !== "read-only" || more.length > 0) {
      throw new RaftError("invalid_options", `line ${at + 1} of the tokens is no token`);
    }
    return [{ text: first, isReadOnly: second !== undefined }];
  });
  if (tokens.length > 0 && tokens.length <= tokenCountMax) return tokens;
  const message = `there are ${tokens.length} tokens, must be 1 to ${tokenCountMax}`;
  throw new RaftError("invalid_options", message);
}

/** Tokens that can be asked for, without telling by the time that takes how much of one is right. */
export class TokenSet {
  readonly #entries: readonly { readonly digest: Buffer; readonly isReadOnly: boolean }[];

  constructor(tokens: readonly Token[]) {
    this.#entries = tokens.map(({ text, isReadOnly }) => ({ digest: digestOf(text), isReadOnly }));
  }

  /** What `text` is good for; undefined: nothing. Looks at all tokens, whichever it is. */
  find(text: string): "everything" | "reading" | undefined {
    const digest = digestOf(text);
    let found: "everything" | "reading" | undefined;
    for (const entry of this.#entries) {
      if (!timingSafeEqual(entry.digest, digest)) continue;
      if (found !== "everything") found = entry.isReadOnly ? "reading" : "everything";
    }
    return found;
  }
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
