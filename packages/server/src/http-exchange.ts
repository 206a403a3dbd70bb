import { request as startRequest, type Agent, type IncomingHttpHeaders } from "node:http";

/** One request to one endpoint. */
export interface Exchange {
  readonly endpoint: URL;
  readonly method: "GET" | "PUT" | "DELETE";
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

/** The longest response that is read, in bytes: a value, or a status, with room to spare. */
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

/** The host to connect to: the brackets of an IPv6 address belong to the URL only. */
function hostOf(endpoint: URL): string {
  return endpoint.hostname.replace(/^\[|\]$/g, "");
}

function describe(error: Error & { code?: string }): string {
  return error.message === "" ? (error.code ?? "connection failed") : error.message;
}
