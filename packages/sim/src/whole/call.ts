import type { LogIndex, NodeId } from "@quorate/core";
import type { AppCall } from "./app.ts";
import type { Microseconds } from "./timeline.ts";

/** How a call ended, as its client was told. */
export type CallEnding<Answer> =
  | { readonly kind: "pending" }
  | { readonly kind: "applied"; readonly index: LogIndex; readonly result: Uint8Array }
  | { readonly kind: "answered"; readonly index: LogIndex; readonly answer: Answer }
  /** It had no effect and will have none. */
  | { readonly kind: "failed"; readonly code: string }
  /** It may have taken effect, or may yet. */
  | { readonly kind: "unknown"; readonly code: string };

/** One call that a client made. */
export interface CallRecord<Query, Answer> {
  readonly client: number;
  readonly node: NodeId;
  /** Decides what was asked: calls of one number ask the same. */
  readonly number: number;
  readonly call: AppCall<Query>;
  /** When it was made, and when it ended: a count of all calls and endings, in their order. */
  readonly order: number;
  endOrder: number | undefined;
  /** When it was made, and when it ended, by the world's own time. */
  readonly at: Microseconds;
  endAt: Microseconds | undefined;
  /** Up to which entry it must see, at least: what its client was told before, if it asks for that. */
  readonly atLeast: LogIndex;
  ending: CallEnding<Answer>;
}
