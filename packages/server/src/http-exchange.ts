import { request as startRequest, type Agent, type IncomingHttpHeaders } from "node:http";

/** One request to one endpoint. */
export interface Exchange {
  readonly endpoint: URL;
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** The path and the query, percent-encoded; sent as it is. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** How long the exchange may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A whole response. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An exchange that ended without a response. */
export class ExchangeError extends Error {
  override readonly name = "ExchangeError";
  /** Whether the endpoint may have received the request. If not, it certainly had no effect. */
  readonly sent: boolean;

  constructor(message: string, sent: boolean) {
    super(message);
    this.sent = sent;
  }
}

/** The longest response that is held, in bytes: a value, or a status, with room to spare. */
const replyBytesMax = 4 * 1024 * 1024;

/** Sends one request and reads the whole response. Rejects with an `ExchangeError` and nothing else. */
export function exchange(agent: Agent, call: Exchange): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let sent = false;
    const request = startRequest({
      agent,
      host: hostOf(call.endpoint),
      port: call.endpoint.port === "" ? 80 : Number(call.endpoint.port),
      method: call.method,
      path: call.path,
      headers: { ...call.headers, "content-length": String(call.body?.length ?? 0) },
    });
    const timer = setTimeout(() => {
      request.destroy(new Error(`no answer within ${call.timeoutMs} ms`));
    }, call.timeoutMs);
    const abort = (): void => {
      request.destroy(new Error("aborted by the caller"));
    };
    const settle = (): void => {
      clearTimeout(timer);
      call.signal?.removeEventListener("abort", abort);
    };
    call.signal?.addEventListener("abort", abort);

    request.on("socket", (socket) => {
      // Nothing leaves before the connection stands, so a refused one had no effect.
      if (!socket.connecting) sent = true;
      else socket.once("connect", () => (sent = true));
    });
    request.on("error", (error) => {
      settle();
      reject(new ExchangeError(describe(error), sent));
    });
    request.on("response", (response) => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      response.on("data", (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes > replyBytesMax) request.destroy(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      response.on("error", (error) => {
        settle();
        reject(new ExchangeError(describe(error), true));
      });
      response.on("end", () => {
        settle();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        });
      });
    });
    if (call.signal?.aborted === true) abort();
    else request.end(call.body);
  });
}

/** One response that is too long to be held, or one that refuses. */
export type Download =
  | { readonly kind: "whole"; readonly bytes: number }
  | { readonly kind: "refused"; reply: Reply };

/**
 * Reads the response of `url` piece by piece; each waits until `take` has taken the one before. Rejects
 * with an `ExchangeError` if nothing arrives for `stallMs`, or the response is cut short, and with what
 * `take` rejects with.
 */
export async function download(
  url: URL,
  options: { readonly stallMs: number; readonly signal?: AbortSignal | undefined },
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<Download> {
  const stalled = new AbortController();
  const reason = new Error(`nothing arrived for ${options.stallMs} ms`);
  const timer = setTimeout(() => stalled.abort(reason), options.stallMs);
  const { signal } = options;
  const signals = signal === undefined ? [stalled.signal] : [stalled.signal, signal];
  let taking = false;
  try {
    const response = await fetch(url, { signal: AbortSignal.any(signals) });
    if (response.status !== 200) return { kind: "refused", reply: await refusalOf(response) };
    let bytes = 0;
    for await (const chunk of piecesOf(response)) {
      bytes += chunk.length;
      taking = true;
      await take(chunk);
      taking = false;
      timer.refresh();
    }
    return { kind: "whole", bytes };
  } catch (error) {
    if (taking) throw error;
    const message = error instanceof Error ? describe(causeOf(error)) : String(error);
    throw new ExchangeError(message, true);
  } finally {
    clearTimeout(timer);
  }
}

async function* piecesOf({ body }: Response): AsyncGenerator<Uint8Array, undefined> {
  const pieces: AsyncIterable<unknown> | readonly unknown[] = body ?? [];
  for await (const piece of pieces) {
    if (piece instanceof Uint8Array) yield piece;
  }
}

async function refusalOf(response: Response): Promise<Reply> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of piecesOf(response)) {
    bytes += chunk.length;
    if (bytes > replyBytesMax) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  const headers = Object.fromEntries(response.headers);
  return { status: response.status, headers, body: Buffer.concat(chunks) };
}

/** What is behind an error of `fetch`, which itself says next to nothing. */
function causeOf(error: Error): Error {
  return error.cause instanceof Error ? error.cause : error;
}

/** The host to connect to: the brackets of an IPv6 address belong to the URL only. */
function hostOf(endpoint: URL): string {
  return endpoint.hostname.replace(/^\[|\]$/g, "");
}

function describe(error: Error & { code?: string }): string {
  return error.message === "" ? (error.code ?? "connection failed") : error.message;
}
