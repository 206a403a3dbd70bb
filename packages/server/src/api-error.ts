import { RaftError, type ErrorCode, type Outcome } from "quorate";

/** Every code that an answer of the HTTP interface may carry: those of the replica, and these. */
export type ApiErrorCode =
  | ErrorCode
  /** The key has no value, or the node no snapshot or no leader. The request was answered. */
  | "not_found"
  /** Another write was made under the same idempotency key, or number of a session. */
  | "idempotency_conflict"
  /** No such resource exists, whatever its method. */
  | "unknown_path"
  /** The resource exists and does not know the method; `allow` names those it does. */
  | "method_not_allowed"
  /** What arrived is not HTTP. */
  | "bad_request"
  /** The request did not arrive in time. */
  | "request_timeout"
  /** The request's head is too large. */
  | "head_too_large"
  /** The body is of a kind that the resource does not take; it must say `application/json`. */
  | "unsupported_media_type"
  /** The token is good for reading only. */
  | "forbidden"
  /** The address of the client makes too many requests. */
  | "rate_limited"
  /** A defect of the server. */
  | "internal"
  /** Client only: the request was sent, and no answer came. */
  | "no_answer"
  /** Client only: what answered is not a server of this kind. */
  | "bad_answer";

/** What accompanies an error of the HTTP interface. */
export interface ApiErrorOptions {
  /** What the request left behind. By default what the code says. */
  readonly outcome?: Outcome;
  /** The status of the answer. By default what the code says. */
  readonly status?: number;
  readonly cause?: unknown;
}

/**
 * A failed request, on either side of the connection: the server answers with it, the client throws
 * it. `message` is for people; programs read `code` and `outcome`.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** One of `ApiErrorCode`, or one that only a later version of the server knows. */
  readonly code: string;
  /** Whether the request certainly had no effect, or may have had one, or may yet have. */
  readonly outcome: Outcome;
  /** The HTTP status. */
  readonly status: number;
  readonly #code: ApiErrorCode;

  constructor(code: ApiErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.#code = code;
    this.outcome = options.outcome ?? outcomeOf(code);
    this.status = options.status ?? statusOf(code, this.outcome);
  }

  /** The same error with another outcome, which follows from `cause`. */
  withOutcome(outcome: Outcome, cause: unknown): ApiError {
    const { message, status } = this;
    return new ApiError(this.#code, message, { outcome, status, cause });
  }
}

/** What a call of the replica was for. A read changes nothing, whatever becomes of it. */
export type CallKind = "read" | "write";

/** The answer for whatever was thrown while a request was served. */
export function apiErrorOf(thrown: unknown, call: CallKind): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const outcome = call === "read" ? "not-applied" : "unknown";
  if (!(thrown instanceof RaftError)) {
    return new ApiError("internal", "the server failed to serve the request", {
      outcome,
      cause: thrown,
    });
  }
  return new ApiError(thrown.code, withoutCode(thrown), {
    outcome: call === "read" ? "not-applied" : thrown.outcome,
    cause: thrown,
  });
}

/** The message of `error` without its code, for where the code stands apart or means nothing. */
export function withoutCode(error: RaftError): string {
  const prefix = `${error.code}: `;
  return error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message;
}

function outcomeOf(code: ApiErrorCode): Outcome {
  switch (code) {
    case "not_found":
    case "idempotency_conflict":
    case "unknown_path":
    case "method_not_allowed":
    case "bad_request":
    case "request_timeout":
    case "head_too_large":
    case "unsupported_media_type":
    case "forbidden":
    case "rate_limited":
      return "not-applied";
    case "internal":
    case "no_answer":
    case "bad_answer":
      return "unknown";
    default:
      return new RaftError(code, "").outcome;
  }
}

function statusOf(code: ApiErrorCode, outcome: Outcome): number {
  switch (code) {
    case "bad_request":
    case "invalid_argument":
      return 400;
    case "unauthenticated":
      return 401;
    case "forbidden":
      return 403;
    case "not_found":
    case "unknown_path":
      return 404;
    case "method_not_allowed":
      return 405;
    case "request_timeout":
      return 408;
    case "is_leader":
    case "lease_promised":
    case "change_pending":
    case "catch_up_failed":
    case "transfer_failed":
    case "idempotency_conflict":
      return 409;
    case "removed":
    case "session_expired":
      return 410;
    case "configuration_changed":
      return 412;
    case "too_large":
      return 413;
    case "unsupported_media_type":
      return 415;
    case "invalid_change":
      return 422;
    case "busy":
    case "rate_limited":
      return 429;
    case "head_too_large":
      return 431;
    case "internal":
      return 500;
    case "disk_full":
      return 507;
    default:
      return outcome === "unknown" ? 504 : 503;
  }
}
