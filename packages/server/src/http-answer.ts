import type { ServerResponse } from "node:http";
import type { LogIndex } from "quorate";
import type { ApiError } from "./api-error.ts";

/** What a request is answered with. */
export interface HttpAnswer {
  readonly status: number;
  /** The log index for `x-quorate-index`, or undefined: the answer has none. */
  readonly index: LogIndex | undefined;
  /** Further headers, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** An answer with `value` as JSON. */
export function jsonAnswer(status: number, value: unknown, index?: LogIndex): HttpAnswer {
  return {
    status,
    index,
    headers: {},
    contentType: "application/json",
    body: Buffer.from(`${JSON.stringify(value)}\n`),
  };
}

/** How `error` is answered. */
export function errorAnswer(error: ApiError, index?: LogIndex): HttpAnswer {
  const { code, message, outcome } = error;
  const answer = jsonAnswer(error.status, { code, message, outcome }, index);
  return error.status === 429 || error.status === 503
    ? { ...answer, headers: { "retry-after": "1" } }
    : answer;
}

/** Writes `answer` and ends the response; does nothing if the client is gone. */
export function sendAnswer(response: ServerResponse, answer: HttpAnswer): void {
  if (response.destroyed || response.headersSent) return;
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
  if (answer.index !== undefined) response.setHeader("x-quorate-index", String(answer.index));
  response.setHeader("content-type", answer.contentType);
  response.setHeader("content-length", String(answer.body.length));
  response.setHeader("cache-control", "no-store");
  response.setHeader("x-content-type-options", "nosniff");
  response.end(answer.body);
}
