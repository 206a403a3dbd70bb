import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { Server as NetServer, type AddressInfo } from "node:net";
import type { SnapshotArchive } from "quorate";
import { apiErrorOf } from "./api-error.ts";
import { errorAnswer, sendAnswer, type HttpAnswer } from "./http-answer.ts";
import { Answers, idleMs } from "./http-answers.ts";
import { answerClientError } from "./http-refusal.ts";
import { timeoutMsMax } from "./http-request.ts";
import type { KvReplica } from "./kv-calls.ts";

/** How the HTTP interface behaves. */
export interface HttpServerOptions {
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
   * How long the head and the whole of a request may take to arrive, in milliseconds.
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

/** Makes the HTTP interface of `replica`. It does not listen yet. */
export function createHttpServer(replica: KvReplica, options: HttpServerOptions = {}): HttpServer {
  return new KvHttpServer(replica, options);
}

/** How long open connections have to be told that the node is stopping, in milliseconds. */
const tellMs = 2_000;
/** How long connections live on that are open when nothing more is listened to, in milliseconds. */
const lastMs = 50;

class KvHttpServer implements HttpServer {
  readonly #server: Server;
  readonly #answers: Answers;
  readonly #onDefect: (error: Error) => void;
  /** Requests that were received and not yet answered. */
  #activeCount = 0;
  #connectionCount = 0;
  #draining = false;
  /** Told when a request was answered, or a connection ended. */
  readonly #onEnd = new Set<() => void>();

  constructor(replica: KvReplica, options: HttpServerOptions) {
    this.#onDefect = options.onDefect ?? (() => {});
    this.#answers = new Answers(replica, {
      callTimeoutMs: options.callTimeoutMs ?? 10_000,
      openSnapshot: options.openSnapshot ?? (async () => undefined),
      snapshotCountMax: options.snapshotCountMax ?? 4,
      bodyBytesMax: options.bodyBytesMax ?? 64 * 1024 * 1024,
      isDraining: () => this.#draining,
    });
    this.#server = createServer({
      headersTimeout: options.headTimeoutMs ?? 10_000,
      requestTimeout: options.requestTimeoutMs ?? 30_000,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 30_000,
    });
    this.#server.maxConnections = options.connectionCountMax ?? 1024;
    // A client that neither sends nor takes anything; longer than any request about a key may wait.
    this.#server.timeout = timeoutMsMax + idleMs;
    const listener: RequestListener = (request, response) => {
      this.#serve(request, response);
    };
    this.#server.on("request", listener);
    this.#server.on("checkContinue", listener);
    this.#server.on("clientError", answerClientError);
    this.#server.on("connection", (socket) => {
      this.#connectionCount += 1;
      socket.once("close", () => {
        this.#connectionCount -= 1;
        for (const look of this.#onEnd) look();
      });
    });
  }

  listen(host: string, port: number): Promise<number> {
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
      this.#within(tellMs, () => this.#connectionCount === 0),
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
    // That of `net` stops to listen and no more, while that of `http` cuts connections that seem idle.
    NetServer.prototype.close.call(this.#server);
    // An answer that was just written, or that is due to what has just arrived, gets its turn to leave.
    await this.#within(lastMs, () => this.#connectionCount === 0);
    await new Promise<void>((resolve) => {
      // The error says that it is closed already, which is as good.
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
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
    this.#answers
      .answer(request, response, abort.signal)
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

  async #send(response: ServerResponse, answer: HttpAnswer): Promise<void> {
    if (this.#draining && !response.headersSent) response.setHeader("connection", "close");
    await sendAnswer(response, answer);
  }
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}
