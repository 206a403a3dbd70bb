import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { ClientConnections } from "./client-connections.ts";

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
export function exchange(connections: ClientConnections, call: Exchange): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let sent = false;
    const headers = { ...call.headers, "content-length": String(call.body?.length ?? 0) };
    const request = connections.start({ ...call, headers });
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
      const stands = call.endpoint.protocol === "https:" ? "secureConnect" : "connect";
      if (!socket.connecting) sent = true;
      else socket.once(stands, () => (sent = true));
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
  connections: ClientConnections,
  url: URL,
  options: { readonly stallMs: number; readonly signal?: AbortSignal | undefined },
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<Download> {
  const { signal, stallMs } = options;
  const request = connections.start({
    endpoint: url,
    method: "GET",
    path: url.pathname,
    headers: {},
  });
  const timer = setTimeout(() => {
    request.destroy(new Error(`nothing arrived for ${stallMs} ms`));
  }, stallMs);
  const abort = (): void => {
    request.destroy(new Error("aborted by the caller"));
  };
  signal?.addEventListener("abort", abort);
  let taking = false;
  try {
    const answered = responseOf(request);
    if (signal?.aborted === true) abort();
    else request.end();
    const response = await answered;
    if (response.statusCode !== 200) return { kind: "refused", reply: await refusalOf(response) };
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
    throw new ExchangeError(error instanceof Error ? describe(error) : String(error), true);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    request.destroy();
  }
}

/** Resolves with the head of the response; what goes wrong later is told by the response. */
function responseOf(request: ReturnType<ClientConnections["start"]>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", resolve);
  });
}

async function* piecesOf(response: IncomingMessage): AsyncGenerator<Uint8Array, undefined> {
  const pieces: AsyncIterable<unknown> = response;
  for await (const piece of pieces) {
    if (piece instanceof Uint8Array) yield piece;
  }
}

async function refusalOf(response: IncomingMessage): Promise<Reply> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of piecesOf(response)) {
    bytes += chunk.length;
    if (bytes > replyBytesMax) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  const { statusCode = 0, headers } = response;
  return { status: statusCode, headers, body: Buffer.concat(chunks) };
}

function describe(error: Error & { code?: string }): string {
  if (/wrong.version.number|packet.length.too.long/i.test(`${error.code ?? ""} ${error.message}`)) {
    return "it does not seem to speak TLS";
  }
  return error.message === "" ? (error.code ?? "connection failed") : error.message;
}
