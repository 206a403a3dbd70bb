import type { IncomingMessage, ServerResponse } from "node:http";
import { ApiError } from "./api-error.ts";

/**
 * How much of a body is still read after the request was refused, in bytes. Reading on lets a client
 * that sends first and listens later get the answer; beyond this it is cut off.
 */
const discardBytesMax = 8 * 1024 * 1024;

/** Bounds the bytes of request bodies that the server holds at once, over all its connections. */
export class BodyBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes taken and not given back. At most the limit. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes `bytes`; false if that would exceed the limit, and then nothing is taken. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** A body that was read. `release` gives its bytes back to the budget; call it once. */
export interface Body {
  readonly bytes: Uint8Array;
  release(): void;
}

/** What bounds a body. */
export interface BodyLimits {
  /** What the body is, as messages call it. */
  readonly noun: string;
  /** How many bytes it may have. */
  readonly bytesMax: number;
  readonly budget: BodyBudget;
}

/**
 * Reads the body of `request`. Rejects with `too_large` as soon as it is known to exceed its limit, with
 * `busy` when the budget is spent, and with `aborted` if the client goes away; what still arrives is
 * then thrown away, up to a limit.
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
): Promise<Body> {
  const refusal = refusalOf(request, limits);
  if (refusal !== undefined) {
    refuseBody(request, response);
    return Promise.reject(refusal);
  }
  if (expectsContinue(request)) response.writeContinue();
  return collect(request, limits);
}

/** Whether a body follows the head of `request`. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return (headers["content-length"] ?? "0") !== "0" || headers["transfer-encoding"] !== undefined;
}

/** Takes no body: what still arrives is thrown away, up to a limit. */
export function refuseBody(request: IncomingMessage, response: ServerResponse): void {
  if (expectsContinue(request)) response.setHeader("connection", "close");
  else discard(request);
}

/** What can be said against a body before it arrives. */
function refusalOf(request: IncomingMessage, limits: BodyLimits): ApiError | undefined {
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    return new ApiError("invalid_argument", `content-encoding is "${encoding}", must be absent`);
  }
  const length = Number(request.headers["content-length"] ?? 0);
  return length > limits.bytesMax ? tooLarge(limits) : undefined;
}

function expectsContinue(request: IncomingMessage): boolean {
  return request.headers.expect?.toLowerCase() === "100-continue";
}

function collect(request: IncomingMessage, limits: BodyLimits): Promise<Body> {
  const { bytesMax, budget } = limits;
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const release = (): void => budget.give(bytes);
    const refuse = (error: ApiError): void => {
      request.off("data", onData).off("end", onEnd).off("close", onClose);
      release();
      discard(request);
      reject(error);
    };
    const onData = (chunk: Uint8Array): void => {
      if (bytes + chunk.length > bytesMax) return refuse(tooLarge(limits));
      if (!budget.take(chunk.length)) {
        return refuse(new ApiError("busy", "too many bytes of other requests are being served"));
      }
      bytes += chunk.length;
      chunks.push(chunk);
    };
    const onEnd = (): void => {
      request.off("close", onClose);
      resolve({ bytes: joined(chunks), release });
    };
    const onClose = (): void => {
      release();
      // Nothing was handed over yet, so nothing can have happened.
      reject(new ApiError("aborted", "the request was cut short", { outcome: "not-applied" }));
    };
    request.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

/** Reads and forgets the rest of `request`; cuts the connection when that is too much. */
function discard(request: IncomingMessage): void {
  let bytes = 0;
  request.on("data", (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > discardBytesMax) request.destroy();
  });
}

function tooLarge({ noun, bytesMax }: BodyLimits): ApiError {
  return new ApiError("too_large", `the ${noun} has more than ${bytesMax} bytes`);
}
