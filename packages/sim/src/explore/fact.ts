import type { Entry, EntryId, LogIndex, Term } from "@quorate/core";

/** What a step of one node means to the whole group: what cannot be judged by looking at it alone. */
export type Fact =
  /** The node won `term`, with `log`. */
  | { readonly kind: "elected"; readonly term: Term; readonly log: readonly Entry[] }
  /** The node spoke as the leader of `term`. */
  | { readonly kind: "leads"; readonly term: Term }
  /** In `term` the node took the entries after index `after` for committed, up to the end of `log`. */
  | {
      readonly kind: "committed";
      readonly term: Term;
      readonly after: LogIndex;
      readonly log: readonly Entry[];
    }
  /** In `term` the node removed entries from the end of its log. */
  | { readonly kind: "removed"; readonly term: Term; readonly entries: readonly Entry[] }
  /** The log has entries that it did not have. */
  | { readonly kind: "appended"; readonly log: readonly Entry[] }
  /** The state machine took in entries. */
  | { readonly kind: "applied"; readonly entries: readonly Entry[] }
  /** A client was told that its command is committed. */
  | { readonly kind: "acknowledged"; readonly id: EntryId };
