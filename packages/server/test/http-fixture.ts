import { createHttpServer, type HttpServer, type HttpServerOptions } from "../src/http-server.ts";
import { MemoryReplica } from "./memory-replica.ts";
import { RawConnection } from "./raw-connection.ts";

/** An HTTP interface that listens, over a replica that a test decides about, and clients of it. */
export class HttpFixture {
  readonly replica = new MemoryReplica();
  readonly #connections: RawConnection[] = [];
  #server: HttpServer;
  #port = 0;

  constructor(options: HttpServerOptions) {
    this.#server = createHttpServer(this.replica, options);
  }

  static async start(options: HttpServerOptions = {}): Promise<HttpFixture> {
    const fixture = new HttpFixture(options);
    fixture.#port = await fixture.#server.listen("127.0.0.1", 0);
    return fixture;
  }

  get server(): HttpServer {
    return this.#server;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens anew, with other options. */
  async restart(options: HttpServerOptions): Promise<void> {
    await this.#server.close();
    this.#server = createHttpServer(this.replica, options);
    this.#port = await this.#server.listen("127.0.0.1", 0);
  }

  /** A connection of bytes. */
  connect(): RawConnection {
    const connection = new RawConnection(this.#port);
    this.#connections.push(connection);
    return connection;
  }

  /** A request as any client sends it. */
  send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.#port}${path}`, { method, ...init });
  }

  /** Lets held calls end, and closes everything. */
  async close(): Promise<void> {
    this.replica.release();
    for (const connection of this.#connections) connection.destroy();
    await this.#server.close();
  }
}

/** The error in `response`, with its status. */
export async function errorOf(response: Response): Promise<object> {
  return { status: response.status, ...((await response.json()) as object) };
}
