import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { ApiError, type ApiErrorCode } from "./api-error.ts";
import { errorAnswer, type WholeAnswer } from "./http-answer.ts";

/** The answer to a method that the resource does not know; it knows those of `allowed`. */
export function methodNotAllowed(
  request: IncomingMessage,
  allowed: readonly string[],
): WholeAnswer {
  const allow = allowed.join(", ");
  const message = `the method is ${request.method ?? "missing"}, must be one of ${allow}`;
  return { ...errorAnswer(new ApiError("method_not_allowed", message)), headers: { allow } };
}

/**
 * Throws `unsupported_media_type` unless the request says that it sends JSON: a page of another origin
 * cannot make a browser say that without asking first, which is refused.
 */
export function refuseOtherThanJson(request: IncomingMessage): void {
  const type = request.headers["content-type"] ?? "";
  if (/^application\/json *(;|$)/i.test(type)) return;
  throw new ApiError(
    "unsupported_media_type",
    `content-type is "${type}", must be application/json`,
  );
}

/** Answers what could not be parsed as a request; there is no `ServerResponse` for it. */
export function answerClientError(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const refusal = new ApiError(clientErrorCode(error.code), "the request could not be read");
  const { body } = errorAnswer(refusal);
  const head = [
    `HTTP/1.1 ${refusal.status} ${refusal.code}`,
    "connection: close",
    "content-type: application/json",
    `content-length: ${body.length}`,
  ];
  socket.end(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]));
}

function clientErrorCode(code: string | undefined): ApiErrorCode {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return "head_too_large";
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return "request_timeout";
    default:
      return "bad_request";
  }
}
