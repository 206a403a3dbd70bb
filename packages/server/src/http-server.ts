import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Server as NetServer, type AddressInfo, type Socket } from "node:net";
import type { RaftError, RegisteredTracer, SnapshotArchive } from "quorate";
import { ApiError, apiErrorOf } from "./api-error.ts";
import { errorAnswer, sendAnswer, type HttpAnswer } from "./http-answer.ts";
import { HttpAccess } from "./http-access.ts";
import { Answers, type HttpServerMetrics, idleMs } from "./http-answers.ts";
import { type DoorLimits, HttpDoor } from "./http-door.ts";
import { createListener, type HttpListener, type HttpTlsOptions } from "./http-listener.ts";
import { answerClientError } from "./http-refusal.ts";
import { timeoutMsMax } from "./http-request.ts";
import type { KvReplica } from "./kv-calls.ts";
import { hasBody, refuseBody } from "./request-body.ts";

/** How the HTTP interface behaves. */
export interface HttpServerOptions extends DoorLimits {
  /**
   * How connections are secured, and whether clients must show a certificate.
   *
   * @default not at all
   */
  readonly tls?: HttpTlsOptions | undefined;
  /**
   * The file of bearer tokens, of which every request must show one; it is followed while the server
   * runs. `/healthz` and `/readyz` need none.
   *
   * @default requests need none
   */
  readonly tokenFile?: string | undefined;
  /** Told when the tokens have changed; `error` says why they are not used. By default nobody is. */
  readonly onTokens?: (error?: RaftError) => void;
  /**
   * How often the file of tokens is looked at, in milliseconds, 10 to 3,600,000.
   *
   * @default 1000
   */
  readonly tokenCheckMs?: number | undefined;
  /**
   * How long a request about a key may take that does not say it, in milliseconds.
   *
   * @default 10_000
   */
  readonly callTimeoutMs?: number;
  /**
   * Opens the newest snapshot of the node, which clients may copy; undefined if there is none yet.
   *
   * @default there never is one
   */
  readonly openSnapshot?: () => Promise<SnapshotArchive | undefined>;
  /**
   * Does the work of a request as a part of the trace that its headers tell of.
   *
   * @default headers are not looked at
   */
  readonly continueTrace?: RegisteredTracer["continueTrace"] | undefined;
  /**
   * What `GET /metrics` answers.
   *
   * @default there are none
   */
  readonly metrics?: HttpServerMetrics;
  /**
   * How many copies of snapshots are sent at once; further requests are refused as `busy`.
   *
   * @default 4
   */
  readonly snapshotCountMax?: number;
  /**
   * How many connections may be open at once; further ones are closed at once.
   *
   * @default 1024
   */
  readonly connectionCountMax?: number;
  /**
   * How many bytes of request bodies are held at once; beyond it requests are refused as `busy`.
   *
   * @default 64 MiB
   */
  readonly bodyBytesMax?: number;
  /**
   * How many bytes the head of a request may have; a longer one is refused as `head_too_large`.
   *
   * @default 16 KiB
   */
  readonly headBytesMax?: number;
  /**
   * How long the head and the whole of a request may take to arrive, in milliseconds. The handshake of
   * TLS may take as long as a head.
   *
   * @default 10_000 and 30_000
   */
  readonly headTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  /** Told of every defect that a client saw as `internal`. By default nobody is. */
  readonly onDefect?: (error: Error) => void;
}

/** The HTTP interface of one replica. */
export interface HttpServer {
  /** Starts to listen; port 0 picks a free one. Resolves with the port. Rejects if it cannot. */
  listen(host: string, port: number): Promise<number>;
  /**
   * Takes no further work: answers further requests with `closed`, on connections that end with the
   * answer, and waits until those in progress are answered, for `graceMs` at most. As long as connections
   * are open it also waits a moment for their next request: who is told goes elsewhere, while who is cut
   * off cannot know what became of a request that was on its way.
   */
  drain(graceMs: number): Promise<void>;
  /**
   * Stops listening, and cuts what is still open after a moment. Resolves when nothing is. Safe to call
   * again.
   */
  close(): Promise<void>;
}

/**
 * Makes the HTTP interface of `replica`. It does not listen yet. Throws `invalid_options` if certificates
 * or tokens cannot be used.
 */
export function createHttpServer(replica: KvReplica, options: HttpServerOptions = {}): HttpServer {
  return new KvHttpServer(replica, options);
}

/** How long open connections have to be told that the node is stopping, in milliseconds. */
const tellMs = 2_000;
/** How long connections live on that are open when nothing more is listened to, in milliseconds. */
const lastMs = 50;

class KvHttpServer implements HttpServer {
  readonly #server: HttpListener["server"];
  readonly #credentials: HttpListener["credentials"];
  readonly #access: HttpAccess;
  readonly #door: HttpDoor;
  readonly #answers: Answers;
  readonly #onDefect: (error: Error) => void;
  readonly #continueTrace: RegisteredTracer["continueTrace"];
  /** Requests that were received and not yet answered. */
  #activeCount = 0;
  /** Open connections, encrypted or not, those whose handshake is not over included. */
  readonly #connections = new Set<Socket>();
  #draining = false;
  /** Told when a request was answered, or a connection ended. */
  readonly #onEnd = new Set<() => void>();

  constructor(replica: KvReplica, options: HttpServerOptions) {
    this.#onDefect = options.onDefect ?? (() => {});
    this.#continueTrace = options.continueTrace ?? ((_headers, work) => work());
    this.#answers = new Answers(replica, {
      callTimeoutMs: options.callTimeoutMs ?? 10_000,
      openSnapshot: options.openSnapshot ?? (async () => undefined),
      snapshotCountMax: options.snapshotCountMax ?? 4,
      metrics: options.metrics,
      bodyBytesMax: options.bodyBytesMax ?? 64 * 1024 * 1024,
      isDraining: () => this.#draining,
    });
    const { server, credentials } = createListener(
      {
        headTimeoutMs: options.headTimeoutMs ?? 10_000,
        requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
        headBytesMax: options.headBytesMax ?? 16 * 1024,
      },
      options.tls,
    );
    this.#server = server;
    this.#credentials = credentials;
    this.#access = new HttpAccess({
      needsCertificate: options.tls?.ca !== undefined,
      tokenFile: options.tokenFile,
      onTokens: options.onTokens ?? (() => {}),
      checkMs: options.tokenCheckMs,
    });
    this.#door = new HttpDoor(this.#access, options);
    this.#server.maxConnections = options.connectionCountMax ?? 1024;
    // A client that neither sends nor takes anything; longer than any request about a key may wait.
    this.#server.timeout = timeoutMsMax + idleMs;
    this.#follow(server);
  }

  /** Takes what arrives at `server`, encrypted or not. */
  #follow(server: NetServer): void {
    const listener: RequestListener = (request, response) => {
      this.#serve(request, response);
    };
    server.on("request", listener);
    server.on("checkContinue", listener);
    server.on("clientError", answerClientError);
    server.on("connection", (socket: Socket) => {
      // Each request of those that wait in one connection listens to its end.
      socket.setMaxListeners(0);
      this.#door.enter(socket);
      this.#connections.add(socket);
      socket.once("close", () => {
        this.#connections.delete(socket);
        for (const look of this.#onEnd) look();
      });
    });
  }

  listen(host: string, port: number): Promise<number> {
    this.#access.start();
    this.#credentials?.start();
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        resolve(portOf(this.#server.address()));
      });
    });
  }

  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    await Promise.all([
      this.#within(graceMs, () => this.#activeCount === 0),
      this.#within(tellMs, () => this.#connections.size === 0),
    ]);
  }

  /** Resolves once `condition` holds, or after `ms`. */
  async #within(ms: number, condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (condition()) finish();
      };
      const finish = (): void => {
        clearTimeout(timer);
        this.#onEnd.delete(look);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      this.#onEnd.add(look);
    });
  }

  async close(): Promise<void> {
    this.#draining = true;
    this.#access.close();
    this.#credentials?.close();
    // That of `net` stops to listen and no more, while that of `http` cuts connections that seem idle.
    NetServer.prototype.close.call(this.#server);
    // An answer that was just written, or that is due to what has just arrived, gets its turn to leave.
    await this.#within(lastMs, () => this.#connections.size === 0);
    await new Promise<void>((resolve) => {
      // The error says that it is closed already, which is as good.
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
      for (const socket of this.#connections) socket.destroy();
    });
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const abort = new AbortController();
    this.#activeCount += 1;
    const { socket } = request;
    const settle = (): void => {
      if (abort.signal.aborted) return;
      response.off("close", settle);
      socket.off("close", settle);
      abort.abort();
      this.#activeCount -= 1;
      for (const look of this.#onEnd) look();
    };
    response.on("close", settle);
    // A response that still waits behind another one of its connection is not told of its end.
    socket.on("close", settle);
    this.#answer(request, response, abort.signal)
      .catch((thrown: unknown) => {
        const error = apiErrorOf(thrown, request.method === "GET" ? "read" : "write");
        if (error.code === "internal") this.#onDefect(error);
        return errorAnswer(error);
      })
      .then((answer) => this.#send(response, answer))
      .catch((thrown: unknown) => {
        const isGone = response.destroyed && response.errored === null;
        if (!isGone) this.#onDefect(new Error("an answer could not be sent", { cause: thrown }));
      });
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    try {
      this.#door.check(request, this.#activeCount);
    } catch (error) {
      // Who comes with a certificate that was not trusted gets another chance on another connection.
      const isUnknown = error instanceof ApiError && error.code === "unauthenticated";
      if (isUnknown && !hasBody(request)) response.setHeader("connection", "close");
      refuseBody(request, response);
      throw error;
    }
    const answer = (): Promise<HttpAnswer> => this.#answers.answer(request, response, signal);
    return this.#continueTrace(request.headers, answer);
  }

  async #send(response: ServerResponse, answer: HttpAnswer): Promise<void> {
    if (this.#draining && !response.headersSent) response.setHeader("connection", "close");
    await sendAnswer(response, answer);
  }
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}
