import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
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
  readonly body: Uint8Array | StreamedBody;
}

/** A body that is read while it is sent. */
export interface StreamedBody {
  /** Its length, in bytes. */
  readonly bytes: number;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Called once, when nothing more is read. */
  close(): Promise<void>;
}

/** An answer whose body is at hand. */
export interface WholeAnswer extends HttpAnswer {
  readonly body: Uint8Array;
}

/** An answer with `value` as JSON. */
export function jsonAnswer(status: number, value: unknown, index?: LogIndex): WholeAnswer {
  return {
    status,
    index,
    headers: {},
    contentType: "application/json",
    body: Buffer.from(`${JSON.stringify(value)}\n`),
  };
}

/** What may be over soon: too much at once, no leader, or no room on the disk. */
const mayPass: ReadonlySet<number> = new Set([429, 503, 507]);

/** How `error` is answered. */
export function errorAnswer(error: ApiError, index?: LogIndex): WholeAnswer {
  const { code, message, outcome } = error;
  const answer = jsonAnswer(error.status, { code, message, outcome }, index);
  if (error.status === 401) return { ...answer, headers: { "www-authenticate": "Bearer" } };
  return mayPass.has(error.status) ? { ...answer, headers: { "retry-after": "1" } } : answer;
}

/**
 * Writes `answer` and ends the response; does nothing if the client is gone. Rejects, with the connection
 * cut, if a body cannot be read or sent to its end.
 */
export async function sendAnswer(response: ServerResponse, answer: HttpAnswer): Promise<void> {
  const { body } = answer;
  if (body instanceof Uint8Array) {
    if (!writeHead(response, answer, body.length)) return;
    response.end(body);
    return;
  }
  try {
    if (!writeHead(response, answer, body.bytes)) return;
    await pipeline(Readable.from(body.chunks, { objectMode: false }), response);
  } finally {
    await body.close();
  }
}

/** Sets all headers, and says whether anybody is there to take them. */
function writeHead(response: ServerResponse, answer: HttpAnswer, bodyBytes: number): boolean {
  if (response.destroyed || response.headersSent) return false;
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
  if (answer.index !== undefined) response.setHeader("x-quorate-index", String(answer.index));
  response.setHeader("content-type", answer.contentType);
  response.setHeader("content-length", String(bodyBytes));
  response.setHeader("cache-control", "no-store");
  response.setHeader("x-content-type-options", "nosniff");
  return true;
}
