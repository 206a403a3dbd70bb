import type { Message, Status } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";

/**
 * I4, Leader Completeness (§5.4.1): nobody votes for a log that is less up-to-date than its own, by the
 * term of the last entry, and then by length.
 */
export class VotedUpToDate implements Judge {
  readonly invariant = "I4";

  received(before: Status, after: Status, message: Message): void {
    if (message.kind !== "request-vote") return;
    const { from, term, last } = message;
    const had = before.term === term && before.vote === from;
    if (had || after.term !== term || after.vote !== from) return;
    const own = before.last;
    if (last.term > own.term || (last.term === own.term && last.index >= own.index)) return;
    throw new Violation(
      "I4",
      `node ${after.id}, whose log ends with ${own.term}/${own.index}, votes in term ${term} for node ` +
        `${from}, whose log ends with ${last.term}/${last.index}`,
    );
  }
}
